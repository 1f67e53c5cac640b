// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.internal.backend.Batch;
import org.elmo4j.internal.backend.LstmState;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.internal.kernels.CpuKernels;

/**
 * A batch that is being computed: its plan in native memory, and the outputs of its layers. Rows of
 * a layer's output that no step writes ({@link Output#unreadSteps}) are not cleared, and nothing
 * reads them.
 */
final class CpuBatchRun implements AutoCloseable {
  final Batch batch;
  final int layers;
  final NativeMemory outputs; // [layers, 2, positions, P]
  private final CpuWeights weights;
  private final int projection;
  private final int cells;
  private final Memory tokenRepresentations;
  private final LstmState state;
  private final int unreadSteps;
  private final NativeMemory plan;
  private final List<Sum> sums = new ArrayList<>();
  private final CpuKernels.BatchPlan part; // of a call of write
  private final IntPointer start;
  private final IntPointer length;
  private final IntPointer row; // which row of a shared target each sentence has
  private final IntPointer tokenRow;
  private final IntPointer zero;

  private record Sum(Output output, CpuKernels.LayerSum kernel) {}

  /** Divides one allocation into parts. */
  private static final class Layout {
    long bytes;

    /** Adds a part of {@code count} bytes and returns its offset, a multiple of 8. */
    long add(long count) {
      long at = bytes;
      bytes += (count + Long.BYTES - 1) / Long.BYTES * Long.BYTES;
      return at;
    }
  }

