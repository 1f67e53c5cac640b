// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerPointer;
import org.elmo4j.internal.backend.Batch;
import org.elmo4j.internal.backend.LstmState;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.internal.kernels.CudaKernels;

/** One run of a batch on a CUDA device. Not thread-safe. */
final class CudaBatchRun implements AutoCloseable {
  /** The layout of a batch's memory: the aligned offset of each part in bytes. */
  static final class Layout {
    final long start;
    final long length;
    final long sentence;
    final long stateRow;
    final long word;
    final long offset;
    final long[] inputRows = new long[2];
    final long targets; // [outputs, sentences] addresses
    final long planBytes; // the parts up to here are uploaded
    final long states; // [layers, 2, sentences]: h, P numbers; c, cells floats
    final long[] h;
    final long[] c;
    final long outputs; // [layers, 2, positions, P]
    final long workspace;
    final long bytes;
    private long end;

    Layout(
        CudaWeights weights,
        long sentences,
        long positions,
        long steps,
        int layers,
        int targetOutputs) {
      int p = weights.options.projectionDim();
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
        h[i] = take(sentences * p * weights.numberBytes());
        c[i] = take(sentences * weights.options.lstmDim() * Float.BYTES);
      }
      outputs = take(2L * layers * positions * p * weights.numberBytes());
      workspace = take(layers == 0 ? 0 : weights.biLm.workspaceBytes(layers, sentences, positions));
      bytes = end;
    }

