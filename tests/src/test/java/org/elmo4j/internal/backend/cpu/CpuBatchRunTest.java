// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.elmo4j.ElmoException;
import org.elmo4j.Models;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.Batch;
import org.elmo4j.internal.backend.LstmState;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.internal.weights.StoredWeights;
import org.elmo4j.weights.ModelOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests which steps a batch computes, and that its outputs do not depend on those left out. */
class CpuBatchRunTest {
  private static final int WORDS = 12;
  private static final Batch BATCH =
      new Batch(
          new int[] {2, 0, 1},
          new int[] {0, 1, 2},
          new int[] {0, 6, 10},
          new int[] {6, 4, 2}, // the last one is empty
          new int[] {0, 3, 4, 5, 6, 1, 0, 7, 8, 1, 0, 1});
  private static final int MOST_TOKENS = 4;

  /** Returns random token representations, [words, dim]. */
  static Memory words(int words, int dim) {
    Random random = new Random(3);
    float[] values = new float[words * dim];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    NativeMemory memory = NativeMemory.allocate((long) values.length * Float.BYTES);
    memory.floatPointer(0).put(values, 0, values.length);
    return memory;
  }

  private static CpuWeights weights(ModelOptions options) {
    return new CpuWeights(new StoredWeights(new RandomWeights(options, 7)), Precision.FP32);
  }

  private static CpuBatchRun run(
      CpuWeights weights, ModelOptions options, Memory words, LstmState state, Output... outputs) {
    List<Output> all = List.of(outputs);
    return new CpuBatchRun(
        weights,
        options.projectionDim(),
        options.lstmDim(),
        BATCH,
        Output.topLayer(all),
        words,
        state,
        all);
  }

  /** A sum of all layers, [sentences, rows, 2 P]. */
  private static Output sum(ModelOptions options, boolean boundaries, float scale) {
    float[] scales = new float[options.lstmLayers() + 1];
    Arrays.fill(scales, scale);
    int rows = MOST_TOKENS + (boundaries ? 2 : 0);
    return new Output(2, scales, false, boundaries, rows, List.of(target(options, rows)));
  }

  /** The mean of the top layer, [sentences, 2 P]. */
  private static Output mean(ModelOptions options) {
    float[] scales = new float[options.lstmLayers() + 1];
    scales[options.lstmLayers()] = 1;
    return new Output(2, scales, true, false, MOST_TOKENS, List.of(target(options, 1)));
  }

  private static Memory target(ModelOptions options, int rows) {
    long floats = (long) BATCH.sentences() * rows * 2 * options.projectionDim();
    return NativeMemory.allocate(floats * Float.BYTES);
  }

  private static void close(Output... outputs) {
    for (Output output : outputs) {
      output.targets().forEach(Memory::close);
    }
  }

  /** Runs both directions in memory that held NaN. */
  private static void compute(CpuBatchRun run) {
    float[] poison = new float[(int) (run.outputs.bytes() / Float.BYTES)];
    Arrays.fill(poison, Float.NaN);
    run.outputs.floatPointer(0).put(poison, 0, poison.length);
    run.direction(0);
    run.direction(1);
  }

  private static float[] floats(Output output) {
    Memory target = output.targets().get(0);
    float[] values = new float[(int) (target.bytes() / Float.BYTES)];
    target.copyTo(0, values);
    return values;
  }

  /** Whether a direction's last step, at the boundary behind what it has read, was computed. */
  private static void assertLastSteps(boolean computed, CpuBatchRun run, ModelOptions options) {
    int p = options.projectionDim();
    for (int layer = 1; layer <= options.lstmLayers(); layer++) {
      for (int direction = 0; direction < 2; direction++) {
        for (int r = 0; r < BATCH.sentences(); r++) {
          int n = BATCH.length()[r];
          assertEquals(computed ? n : n - 1, run.steps(r));
          for (int t = 0; t < n; t++) {
            boolean last = t == (direction == 0 ? n - 1 : 0);
            long row = run.outputRow(layer, direction, BATCH.start()[r] + t);
            float[] values = new float[p];
            run.outputs.floatPointer(row * p).get(values);
            for (float value : values) {
              assertEquals(
                  computed || !last,
                  Float.isFinite(value),
                  "layer " + layer + ", direction " + direction + ", sentence " + r + ", " + t);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, false", "1, true", "2, false", "2, true", "3, true"})
  void aLastStepThatOnlyABoundaryNeedsIsNotComputed(int layers, boolean skip) {
    ModelOptions options = Models.TINY.toBuilder().lstmLayers(layers).skipConnections(skip).build();
    Output all = sum(options, true, 0.5f);
    Output tokens = sum(options, false, 0.5f);
    Output meanOfAll = mean(options);
    Output meanOfTokens = mean(options);
    try (CpuWeights weights = weights(options);
        Memory words = words(WORDS, options.projectionDim());
        CpuBatchRun full = run(weights, options, words, null, all, meanOfAll);
        CpuBatchRun shorter = run(weights, options, words, null, tokens, meanOfTokens)) {
      compute(full);
      compute(shorter);
      assertLastSteps(true, full, options);
      assertLastSteps(false, shorter, options);
      full.write(0, BATCH.sentences());
      shorter.write(0, BATCH.sentences());
      assertArrayEquals(floats(meanOfAll), floats(meanOfTokens));
      float[] wanted = floats(all);
      float[] got = floats(tokens);
      int width = 2 * options.projectionDim();
      for (int r = 0; r < BATCH.sentences(); r++) {
        int s = BATCH.sentence()[r];
        int from = (s * (MOST_TOKENS + 2) + 1) * width;
        int to = s * MOST_TOKENS * width;
        int count = (BATCH.length()[r] - 2) * width;
        assertArrayEquals(
            Arrays.copyOfRange(wanted, from, from + count),
            Arrays.copyOfRange(got, to, to + count),
            "sentence " + s);
      }
    } finally {
      close(all, tokens, meanOfAll, meanOfTokens);
    }
  }

  @Test
  void aCarriedStateNeedsAllSteps() {
    ModelOptions options = Models.TINY;
    Output tokens = sum(options, false, 1);
    try (CpuBackend backend =
            new CpuBackend(new StoredWeights(new RandomWeights(options, 7)), Precision.FP32, 1);
        CpuWeights weights = weights(options);
        Memory words = words(WORDS, options.projectionDim());
        LstmState state = new LstmState(backend, options)) {
      state.grow(BATCH.sentences());
      try (CpuBatchRun run = run(weights, options, words, state, tokens)) {
        compute(run);
        assertLastSteps(true, run, options);
      }
    } finally {
      close(tokens);
    }
  }

  @Test
  void aSumBeyondAFloatsRangeIsNotTakenForALayer() {
    ModelOptions options = Models.TINY;
    Output tokens = sum(options, false, Float.MAX_VALUE);
    try (CpuWeights weights = weights(options);
        Memory words = words(WORDS, options.projectionDim());
        CpuBatchRun run = run(weights, options, words, null, tokens)) {
      compute(run);
      String message =
          assertThrows(ElmoException.class, () -> run.write(0, BATCH.sentences())).getMessage();
      assertTrue(message.contains(": elmo: expected finite numbers"), message);
    } finally {
      close(tokens);
    }
  }
}
