// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Computes one step of an LSTM by cuDNN's documented formulas from the mapped weights, and compares
 * it with the formulas of the model files (Sak et al. 2014, with the files' gates i, j, f, o). No
 * device is needed.
 */
class CudnnGatesCudaTest {
  private static final int INPUTS = 3;
  private static final int PROJECTION = 2;
  private static final int CELLS = 5;

  private final Random random = new Random(7);
  private final float[] kernel = values((INPUTS + PROJECTION) * 4 * CELLS);
  private final float[] bias = values(4 * CELLS);
  private final float[] projector = values(CELLS * PROJECTION);
  private final float[] x = values(INPUTS);
  private final float[] h = values(PROJECTION);
  private final float[] c = values(CELLS);

  private float[] values(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static double sigmoid(double z) {
    return 1 / (1 + Math.exp(-z));
  }

  private double[] asTheFilesSay() {
    double[] m = new double[CELLS];
    for (int cell = 0; cell < CELLS; cell++) {
      double[] gate = new double[4];
      for (int g = 0; g < 4; g++) {
        gate[g] = bias[g * CELLS + cell];
        for (int k = 0; k < INPUTS + PROJECTION; k++) {
          gate[g] += (k < INPUTS ? x[k] : h[k - INPUTS]) * kernel[(k * 4 + g) * CELLS + cell];
        }
      }
      double next = sigmoid(gate[2] + 1) * c[cell] + sigmoid(gate[0]) * Math.tanh(gate[1]);
      m[cell] = sigmoid(gate[3]) * Math.tanh(next);
    }
    double[] result = new double[PROJECTION];
    for (int p = 0; p < PROJECTION; p++) {
      for (int cell = 0; cell < CELLS; cell++) {
        result[p] += m[cell] * projector[cell * PROJECTION + p];
      }
    }
    return result;
  }

  private float[] matrix(int matrix) {
    return CudnnGates.matrix(kernel, projector, INPUTS, CELLS, PROJECTION, matrix);
  }

  /** Multiplies a matrix [rows, columns] by a vector. */
  private static double[] times(float[] matrix, double[] vector) {
    double[] result = new double[matrix.length / vector.length];
    for (int r = 0; r < result.length; r++) {
      for (int k = 0; k < vector.length; k++) {
        result[r] += matrix[r * vector.length + k] * vector[k];
      }
    }
    return result;
  }

  private static double[] doubles(float[] values) {
    double[] doubles = new double[values.length];
    Arrays.setAll(doubles, i -> values[i]);
    return doubles;
  }

  private double[] asCudnnSays() {
    double[][] gate = new double[4][];
    for (int g = 0; g < 4; g++) {
      double[] ofX = times(matrix(g), doubles(x));
      double[] ofH = times(matrix(4 + g), doubles(h));
      float[] b = CudnnGates.bias(bias, CELLS, g);
      gate[g] = new double[CELLS];
      Arrays.setAll(gate[g], i -> ofX[i] + ofH[i] + b[i]);
    }
    double[] m = new double[CELLS];
    for (int i = 0; i < CELLS; i++) {
      double next = sigmoid(gate[1][i]) * c[i] + sigmoid(gate[0][i]) * Math.tanh(gate[2][i]);
      m[i] = sigmoid(gate[3][i]) * Math.tanh(next);
    }
    return times(matrix(CudnnGates.PROJECTION), m);
  }

  @Test
  void aStepIsTheSameByBothFormulas() {
    assertArrayEquals(asTheFilesSay(), asCudnnSays(), 1e-6);
  }
}
