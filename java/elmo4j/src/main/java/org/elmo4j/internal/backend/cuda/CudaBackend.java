// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
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
import org.elmo4j.internal.backend.WeightReader;
import org.elmo4j.internal.kernels.CudaKernels;
import org.elmo4j.internal.model.ModelWeights;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.weights.ModelOptions;

/**
 * The forward pass on a CUDA device. A call works on its thread's stream and waits for that stream
 * alone, at its end; so calls of several threads overlap. What a batch needs to know of its
 * sentences goes up in one pinned copy.
 */
public final class CudaBackend implements Backend {
  /** Some 1,600 sentences of 25 tokens run side by side then, which fills a large GPU. */
  private static final int BATCH_POSITIONS = 40_960;

  /** Words that one call computes: what it needs of memory stays small. */
  private static final int WORDS_PER_CALL = 16_384;

  private static final long MAX_WORKSPACE = 8L << 30;

  private final ModelOptions options;
  private final CudaDevice device;
  private final int type;
  private final int products;
  private final short pad;
  private final List<CudaMemory> weights = new ArrayList<>();

  private final NativeMemory shape; // widths, filters
  private long charTable;
  private long charBias;
  private NativeMemory highways; // [2, layers] addresses: kernels, biases
  private long wordTable;
  private long projectionKernel;
  private long projectionBias;
  private BiLm biLm;

