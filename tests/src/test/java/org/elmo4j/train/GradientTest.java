// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleSupplier;
import java.util.stream.Stream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.ScalarMix;
import org.elmo4j.ScalarMix.LayerNorm;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.cpu.CpuMix;
import org.elmo4j.internal.kernels.CpuKernels;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares every gradient on every code path with central differences of {@link MixOracle}. */
class GradientTest {
  private static final double RELATIVE = 1e-4;

  /**
   * The allowed absolute error, the rounding of single precision relative to 1, for gradients in
   * which large terms cancel.
   */
  private static final double ABSOLUTE = 2e-7;

  /** Not a multiple of the size of a vector register. */
  private static final int DIM = 19;

  /**
   * The rows of two sentences of 3 and 5 tokens. The other rows do not belong to a token; the
   * sentences' boundaries are the rows before and after them.
   */
  private static final int[] TOKENS = {2, 3, 4, 8, 9, 10, 11, 12};

  private static final int[] LENGTHS = {3, 5};
  private static final int[] WITH_BOUNDARIES = {1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13};
  private static final int ROWS = 15;
  private static final int CLASSES = 4;

  private final Random random = new Random(7);
  private final List<NativeMemory> memories = new ArrayList<>();

  @AfterEach
  void free() {
    memories.forEach(NativeMemory::close);
  }

  static Stream<Arguments> paths() {
    List<Arguments> paths = new ArrayList<>();
    for (LayerNorm norm : LayerNorm.values()) {
      for (boolean mean : new boolean[] {false, true}) {
        for (int hidden : new int[] {0, 6}) {
          for (float dropout : new float[] {0, 0.4f}) {
            paths.add(Arguments.of(norm, mean, hidden, dropout, 3, null));
          }
        }
        paths.add(Arguments.of(norm, mean, 0, 0f, 1, null)); // only the token representation
        paths.add(Arguments.of(norm, mean, 6, 0.4f, 3, new double[] {0.25, 3, 1, 7.5}));
      }
    }
    return paths.stream();
  }

  private static int[] normRows(LayerNorm norm) {
    return norm == LayerNorm.NONE ? null : norm == LayerNorm.BILM_TF ? TOKENS : WITH_BOUNDARIES;
  }

  private FloatPointer floats(double[][] rows, int columns) {
    NativeMemory memory = NativeMemory.allocate((long) rows.length * columns * Float.BYTES);
    memories.add(memory);
    for (int r = 0; r < rows.length; r++) {
      for (int c = 0; c < columns; c++) {
        memory.floatPointer((long) r * columns + c).put(0, (float) rows[r][c]);
      }
    }
    return memory.floatPointer(0);
  }

  /** Gives random layers to the oracle and returns the same layers for the kernels. */
  private List<CpuMix.Rows> layers(MixOracle oracle, int count, int halves) {
    List<CpuMix.Rows> layers = new ArrayList<>();
    oracle.layers = new double[count][][];
    for (int k = 0; k < count; k++) {
      double[][] layer = MixOracle.random(random, ROWS, halves * DIM, k);
      if (k == 0) {
        for (double[] row : layer) {
          System.arraycopy(row, 0, row, (halves - 1) * DIM, DIM);
        }
      }
      oracle.layers[k] = layer;
      layers.add(new CpuMix.Rows(floats(layer, k == 0 ? DIM : 2 * DIM), k == 0 ? 1 : 2));
    }
    return layers;
  }

  private static void close(double wanted, double got, String what) {
    close(wanted, got, 1, what);
  }

  /** Compares two numbers. The loss, and so the rounding error, is {@code scale} times as large. */
  private static void close(double wanted, double got, double scale, String what) {
    assertEquals(wanted, got, RELATIVE * Math.abs(wanted) + scale * ABSOLUTE, what);
  }

