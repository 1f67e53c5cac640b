// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import org.elmo4j.internal.model.GateLayout;

/**
 * Brings the weights of an LSTM into the form that cuDNN expects. cuDNN computes, with the matrix
 * numbers of {@code cudnnGetRNNWeightParams},
 *
 * <pre>
 *   i = sigmoid(W0 x + R4 h + b0)     f = sigmoid(W1 x + R5 h + b1)
 *   j = tanh(W2 x + R6 h + b2)        o = sigmoid(W3 x + R7 h + b3)
 *   c = clip(f * c + i * j)           h = P8 (o * tanh(c))
 * </pre>
 *
 * and holds each matrix as [out, in]. Model files hold [in, out] with the columns of the gates in
 * the order i, j, f, o. The 1 that is added to the sum of the forget gate is not in the files.
 */
final class CudnnGates {
  /** The number of matrices of a layer: four gates for x, four for h, and the projection. */
  static final int MATRICES = 9;

  static final int PROJECTION = 8;

  /** For each gate of cuDNN, the number of the gate in the file. */
  private static final int[] GATE = {0, 2, 1, 3};

  private static final int FORGET = 1; // cuDNN's number

  private CudnnGates() {}

  /**
   * Returns a matrix in cuDNN's form.
   *
   * @param kernel [inputs + projection, 4 * cells], from the file
   * @param projector [cells, projection], from the file
   * @param matrix 0 to 8
   * @return [cells, inputs], [cells, projection] or, for the last, [projection, cells]
   */
  static float[] matrix(
      float[] kernel, float[] projector, int inputs, int cells, int projection, int matrix) {
    if (matrix == PROJECTION) {
      return transposed(projector, 0, projection, cells, projection);
    }
    GateLayout gates = new GateLayout(inputs, cells);
    int gate = GATE[matrix % GateLayout.GATES];
    return matrix < GateLayout.GATES
        ? transposed(kernel, gates.x(gate), gates.stride(), inputs, cells)
        : transposed(kernel, gates.h(gate), gates.stride(), projection, cells);
  }

  /**
   * Returns the bias of one of the matrices for x. The other matrices have none.
   *
   * @param bias [4 * cells], from the file
   */
  static float[] bias(float[] bias, int cells, int matrix) {
    int first = new GateLayout(0, cells).bias(GATE[matrix]);
    float[] values = new float[cells];
    for (int i = 0; i < cells; i++) {
      values[i] = bias[first + i] + (matrix == FORGET ? 1 : 0);
    }
    return values;
  }

  private static float[] transposed(float[] source, int first, int stride, int rows, int columns) {
    float[] result = new float[rows * columns];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        result[c * rows + r] = source[first + r * stride + c];
      }
    }
    return result;
  }
}