    private long take(long bytes) {
      long at = end;
      end += CudaMemory.align(bytes);
      return at;
    }
  }

  /**
   * The number of flags of an output: one for each term that is not finite, and the last one if
   * only the sum is not finite.
   */
  static final int FLAGS = CudaKernels.ELMO4J_CUDA_MAX_TERMS + 1;

  private final CudaWeights weights;
  private final Batch batch;
  private final PackedOrder order;
  private final Layout layout;
  private final CudaMemory memory;
  private final CudaStream stream;
  private final long address;
  private final NativeMemory described; // the descriptions that the kernels read
  private final CudaKernels.PackedBatch packed;

  CudaBatchRun(
      CudaWeights weights,
      Batch batch,
      PackedOrder order,
      Layout layout,
      CudaMemory memory,
      CudaStream stream) {
    this.weights = weights;
    this.batch = batch;
    this.order = order;
    this.layout = layout;
    this.memory = memory;
    this.stream = stream;
    address = memory.bytePointer(0).address();
    int size = Loader.sizeof(CudaKernels.PackedBatch.class);
    described = NativeMemory.allocate(size + (long) order.steps() * Integer.BYTES);
    packed = new CudaKernels.PackedBatch(described.bytePointer(0));
    packed
        .batch()
        .sentences(batch.sentences())
        .start(ints(layout.start))
        .length(ints(layout.length))
        .row(ints(layout.sentence));
    packed
        .positions(order.positions())
        .steps(order.steps())
        .rows(new IntPointer(described.bytePointer(size)).put(order.rows()))
        .offset(ints(layout.offset));
  }

  private IntPointer ints(long offset) {
    return memory.intPointer(offset / Integer.BYTES);
  }

  /**
   * Queues all work on the stream.
   *
   * @param notFinite {@link #FLAGS} ints for each output
   */
  void run(
      int layers, Memory words, LstmState state, List<Output> outputs, PinnedPool.Block notFinite) {
    upload(outputs);
    if (state == null) {
      weights.device.clear(
          memory.bytePointer(layout.states), layout.outputs - layout.states, stream);
    } else {
      copyState(state, true);
    }
    if (layers > 0) {
      long representations = words.bytePointer(0).address();
      weights.biLm.run(
          new BiLm.Run(
              layers,
              order,
              packed,
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
    for (int i = 0; i < outputs.size(); i++) {
      Output output = outputs.get(i);
      IntPointer flags = new IntPointer(notFinite.pointer((long) i * FLAGS * Integer.BYTES));
      write(words, output, output.targets().size() > 1 ? shared++ : -1, flags);
    }
  }

  private long[] addresses(long[] offsets) {
    return Arrays.stream(offsets).map(offset -> address + offset).toArray();
  }

  /** The output of layer 1 or more. */
  private long output(int layer, int direction) {
    long bytes = (long) batch.positions() * weights.options.projectionDim() * weights.numberBytes();
    return address + layout.outputs + (2L * (layer - 1) + direction) * bytes;
  }

  /** Copies the description of the sentences to the device, in one copy. */
  private void upload(List<Output> outputs) {
    stream.upload(memory.bytePointer(0), layout.planBytes, pinned -> plan(pinned, outputs));
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

  /** Copies state between the rows of the carried state and those of this batch. */
  private void copyState(LstmState state, boolean fromState) {
    for (int i = 0; i < layout.h.length; i++) {
      Memory hidden = state.hidden(i / 2, i % 2);
      Memory cell = state.cell(i / 2, i % 2);
      copyState(weights.type, weights.options.projectionDim(), hidden, layout.h[i], fromState);
      copyState(CudaKernels.ELMO4J_F32, weights.options.lstmDim(), cell, layout.c[i], fromState);
    }
  }

  private void copyState(int kind, int dim, Memory state, long rows, boolean fromState) {
    IntPointer index = ints(layout.stateRow);
    if (!fromState) {
      weights.device.scatterRows(
          kind, batch.sentences(), dim, memory.bytePointer(rows), index, state, stream);
      return;
    }
    weights.device.check(
        CudaKernels.elmo4j_cuda_gather_rows(
            kind,
            batch.sentences(),
            dim,
            state.bytePointer(0),
            index,
            memory.bytePointer(rows),
            stream.handle()),
        "elmo4j_cuda_gather_rows");
  }

  /**
   * Writes one output of all sentences.
   *
   * @param shared the row of {@link Layout#targets} for this output; negative if all sentences
   *     share one target
   * @param notFinite {@link #FLAGS} ints
   */
  private void write(Memory words, Output output, int shared, IntPointer notFinite) {
    int n = output.terms().length;
    int size = Loader.sizeof(CudaKernels.LayerSum.class);
    try (NativeMemory structs =
        NativeMemory.allocate(size + (long) n * Loader.sizeof(CudaKernels.Term.class))) {
      CudaKernels.Term terms = new CudaKernels.Term(structs.bytePointer(size));
      for (int i = 0; i < n; i++) {
        int k = output.terms()[i];
        terms
            .position(i)
            .forward(k == 0 ? words.bytePointer(0) : Memory.at(output(k, 0)))
            .backward(k == 0 ? words.bytePointer(0) : Memory.at(output(k, 1)))
            .rows(k == 0 ? ints(layout.word) : null)
            .scale(output.scales()[k]);
      }
      CudaKernels.LayerSum sum =
          new CudaKernels.LayerSum(structs.bytePointer(0))
              .isa(0)
              .type(weights.type)
              .halves(output.halves())
              .skip_ends(output.boundaries() ? 0 : 1)
              .mean(output.mean() ? 1 : 0)
              .dim(weights.options.projectionDim())
              .max_length(
                  shared < 0
                      ? output.maxLength()
                      : batch.length()[0] - (output.boundaries() ? 0 : 2))
              .term_count(n)
              .terms(terms.position(0));
      long targets = layout.targets + (long) shared * batch.sentences() * Long.BYTES;
      weights.device.check(
          CudaKernels.elmo4j_cuda_scalar_mix(
              sum,
              packed,
              shared < 0 ? output.targets().get(0).floatPointer(0) : null,
              shared < 0 ? null : new PointerPointer<>(memory.bytePointer(targets)),
              notFinite,
              stream.handle()),
          "elmo4j_cuda_scalar_mix");
    }
  }

  /** Frees the descriptions, which the kernels have read. */
  @Override
  public void close() {
    described.close();
  }
}
