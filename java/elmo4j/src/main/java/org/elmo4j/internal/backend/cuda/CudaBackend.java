// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.ShortPointer;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.backend.Batch;
import org.elmo4j.internal.backend.LstmState;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.internal.kernels.CudaKernels;
import org.elmo4j.internal.model.ModelWeights;
import org.elmo4j.weights.ModelOptions;

/**
 * The forward pass on a CUDA device. A call uses the stream of its thread and waits for that stream
 * only, at its end, so that calls of several threads overlap. One copy from pinned memory brings
 * the description of a batch to the device.
 */
public final class CudaBackend implements Backend {
  /** Enough for about 1,600 sentences of 25 tokens to run side by side, which fills a large GPU. */
  private static final int BATCH_POSITIONS = 40_960;

  /** The most words that one kernel call computes, which limits its memory. */
  private static final int WORDS_PER_CALL = 16_384;

  private static final long MAX_WORKSPACE = 8L << 30;

  private final CudaWeights weights;
  private final ModelOptions options;
  private final CudaDevice device;
  private final int type;
  private final CudaStream shared; // the stream of memory that all calls use
  private final LongAdder hostNanos = new LongAdder();
  private final LongAdder waitNanos = new LongAdder();

  /**
   * Reads the weights, packs them for the kernels, and copies them to the device.
   *
   * @param precision {@code FP16} or {@code FP32}
   * @throws ElmoException if the device has too little memory, or the kernels cannot run the model
   */
  public CudaBackend(ModelWeights store, Device device, Precision precision) {
    weights = new CudaWeights(store, CudaDevices.get(device.index()), precision);
    options = weights.options;
    this.device = weights.device;
    type = weights.type;
    try {
      shared = new CudaStream(this.device);
    } catch (Throwable e) {
      weights.close();
      throw e;
    }
  }

  @Override
  public Device device() {
    return Device.cuda(device.index());
  }

  @Override
  public Precision precision() {
    return type == CudaKernels.ELMO4J_F16 ? Precision.FP16 : Precision.FP32;
  }

  @Override
  public long weightBytes() {
    return weights.bytes();
  }

  /** One, since the device itself splits the work of a batch. */
  @Override
  public int parallelism() {
    return 1;
  }

  /**
   * Two: while one call computes, the input of the next is copied up and results are copied down.
   */
  @Override
  public int concurrentRuns() {
    return 2;
  }

  @Override
  public int batchPositions() {
    return BATCH_POSITIONS;
  }

  @Override
  public long workspaceBytes(int sentences, int positions) {
    return new CudaBatchRun.Layout(
            weights, sentences, positions, positions, options.lstmLayers(), 0)
        .bytes;
  }

  /** A quarter of the memory that is free once the model is loaded. */
  @Override
  public long defaultWorkspaceBytes() {
    device.enter();
    return Math.max(16L << 20, Math.min(MAX_WORKSPACE, device.freeBytes() / 4));
  }

  @Override
  public int numberBytes() {
    return weights.numberBytes();
  }

  @Override
  public Memory allocate(long bytes) {
    device.enter();
    return device.allocate(bytes);
  }

  @Override
  public Memory allocateShared(long bytes) {
    device.enter();
    return device.allocate(bytes, shared);
  }

  @Override
  public void clear(Memory memory) {
    device.enter();
    CudaStream stream = stream(memory);
    device.clear(memory.bytePointer(0), memory.bytes(), stream);
    end(stream, memory);
  }

  /** Returns the calling thread's stream, after making it wait until these memories can be used. */
  private CudaStream stream(Memory... memories) {
    CudaStream stream = device.stream();
    for (Memory memory : memories) {
      stream.waitFor(((CudaMemory) memory).owner());
    }
    return stream;
  }

  /** Makes later work on the memories' own streams wait for the work of this call. */
  private static void end(CudaStream stream, Memory... memories) {
    for (Memory memory : memories) {
      ((CudaMemory) memory).owner().waitFor(stream);
    }
  }

  @Override
  public void copyRows(
      int dim, int numberBytes, int count, Memory source, int[] from, Memory target, int[] to) {
    if (count == 0) {
      return;
    }
    device.enter();
    CudaStream stream = stream(source, target);
    long rowBytes = (long) dim * numberBytes;
    int kind = numberBytes == Float.BYTES ? CudaKernels.ELMO4J_F32 : CudaKernels.ELMO4J_F16;
    boolean gathered = isRun(to, count);
    long rows = gathered ? 0 : count * rowBytes;
    try (CudaMemory index = device.allocate(2L * count * Integer.BYTES, stream);
        CudaMemory scratch = device.allocate(rows, stream)) {
      stream.upload(
          index.bytePointer(0),
          index.bytes(),
          pinned -> {
            new IntPointer(pinned.pointer(0)).put(from, 0, count);
            new IntPointer(pinned.pointer((long) count * Integer.BYTES)).put(to, 0, count);
          });
      device.check(
          CudaKernels.elmo4j_cuda_gather_rows(
              kind,
              count,
              dim,
              source.bytePointer(0),
              index.intPointer(0),
              gathered ? target.bytePointer(to[0] * rowBytes) : scratch.bytePointer(0),
              stream.handle()),
          "elmo4j_cuda_gather_rows");
      if (!gathered) {
        device.scatterRows(
            kind, count, dim, scratch.bytePointer(0), index.intPointer(count), target, stream);
      }
    }
    end(stream, source, target);
  }