  /**
   * Plans a batch; nothing is computed yet.
   *
   * @param layers the number of LSTM layers to run
   * @param tokenRepresentations [., P]
   * @param state read and updated, or null to start each sentence from zero
   */
  CpuBatchRun(
      CpuWeights weights,
      int projection,
      int cells,
      Batch batch,
      int layers,
      Memory tokenRepresentations,
      LstmState state,
      List<Output> outputs) {
    this.weights = weights;
    this.projection = projection;
    this.cells = cells;
    this.batch = batch;
    this.layers = layers;
    this.tokenRepresentations = tokenRepresentations;
    this.state = state;
    unreadSteps = Output.unreadSteps(outputs, state);
    int n = batch.sentences();
    int most = layers + 1; // terms of a sum
    // Not JavaCPP's own allocations: those count the whole process's memory against the heap's
    // size.
    Layout layout = new Layout();
    long partAt = layout.add(Loader.sizeof(CpuKernels.BatchPlan.class));
    long sumBytes = Loader.sizeof(CpuKernels.LayerSum.class);
    long termBytes = (long) most * Loader.sizeof(CpuKernels.Term.class);
    long[] sumAt = new long[outputs.size()];
    long[] termsAt = new long[outputs.size()];
    for (int i = 0; i < sumAt.length; i++) {
      sumAt[i] = layout.add(sumBytes);
      termsAt[i] = layout.add(termBytes);
    }
    long intsAt = layout.add((3L * n + batch.positions() + 1) * Integer.BYTES);
    plan = NativeMemory.allocate(layout.bytes);
    try {
      this.outputs =
          NativeMemory.allocate(2L * layers * batch.positions() * projection * Float.BYTES);
    } catch (Throwable e) {
      plan.close();
      throw e;
    }
    start = new IntPointer(plan.bytePointer(intsAt)).put(batch.start());
    length = start.getPointer(n).put(batch.length());
    row = start.getPointer(2L * n).put(batch.sentence());
    tokenRow = start.getPointer(3L * n).put(batch.tokenRow());
    zero = start.getPointer(3L * n + batch.positions()).put(0);
    part = new CpuKernels.BatchPlan(plan.bytePointer(partAt));
    try {
      for (int i = 0; i < sumAt.length; i++) {
        CpuKernels.LayerSum kernel = new CpuKernels.LayerSum(plan.bytePointer(sumAt[i]));
        fill(kernel, outputs.get(i), new CpuKernels.Term(plan.bytePointer(termsAt[i])));
        sums.add(new Sum(outputs.get(i), kernel));
      }
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /** Describes an output's sum; {@code terms} is memory for its terms. */
  private void fill(CpuKernels.LayerSum kernel, Output output, CpuKernels.Term terms) {
    int count = 0;
    for (int k : output.terms()) {
      terms
          .position(count++)
          .forward(k == 0 ? tokenRepresentations.floatPointer(0) : output(k, 0))
          .backward(k == 0 ? tokenRepresentations.floatPointer(0) : output(k, 1))
          .rows(k == 0 ? tokenRow : null)
          .scale(output.scales()[k]);
    }
    kernel
        .isa(weights.isa)
        .type(CpuKernels.ELMO4J_F32)
        .halves(output.halves())
        .skip_ends(output.boundaries() ? 0 : 1)
        .mean(output.mean() ? 1 : 0)
        .dim(projection)
        .max_length(output.maxLength())
        .term_count(count)
        .terms(terms.position(0));
  }

  /** Returns the number of steps that each direction of a sentence takes. */
  int steps(int sentence) {
    return batch.length()[sentence] - unreadSteps;
  }

  /** Returns the position that a direction of a sentence reads at a step. */
  int position(int sentence, int direction, int step) {
    int first = batch.start()[sentence];
    return direction == 0 ? first + step : first + batch.length()[sentence] - 1 - step;
  }

  /** Returns the row of {@link #outputs} for a position in the output of a layer, 1 or more. */
  long outputRow(int layer, int direction, int position) {
    return (2L * (layer - 1) + direction) * batch.positions() + position;
  }

  private FloatPointer output(int layer, int direction) {
    return outputs.floatPointer(outputRow(layer, direction, 0) * projection);
  }

  /** Runs all layers of one direction, 0 forward or 1 backward. */
  void direction(int direction) {
    int n = batch.sentences();
    long hidden = (long) n * projection;
    long cell = (long) n * cells;
    long cAt = CpuBackend.aligned(hidden);
    long scratchAt = cAt + CpuBackend.aligned(cell);
    long planAt = scratchAt + CpuBackend.aligned(weights.lstmScratch(n));
    long intsAt = planAt + Loader.sizeof(CpuKernels.BatchPlan.class) / Float.BYTES;
    try (NativeMemory memory = NativeMemory.allocate((intsAt + 2L * n) * Float.BYTES)) {
      FloatPointer h = memory.floatPointer(0);
      FloatPointer c = memory.floatPointer(cAt);
      FloatPointer scratch = memory.floatPointer(scratchAt);
      CpuKernels.BatchPlan steps = describeSteps(direction, memory, planAt, intsAt);
      for (int layer = 0; layer < layers; layer++) {
        if (state == null) {
          Pointer.memset(h, 0, hidden * Float.BYTES);
          Pointer.memset(c, 0, cell * Float.BYTES);
        } else {
          copyRows(state.hidden(layer, direction), h, projection, true);
          copyRows(state.cell(layer, direction), c, cells, true);
        }
        CpuKernels.elmo4j_cpu_lstm(
            weights.lstm[layer][direction],
            steps,
            layer == 0 ? tokenRepresentations.floatPointer(0) : output(layer, direction),
            layer == 0 ? tokenRow : null,
            h,
            c,
            output(layer + 1, direction),
            scratch);
        if (state != null) {
          copyRows(state.hidden(layer, direction), h, projection, false);
          copyRows(state.cell(layer, direction), c, cells, false);
        }
      }
    }
  }

  /**
   * Describes the positions that a direction steps through.
   *
   * @param planAt where the description is put, in floats
   * @param intsAt where its arrays are put, 2 ints for each sentence
   */
  private CpuKernels.BatchPlan describeSteps(
      int direction, NativeMemory memory, long planAt, long intsAt) {
    int n = batch.sentences();
    int[] starts = new int[n];
    int[] lengths = new int[n];
    for (int r = 0; r < n; r++) {
      starts[r] = batch.start()[r] + (direction == 0 ? 0 : unreadSteps);
      lengths[r] = steps(r);
    }
    return new CpuKernels.BatchPlan(memory.floatPointer(planAt))
        .sentences(n)
        .start(memory.intPointer(intsAt).put(starts))
        .length(memory.intPointer(intsAt + n).put(lengths));
  }

  /** Copies between the state's rows and this batch's. */
  private void copyRows(Memory state, FloatPointer rows, int width, boolean fromState) {
    for (int r = 0; r < batch.sentences(); r++) {
      FloatPointer there = state.floatPointer((long) batch.stateRow()[r] * width);
      FloatPointer here = rows.getPointer((long) r * width);
      Pointer.memcpy(
          fromState ? here : there, fromState ? there : here, (long) width * Float.BYTES);
    }
  }

  /**
   * Writes all outputs of the sentences from {@code from} (inclusive) to {@code to} (exclusive).
   */
  synchronized void write(int from, int to) {
    for (Sum sum : sums) {
      List<Memory> targets = sum.output.targets();
      if (targets.size() == 1) {
        mix(sum, from, to - from, row.position(from), targets.get(0));
        continue;
      }
      for (int r = from; r < to; r++) { // Each has a target of its own, whose first row it takes.
        sum.kernel.max_length(batch.length()[r] - (sum.output.boundaries() ? 0 : 2));
        mix(sum, r, 1, zero, targets.get(batch.sentence()[r]));
      }
    }
  }

  /** Writes {@code n} sentences of the batch into one target. */
  private void mix(Sum sum, int from, int n, IntPointer rows, Memory target) {
    part.sentences(n).start(start.position(from)).length(length.position(from)).row(rows);
    if (CpuKernels.elmo4j_cpu_scalar_mix(sum.kernel, part, target.floatPointer(0)) == 0) {
      throw Output.notFinite(weights.source, firstNotFinite(from, from + n), layers);
    }
  }

  /**
   * Returns the lowest layer with a non-finite number in these sentences, or {@code layers + 1}.
   */
  private int firstNotFinite(int from, int to) {
    for (int layer = 0; layer <= layers; layer++) {
      for (int r = from; r < to; r++) {
        for (int direction = 0; direction < 2; direction++) {
          for (int step = 0; step < steps(r); step++) {
            int position = position(r, direction, step);
            FloatPointer row =
                layer == 0
                    ? tokenRepresentations.floatPointer(
                        (long) batch.tokenRow()[position] * projection)
                    : outputs.floatPointer(outputRow(layer, direction, position) * projection);
            for (int i = 0; i < projection; i++) {
              if (!Float.isFinite(row.get(i))) {
                return layer;
              }
            }
          }
        }
      }
    }
    return layers + 1;
  }

  @Override
  public void close() {
    plan.close();
    outputs.close();
  }
}