  /**
   * Reads the weights, packs them as the kernels want them, and brings them to the device.
   *
   * @param precision {@code FP16} or {@code FP32}
   * @throws ElmoException if the device has not the memory, or the model does not fit the kernels
   */
  public CudaBackend(ModelWeights store, Device device, Precision precision) {
    options = store.options();
    this.device = CudaDevices.get(device.index());
    if (precision == Precision.BF16 || precision == Precision.INT8) {
      String found = precision.name().toLowerCase(Locale.ROOT);
      throw new ElmoException("precision " + found + ": expected fp16 or fp32 on " + device);
    }
    limit(store, "LSTM layers", options.lstmLayers(), CudaKernels.ELMO4J_CUDA_MAX_TERMS - 1);
    limit(
        store,
        "filter widths",
        options.filters().size(),
        CudaKernels.ELMO4J_CUDA_MAX_FILTER_GROUPS);
    limit(store, "highway layers", options.highwayLayers(), CudaKernels.ELMO4J_CUDA_MAX_HIGHWAYS);
    type = precision == Precision.FP16 ? CudaKernels.ELMO4J_F16 : CudaKernels.ELMO4J_F32;
    products = products();
    pad = store.pad();
    this.device.enter();
    int groups = options.filters().size();
    shape = NativeMemory.allocate(2L * groups * Integer.BYTES);
    try (WeightReader reader = new WeightReader(store)) {
      for (int i = 0; i < groups; i++) {
        shape.intPointer(0).put(i, options.filters().get(i).width());
        shape.intPointer(groups).put(i, options.filters().get(i).count());
      }
      Uploader uploads = new Uploader(this.device, type, weights);
      loadTokens(store, reader, uploads);
      biLm =
          useCudnn()
              ? cudnn(reader, uploads)
              : new OwnBiLm(options, type, products, this.device, reader, uploads);
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /** By the system property {@code elmo4j.cuda.bilm}: own, which is the default, or cudnn. */
  private static boolean useCudnn() {
    String wanted = System.getProperty("elmo4j.cuda.bilm", "own");
    if (!wanted.matches("own|cudnn")) {
      throw new ElmoException("elmo4j.cuda.bilm: expected own or cudnn, found \"" + wanted + "\"");
    }
    return wanted.equals("cudnn");
  }

  /**
   * How halves are multiplied, by the system property {@code elmo4j.cuda.products}: wgmma, which is
   * the default and means mma where there is none, or mma.
   */
  private static int products() {
    String wanted = System.getProperty("elmo4j.cuda.products", "wgmma");
    if (!wanted.matches("wgmma|mma")) {
      throw new ElmoException(
          "elmo4j.cuda.products: expected wgmma or mma, found \"" + wanted + "\"");
    }
    return wanted.equals("mma") ? CudaKernels.ELMO4J_MMA : CudaKernels.ELMO4J_WGMMA;
  }

  private BiLm cudnn(WeightReader reader, Uploader uploads) {
    try {
      return new CudnnBiLm(options, type, device, reader, uploads);
    } catch (LinkageError e) {
      throw new ElmoException(
          "biLM by cuDNN: expected cuDNN 9 and org.bytedeco:cuda with its natives, found "
              + CudaDevices.deepestCause(e),
          e);
    }
  }

  private void limit(ModelWeights store, String what, int found, int most) {
    if (found > most) {
      throw new ElmoException(
          store.source()
              + ": expected at most "
              + most
              + " "
              + what
              + " on a CUDA device, found "
              + found);
    }
  }

  private void loadTokens(ModelWeights store, WeightReader reader, Uploader uploads) {
    int features = options.filterCount();
    long tableSize = WeightReader.charTableSize(options);
    try (NativeMemory table = NativeMemory.allocate((tableSize + features) * Float.BYTES)) {
      FloatPointer bias = table.floatPointer(tableSize);
      reader.charTable(options, table.floatPointer(0), bias);
      charTable = uploads.numbers(table.floatPointer(0), tableSize);
      charBias = uploads.floats(bias, features);
    }
    int layers = options.highwayLayers();
    highways = NativeMemory.allocate(2L * layers * Long.BYTES);
    LongPointer addresses = new LongPointer(highways.bytePointer(0));
    for (int i = 0; i < layers; i++) {
      try (Uploader.Packing packing = uploads.packing(features, features, 2);
          NativeMemory bias = NativeMemory.allocate(2L * features * Float.BYTES)) {
        packing.add(reader.read(TensorNames.carry(i)), features);
        packing.add(reader.read(TensorNames.transform(i)), features);
        addresses.put(i, packing.upload());
        long bytes = (long) features * Float.BYTES;
        Pointer.memcpy(bias.floatPointer(0), reader.read(TensorNames.carryBias(i)), bytes);
        Pointer.memcpy(
            bias.floatPointer(features), reader.read(TensorNames.transformBias(i)), bytes);
        addresses.put(layers + i, uploads.floats(bias.floatPointer(0), 2L * features));
      }
    }
    if (options.wordDim() > 0) {
      FloatPointer words = reader.read(TensorNames.WORD_EMBED);
      wordTable = uploads.numbers(words, words.capacity());
    }
    if (store.shape(TensorNames.PROJECTION) != null) {
      int p = options.projectionDim();
      int depth = options.wordDim() + features;
      projectionKernel = uploads.packed(reader.read(TensorNames.PROJECTION), p, depth, p, 1);
      projectionBias = uploads.floats(reader.read(TensorNames.PROJECTION_BIAS), p);
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
    return weights.stream().mapToLong(Memory::bytes).sum();
  }

  /** One: the device splits a batch by itself. */
  @Override
  public int parallelism() {
    return 1;
  }

  /** Two: the next one's ids and plan go up, and results go down, while one computes. */
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
    return new Layout(sentences, positions, positions, options.lstmLayers(), 0).bytes;
  }

  /** A quarter of what is free when the model has been loaded. */
  @Override
  public long defaultWorkspaceBytes() {
    device.enter();
    return Math.max(16L << 20, Math.min(MAX_WORKSPACE, device.freeBytes() / 4));
  }

  @Override
  public int numberBytes() {
    return type == CudaKernels.ELMO4J_F16 ? Short.BYTES : Float.BYTES;
  }

  @Override
  public Memory allocate(long bytes) {
    device.enter();
    return device.allocate(bytes);
  }

  @Override
  public void clear(Memory memory) {
    device.enter();
    CudaStream stream = stream(memory);
    clear(memory.bytePointer(0), memory.bytes(), stream);
    end(stream, memory);
  }

  private void clear(Pointer memory, long bytes, CudaStream stream) {
    if (bytes > 0) {
      device.check(
          CudaKernels.elmo4j_cuda_clear(memory, bytes, stream.handle()), "cudaMemsetAsync");
    }
  }

  /** The calling thread's stream, ready to use these memories. */
  private CudaStream stream(Memory... memories) {
    CudaStream stream = device.stream();
    for (Memory memory : memories) {
      stream.waitFor(((CudaMemory) memory).owner());
    }
    return stream;
  }

  /** What comes on the memories' own streams waits for what was done here. */
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
        CudaMemory room = device.allocate(rows, stream)) {
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
              gathered ? target.bytePointer(to[0] * rowBytes) : room.bytePointer(0),
              stream.handle()),
          "elmo4j_cuda_gather_rows");
      if (!gathered) {
        scatter(kind, count, dim, room.bytePointer(0), index.intPointer(count), target, stream);
      }
    }
    end(stream, source, target);
  }

  private void scatter(
      int kind,
      int count,
      int dim,
      Pointer source,
      IntPointer index,
      Memory target,
      CudaStream stream) {
    device.check(
        CudaKernels.elmo4j_cuda_scatter_rows(
            kind, count, dim, source, index, target.bytePointer(0), stream.handle()),
        "elmo4j_cuda_scatter_rows");
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
    if (source instanceof CudaMemory from && target instanceof NativeMemory) {
      device.enter();
      stream(source);
      from.read(0, from.bytes(), (data, at, n) -> Pointer.memcpy(target.bytePointer(at), data, n));
      return;
    }
    write(source.bytePointer(0), source.bytes(), target);
    device.stream().synchronize(); // It may be a result.
  }

  /** Copies host memory up, a part at a time. */
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
    stream(source); // Unlike a result's readers: what wrote it may still be under way.
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
    device.enter();
    CudaStream stream = stream(rows);
    for (int first = 0; first < words; first += WORDS_PER_CALL) {
      tokenRepresentations(
          first, Math.min(WORDS_PER_CALL, words - first), ids, wordIds, rows, stream);
    }
    end(stream, rows);
  }

  private void tokenRepresentations(
      int first, int words, NativeMemory ids, int[] wordIds, Memory rows, CudaStream stream) {
    int features = options.filterCount();
    int p = options.projectionDim();
    int slots = options.maxCharactersPerToken();
    int groups = options.filters().size();
    int layers = options.highwayLayers();
    long idBytes = align((long) words * slots * Short.BYTES);
    long wordBytes = options.wordDim() == 0 ? 0 : (long) words * Integer.BYTES;
    long workspaceBytes =
        CudaKernels.elmo4j_cuda_char_cnn_highway_workspace(
            type, words, features, layers, options.wordDim());
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
      PointerPointer<Pointer> kernels = new PointerPointer<>(highways.bytePointer(0));
      PointerPointer<Pointer> biases =
          new PointerPointer<>(highways.bytePointer((long) layers * Long.BYTES));
      device.check(
          CudaKernels.elmo4j_cuda_char_cnn_highway(
              type,
              products,
              words,
              new ShortPointer(staged.bytePointer(0)),
              slots,
              pad,
              groups,
              shape.intPointer(0),
              shape.intPointer(groups),
              options.characters() + 1,
              CudaMemory.at(charTable),
              new FloatPointer(CudaMemory.at(charBias)),
              options.activation() == ModelOptions.Activation.TANH
                  ? CudaKernels.ELMO4J_TANH
                  : CudaKernels.ELMO4J_RELU,
              layers,
              kernels,
              biases,
              options.wordDim(),
              CudaMemory.at(wordTable),
              new IntPointer(staged.bytePointer(idBytes)),
              p,
              CudaMemory.at(projectionKernel),
              new FloatPointer(CudaMemory.at(projectionBias)),
              null,
              rows.bytePointer((long) first * p * numberBytes()),
              workspace.bytePointer(0),
              stream.handle()),
          "elmo4j_cuda_char_cnn_highway");
    }
  }

  @Override
  public void run(List<Batch> batches, Memory words, LstmState state, List<Output> outputs) {
    if (state != null && !biLm.carriesState()) {
      throw new ElmoException(
          "session: expected elmo4j.cuda.bilm=own, found cudnn, which carries no state");
    }
    device.enter();
    CudaStream stream = stream(words);
    for (Output output : outputs) {
      output.targets().forEach(target -> stream.waitFor(((CudaMemory) target).owner()));
    }
    int layers =
        state != null
            ? options.lstmLayers() // the state goes on whatever is asked for
            : Output.topLayer(outputs);
    for (int layer = 0; state != null && layer < layers; layer++) {
      for (int direction = 0; direction < 2; direction++) {
        stream(state.hidden(layer, direction), state.cell(layer, direction));
      }
    }
    try {
      for (Batch batch : batches) {
        run(batch, layers, words, state, outputs, stream);
      }
    } catch (Throwable e) {
      try {
        stream.synchronize(); // Nothing that failed may go on in memory that is about to be freed.
      } catch (ElmoException later) {
        e.addSuppressed(later);
      }
      throw e;
    }
    stream.synchronize();
  }

  /** A batch, in halves where the device has no room for it. */
  private void run(
      Batch batch,
      int layers,
      Memory words,
      LstmState state,
      List<Output> outputs,
      CudaStream stream) {
    int shared = (int) outputs.stream().filter(output -> output.targets().size() > 1).count();
    Layout layout =
        new Layout(batch.sentences(), batch.positions(), batch.length()[0], layers, shared);
    boolean begun = false;
    try (CudaMemory room = device.allocate(layout.bytes, stream)) {
      begun = true;
      new Running(batch, layout, room, stream).run(layers, words, state, outputs);
    } catch (OutOfDeviceMemory e) {
      // Outputs may be written twice; state that has gone on must not go on again.
      if (batch.sentences() == 1 || (begun && state != null)) {
        throw e;
      }
      int middle = batch.sentences() / 2;
      run(batch.part(0, middle), layers, words, state, outputs, stream);
      run(batch.part(middle, batch.sentences()), layers, words, state, outputs, stream);
    }
  }

  private static long align(long bytes) {
    return (bytes + 255) / 256 * 256;
  }

  /** Where the parts of a batch's memory lie: offsets in bytes, each aligned. */
  private final class Layout {
    final long start;
    final long length;
    final long sentence;
    final long stateRow;
    final long word;
    final long offset;
    final long[] inputRows = new long[2];
    final long targets; // [outputs, sentences] addresses
    final long planBytes; // what is uploaded: all until here
    final long states; // [layers, 2, sentences]: h, P numbers; c, cells floats
    final long[] h;
    final long[] c;
    final long outputs; // [layers, 2, positions, P]
    final long workspace;
    final long bytes;
    private long end;

    Layout(long sentences, long positions, long steps, int layers, int targetOutputs) {
      int p = options.projectionDim();
      start = take(sentences * Integer.BYTES);
      length = take(sentences * Integer.BYTES);
      sentence = take(sentences * Integer.BYTES);
      stateRow = take(sentences * Integer.BYTES);
      word = take(positions * Integer.BYTES);
      offset = take(steps * Integer.BYTES);
      inputRows[0] = take(positions * Integer.BYTES);
      inputRows[1] = take(positions * Integer.BYTES);
      targets = take(targetOutputs * sentences * Long.BYTES);
      planBytes = end;
      states = end;
      h = new long[2 * layers];
      c = new long[2 * layers];
      for (int i = 0; i < 2 * layers; i++) {
        h[i] = take(sentences * p * numberBytes());
        c[i] = take(sentences * options.lstmDim() * Float.BYTES);
      }
      outputs = take(2L * layers * positions * p * numberBytes());
      workspace = take(layers == 0 ? 0 : biLm.workspaceBytes(layers, sentences, positions));
      bytes = end;
    }

    private long take(long bytes) {
      long at = end;
      end += align(bytes);
      return at;
    }
  }

  /** A batch under way. */
  private final class Running {
    private final Batch batch;
    private final PackedOrder order;
    private final Layout layout;
    private final CudaMemory room;
    private final CudaStream stream;
    private final long address;

    Running(Batch batch, Layout layout, CudaMemory room, CudaStream stream) {
      this.batch = batch;
      this.layout = layout;
      this.room = room;
      this.stream = stream;
      order = PackedOrder.of(batch);
      address = room.bytePointer(0).address();
    }

    void run(int layers, Memory words, LstmState state, List<Output> outputs) {
      upload(outputs);
      if (state == null) {
        clear(room.bytePointer(layout.states), layout.outputs - layout.states, stream);
      } else {
        copyState(state, true);
      }
      if (layers > 0) {
        long representations = words.bytePointer(0).address();
        biLm.run(
            new BiLm.Run(
                layers,
                order,
                new long[] {representations, representations},
                addresses(layout.inputRows),
                addresses(layout.h),
                addresses(layout.c),
                IntStream.range(0, 2 * layers).mapToLong(i -> output(i / 2 + 1, i % 2)).toArray(),
                address + layout.workspace),
            stream);
      }
      if (state != null) {
        copyState(state, false);
      }
      int shared = 0;
      for (Output output : outputs) {
        write(words, output, output.targets().size() > 1 ? shared++ : -1);
      }
    }

    private long[] addresses(long[] offsets) {
      return Arrays.stream(offsets).map(offset -> address + offset).toArray();
    }

    /** The output of layer 1 or more. */
    private long output(int layer, int direction) {
      long bytes = (long) batch.positions() * options.projectionDim() * numberBytes();
      return address + layout.outputs + (2L * (layer - 1) + direction) * bytes;
    }

    /** All that the device must know of the sentences, in one copy. */
    private void upload(List<Output> outputs) {
      stream.upload(room.bytePointer(0), layout.planBytes, pinned -> plan(pinned, outputs));
    }

    private void plan(PinnedPool.Block pinned, List<Output> outputs) {
      put(pinned, layout.start, batch.start());
      put(pinned, layout.length, batch.length());
      put(pinned, layout.sentence, batch.sentence());
      put(pinned, layout.stateRow, batch.stateRow());
      put(pinned, layout.word, batch.tokenRow());
      put(pinned, layout.offset, order.offset());
      put(pinned, layout.inputRows[0], order.words()[0]);
      put(pinned, layout.inputRows[1], order.words()[1]);
      long at = layout.targets;
      for (Output output : outputs) {
        List<Memory> targets = output.targets();
        if (targets.size() > 1) {
          long[] each =
              IntStream.of(batch.sentence())
                  .mapToLong(sentence -> targets.get(sentence).bytePointer(0).address())
                  .toArray();
          new LongPointer(pinned.pointer(at)).put(each);
          at += (long) each.length * Long.BYTES;
        }
      }
    }

    private void put(PinnedPool.Block pinned, long at, int[] values) {
      new IntPointer(pinned.pointer(at)).put(values);
    }

    /** Between the state's rows and this batch's. */
    private void copyState(LstmState state, boolean fromState) {
      for (int i = 0; i < layout.h.length; i++) {
        Memory hidden = state.hidden(i / 2, i % 2);
        Memory cell = state.cell(i / 2, i % 2);
        copyState(type, options.projectionDim(), hidden, layout.h[i], fromState);
        copyState(CudaKernels.ELMO4J_F32, options.lstmDim(), cell, layout.c[i], fromState);
      }
    }

    private void copyState(int kind, int dim, Memory state, long rows, boolean fromState) {
      IntPointer index = new IntPointer(room.bytePointer(layout.stateRow));
      if (!fromState) {
        scatter(kind, batch.sentences(), dim, room.bytePointer(rows), index, state, stream);
        return;
      }
      device.check(
          CudaKernels.elmo4j_cuda_gather_rows(
              kind,
              batch.sentences(),
              dim,
              state.bytePointer(0),
              index,
              room.bytePointer(rows),
              stream.handle()),
          "elmo4j_cuda_gather_rows");
    }

    /**
     * Writes one output of all sentences.
     *
     * @param shared which row of {@link Layout#targets} it has; below 0 for one target
     */
    private void write(Memory words, Output output, int shared) {
      int[] terms = output.terms();
      int n = terms.length;
      try (NativeMemory memory = NativeMemory.allocate((2L * Long.BYTES + Float.BYTES) * n)) {
        LongPointer forward = new LongPointer(memory.bytePointer(0));
        LongPointer backward = new LongPointer(memory.bytePointer((long) n * Long.BYTES));
        FloatPointer scale = new FloatPointer(memory.bytePointer(2L * n * Long.BYTES));
        for (int i = 0; i < terms.length; i++) {
          int k = terms[i];
          forward.put(i, k == 0 ? words.bytePointer(0).address() : output(k, 0));
          backward.put(i, k == 0 ? 0 : output(k, 1));
          scale.put(i, output.scales()[k]);
        }
        int maxLength =
            shared < 0 ? output.maxLength() : batch.length()[0] - (output.boundaries() ? 0 : 2);
        device.check(
            CudaKernels.elmo4j_cuda_scalar_mix(
                type,
                options.projectionDim(),
                output.halves(),
                n,
                new PointerPointer<>(forward),
                new PointerPointer<>(backward),
                room.intPointer(layout.word / Integer.BYTES),
                scale,
                batch.sentences(),
                room.intPointer(layout.start / Integer.BYTES),
                room.intPointer(layout.length / Integer.BYTES),
                room.intPointer(layout.offset / Integer.BYTES),
                room.intPointer(layout.sentence / Integer.BYTES),
                output.boundaries() ? 0 : 1,
                maxLength,
                output.mean() ? 1 : 0,
                shared < 0 ? output.targets().get(0).floatPointer(0) : null,
                shared < 0
                    ? null
                    : new PointerPointer<>(
                        room.bytePointer(
                            layout.targets + (long) shared * batch.sentences() * Long.BYTES)),
                stream.handle()),
            "elmo4j_cuda_scalar_mix");
      }
    }
  }

  @Override
  public Map<String, Long> counts() {
    return biLm.counts();
  }

  @Override
  public void close() {
    if (biLm != null) {
      biLm.close();
    }
    if (highways != null) {
      highways.close();
    }
    shape.close();
    weights.forEach(Memory::close);
  }
}