  private static boolean isRun(int[] rows, int count) {
    for (int i = 1; i < count; i++) {
      if (rows[i] != rows[0] + i) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void copy(Memory source, Memory target) {
    device.enter();
    if (target instanceof NativeMemory) {
      stream(source);
      CudaMemory from = (CudaMemory) source;
      from.read(0, from.bytes(), (data, at, n) -> Pointer.memcpy(target.bytePointer(at), data, n));
    } else if (source instanceof NativeMemory) {
      write(source.bytePointer(0), source.bytes(), target);
      device.stream()
          .synchronize(); // The memory may be a result, which must be complete when the call
      // returns.
    } else {
      CudaStream stream = stream(source, target);
      device.copy(target.bytePointer(0), source.bytePointer(0), source.bytes(), stream);
      end(stream, source, target);
      stream.synchronize();
    }
  }

  /** Copies host memory to the device, one part at a time. */
  private void write(BytePointer source, long bytes, Memory target) {
    device.enter();
    CudaStream stream = stream(target);
    long part = 4 << 20;
    for (long at = 0; at < bytes; at += part) {
      long n = Math.min(part, bytes - at);
      BytePointer from = source.getPointer(at);
      stream.upload(
          target.bytePointer(at), n, pinned -> Pointer.memcpy(pinned.pointer(0), from, n));
    }
    end(stream, target);
  }

  @Override
  public void read(Memory source, int numberBytes, long offset, float[] target) {
    device.enter();
    stream(
        source); // Readers of a result need not wait, but here the work that wrote the memory may
    // still be running.
    if (numberBytes == Float.BYTES) {
      source.copyTo(offset, target);
      return;
    }
    float[] part = new float[target.length];
    ((CudaMemory) source)
        .read(
            offset * numberBytes,
            (long) target.length * numberBytes,
            (from, at, n) -> {
              int count = (int) (n / numberBytes);
              CudaKernels.elmo4j_cuda_to_floats(type, count, from, part);
              System.arraycopy(part, 0, target, (int) (at / numberBytes), count);
            });
  }

  @Override
  public void write(float[] source, Memory target) {
    try (NativeMemory numbers = NativeMemory.allocate((long) source.length * numberBytes())) {
      CudaKernels.elmo4j_cuda_from_floats(type, source.length, source, numbers.bytePointer(0));
      write(numbers.bytePointer(0), numbers.bytes(), target);
    }
  }

  @Override
  public void tokenRepresentations(int words, NativeMemory ids, int[] wordIds, Memory rows) {
    long began = System.nanoTime();
    device.enter();
    CudaStream stream = stream(rows);
    for (int first = 0; first < words; first += WORDS_PER_CALL) {
      tokenRepresentations(
          first, Math.min(WORDS_PER_CALL, words - first), ids, wordIds, rows, stream);
    }
    end(stream, rows);
    hostNanos.add(System.nanoTime() - began);
  }

  private void tokenRepresentations(
      int first, int words, NativeMemory ids, int[] wordIds, Memory rows, CudaStream stream) {
    int slots = options.maxCharactersPerToken();
    long idBytes = CudaMemory.align((long) words * slots * Short.BYTES);
    long wordBytes = options.wordDim() == 0 ? 0 : (long) words * Integer.BYTES;
    long workspaceBytes =
        CudaKernels.elmo4j_cuda_char_cnn_highway_workspace(weights.encoder, words);
    try (CudaMemory staged = device.allocate(idBytes + wordBytes, stream);
        CudaMemory workspace = device.allocate(workspaceBytes, stream)) {
      stream.upload(
          staged.bytePointer(0),
          staged.bytes(),
          pinned -> {
            Pointer.memcpy(
                pinned.pointer(0),
                ids.shortPointer((long) first * slots),
                (long) words * slots * Short.BYTES);
            if (wordBytes > 0) {
              new IntPointer(pinned.pointer(idBytes)).put(wordIds, first, words);
            }
          });
      device.check(
          CudaKernels.elmo4j_cuda_char_cnn_highway(
              weights.encoder,
              words,
              new ShortPointer(staged.bytePointer(0)),
              new IntPointer(staged.bytePointer(idBytes)),
              rows.bytePointer((long) first * options.projectionDim() * numberBytes()),
              workspace.bytePointer(0),
              stream.handle()),
          "elmo4j_cuda_char_cnn_highway");
    }
  }

  @Override
  public void run(List<Batch> batches, Memory words, LstmState state, List<Output> outputs) {
    if (state != null && !weights.biLm.carriesState()) {
      throw new ElmoException(
          "session: expected elmo4j.cuda.bilm=own, found cudnn, which carries no state");
    }
    long began = System.nanoTime();
    device.enter();
    CudaStream stream = stream(words);
    for (Output output : outputs) {
      output.targets().forEach(target -> stream.waitFor(((CudaMemory) target).owner()));
    }
    int layers =
        state != null
            ? options.lstmLayers() // the state is updated whatever outputs are requested
            : Output.topLayer(outputs);
    for (int layer = 0; state != null && layer < layers; layer++) {
      for (int direction = 0; direction < 2; direction++) {
        stream(state.hidden(layer, direction), state.cell(layer, direction));
      }
    }
    // The GPU writes there only if something is wrong. It is read when all work is done.
    int flags = outputs.size() * CudaBatchRun.FLAGS;
    PinnedPool.Block notFinite = device.pinned().take((long) flags * Integer.BYTES);
    try (notFinite) {
      new IntPointer(notFinite.pointer(0)).put(new int[flags]);
      run(batches, new Call(layers, words, state, outputs, notFinite, stream));
      long launched = System.nanoTime();
      stream.synchronize();
      hostNanos.add(launched - began);
      waitNanos.add(System.nanoTime() - launched);
      check(outputs, new IntPointer(notFinite.pointer(0)));
    }
  }

  /**
   * Throws if an output has a number that is not finite, and names the lowest layer that is known
   * to have one.
   */
  private void check(List<Output> outputs, IntPointer notFinite) {
    int lowest = Integer.MAX_VALUE;
    for (int i = 0; i < outputs.size(); i++) {
      int[] terms = outputs.get(i).terms();
      for (int k = 0; k <= terms.length; k++) {
        if (notFinite.get((long) i * CudaBatchRun.FLAGS + k) != 0) {
          lowest = Math.min(lowest, k < terms.length ? terms[k] : options.lstmLayers() + 1);
        }
      }
    }
    if (lowest < Integer.MAX_VALUE) {
      throw Output.notFinite(weights.source, lowest, options.lstmLayers());
    }
  }

  /**
   * What all batches of a call share.
   *
   * @param layers the number of layers to run
   * @param notFinite {@link CudaBatchRun#FLAGS} ints for each output
   */
  private record Call(
      int layers,
      Memory words,
      LstmState state,
      List<Output> outputs,
      PinnedPool.Block notFinite,
      CudaStream stream) {}

  private void run(List<Batch> batches, Call call) {
    try {
      for (Batch batch : batches) {
        run(batch, call);
      }
    } catch (Throwable e) {
      try {
        // No work of the failed call may still run when its memory is freed.
        call.stream.synchronize();
      } catch (ElmoException later) {
        e.addSuppressed(later);
      }
      throw e;
    }
  }

  /** Runs a batch. If the device has too little memory, it runs the batch in two halves. */
  private void run(Batch batch, Call call) {
    int shared = (int) call.outputs.stream().filter(output -> output.targets().size() > 1).count();
    PackedOrder order = PackedOrder.of(batch, Output.unreadSteps(call.outputs, call.state));
    CudaBatchRun.Layout layout =
        new CudaBatchRun.Layout(
            weights, batch.sentences(), batch.positions(), batch.length()[0], call.layers, shared);
    boolean begun = false;
    try (CudaMemory memory = device.allocate(layout.bytes, call.stream);
        CudaBatchRun run = new CudaBatchRun(weights, batch, order, layout, memory, call.stream)) {
      begun = true;
      run.run(call.layers, call.words, call.state, call.outputs, call.notFinite);
    } catch (OutOfDeviceMemory e) {
      // Writing outputs twice does no harm, but state that was updated must not be updated again.
      if (batch.sentences() == 1 || (begun && call.state != null)) {
        throw e;
      }
      int middle = batch.sentences() / 2;
      run(batch.part(0, middle), call);
      run(batch.part(middle, batch.sentences()), call);
    }
  }

  @Override
  public Map<String, Long> counts() {
    Map<String, Long> counts = new HashMap<>(weights.biLm.counts());
    counts.put("host_nanos", hostNanos.sum());
    counts.put("wait_nanos", waitNanos.sum());
    return counts;
  }

  @Override
  public void close() {
    weights.close();
    shared.close();
  }
}