  @ParameterizedTest
  @MethodSource("paths")
  void ofTheLossToEveryParameter(
      LayerNorm norm, boolean mean, int hidden, float dropout, int count, double[] weights) {
    int halves = count == 1 ? 1 : 2;
    MixOracle oracle = new MixOracle();
    List<CpuMix.Rows> layers = layers(oracle, count, halves);
    oracle.normRows = normRows(norm);
    int outputs = mean ? LENGTHS.length : TOKENS.length;
    int[] labels = random.ints(outputs, 0, CLASSES).toArray();
    double l2 = 0.3;
    long seed = 11;
    try (Network network =
        new Network(DIM, layers, halves, hidden, CLASSES, null, weights, norm, true, random)) {
      float[] values = network.values();
      for (int i = 0; i < values.length; i++) {
        values[i] += (float) (0.5 * random.nextGaussian());
      }
      network.values(values);
      Network.Batch batch = new Network.Batch(TOKENS, LENGTHS, oracle.normRows, labels, mean);
      double loss = network.gradients(batch, l2, dropout, seed) / outputs;
      float[] got = network.gradients();

      double[] all = new double[values.length];
      Arrays.setAll(all, i -> values[i]);
      float[] kept = new float[outputs * halves * DIM];
      Arrays.fill(kept, 1);
      CpuKernels.elmo4j_cpu_dropout(kept.length, kept, dropout, seed);
      DoubleSupplier f =
          () -> {
            oracle.weights = Arrays.copyOf(all, count);
            oracle.gamma = all[count];
            double[][] x = oracle.mix(TOKENS, LENGTHS, mean);
            for (int i = 0; i < kept.length; i++) {
              x[i / (halves * DIM)][i % (halves * DIM)] *= kept[i];
            }
            double squares = Arrays.stream(oracle.weights).map(w -> w * w).sum();
            double[] head = Arrays.copyOfRange(all, count + 1, all.length);
            return MixOracle.loss(network.head(), head, x, labels, weights) + l2 * squares;
          };
      double wanted = f.getAsDouble() - l2 * Arrays.stream(oracle.weights).map(w -> w * w).sum();
      assertEquals(wanted, loss, 1e-5 * wanted);
      double scale = weights == null ? 1 : Arrays.stream(weights).max().getAsDouble();
      for (int i = 0; i < got.length; i++) {
        String which = "parameter " + i + " of " + got.length;
        close(MixOracle.derivative(all, i, f), got[i], scale, which);
      }
      if (dropout > 0) {
        long dropped = 0;
        for (float k : kept) {
          dropped += k == 0 ? 1 : 0;
        }
        assertTrue(dropped > 0 && dropped < kept.length, "dropped " + dropped);
      }
    }
  }

  static Stream<Arguments> forms() {
    return Stream.of(LayerNorm.values())
        .flatMap(norm -> Stream.of(Arguments.of(norm, false), Arguments.of(norm, true)));
  }

  @ParameterizedTest
  @MethodSource("forms")
  void ofTheMixToEveryNumberOfEveryLayer(LayerNorm norm, boolean mean) {
    MixOracle oracle = new MixOracle();
    List<CpuMix.Rows> layers = layers(oracle, 3, 2);
    oracle.normRows = normRows(norm);
    oracle.weights = new double[] {0.5, -0.25, 1};
    oracle.gamma = 1.5;
    ScalarMix mix = new ScalarMix(new float[] {0.5f, -0.25f, 1}, 1.5f, norm);
    int outputs = mean ? LENGTHS.length : TOKENS.length;
    double[][] toTarget = MixOracle.random(random, outputs, 2 * DIM, 0.3);
    List<NativeMemory> gradients = new ArrayList<>();
    List<FloatPointer> pointers = new ArrayList<>();
    for (int k = 0; k < 3; k++) {
      NativeMemory memory = NativeMemory.allocate((long) ROWS * (k == 0 ? 1 : 2) * DIM * 4);
      Pointer.memset(memory.floatPointer(0), 0, memory.bytes());
      memories.add(memory);
      gradients.add(memory);
      pointers.add(memory.floatPointer(0));
    }
    double[] toScales;
    try (CpuMix kernel = new CpuMix(DIM, layers)) {
      int[] lengths = mean ? LENGTHS : new int[] {TOKENS.length};
      kernel.select(TOKENS, lengths, oracle.normRows);
      toScales =
          kernel.backward(
              2, mix.scales(), mean, TOKENS.length, floats(toTarget, 2 * DIM), pointers);
    }
    DoubleSupplier f =
        () -> {
          double sum = 0;
          double[][] target = oracle.mix(TOKENS, LENGTHS, mean);
          for (int r = 0; r < outputs; r++) {
            for (int c = 0; c < 2 * DIM; c++) {
              sum += target[r][c] * toTarget[r][c];
            }
          }
          return sum;
        };
    ScalarMix.Gradient gradient = mix.gradient(toScales);
    for (int k = 0; k < 3; k++) {
      close(MixOracle.derivative(oracle.weights, k, f), gradient.weights()[k], "weight " + k);
      for (int r = 0; r < ROWS; r++) {
        for (int c = 0; c < (k == 0 ? 1 : 2) * DIM; c++) {
          double wanted = MixOracle.derivative(oracle.layers[k][r], c, f);
          // The oracle stores a number of the token representation in two places.
          wanted += k == 0 ? MixOracle.derivative(oracle.layers[k][r], DIM + c, f) : 0;
          float got = gradients.get(k).getFloat((long) r * (k == 0 ? 1 : 2) * DIM + c);
          assertEquals(
              wanted, got, RELATIVE * Math.abs(wanted) + 1e-6, "layer " + k + " " + r + " " + c);
        }
      }
    }
    double step = 1e-5;
    oracle.gamma += step;
    double up = f.getAsDouble();
    oracle.gamma -= 2 * step;
    close((up - f.getAsDouble()) / (2 * step), gradient.gamma(), "gamma");
  }
}
