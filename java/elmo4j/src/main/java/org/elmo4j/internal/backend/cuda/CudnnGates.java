// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

/**
 * Where cuDNN wants an LSTM's weights. It computes, with the matrices numbered as {@code
 * cudnnGetRNNWeightParams} numbers them,
 *
 * <pre>
 *   i = sigmoid(W0 x + R4 h + b0)     f = sigmoid(W1 x + R5 h + b1)
 *   j = tanh(W2 x + R6 h + b2)        o = sigmoid(W3 x + R7 h + b3)
 *   c = clip(f * c + i * j)           h = P8 (o * tanh(c))
 * </pre>
 *
 * and holds each matrix [out, in]. The model files hold [in, out], with the gates' columns in the
 * order i, j, f, o, and leave the 1 that is added to the forget gate's sum to who computes.
 */
final class CudnnGates {
  /** Matrices of a layer: four gates for x, four for h, the projection. */
  static final int MATRICES = 9;

  static final int PROJECTION = 8;

  /** The file's gate for each of cuDNN's. */
  private static final int[] GATE = {0, 2, 1, 3};

  private static final int FORGET = 1; // cuDNN's number

  private CudnnGates() {}

  /**
   * A matrix as cuDNN holds it.
   *
   * @param kernel [inputs + projection, 4 * cells]: the file's
   * @param projector [cells, projection]: the file's
   * @param matrix 0 to 8
   * @return [cells, inputs], [cells, projection] or, for the last, [projection, cells]
   */
  static float[] matrix(
      float[] kernel, float[] projector, int inputs, int cells, int projection, int matrix) {
    if (matrix == PROJECTION) {
      return transposed(projector, 0, projection, cells, projection);
    }
    int column = GATE[matrix % 4] * cells;
    return matrix < 4
        ? transposed(kernel, column, 4 * cells, inputs, cells)
        : transposed(kernel, inputs * 4 * cells + column, 4 * cells, projection, cells);
  }

  /**
   * The bias of one of the matrices for x; the others have none.
   *
   * @param bias [4 * cells]: the file's
   */
  static float[] bias(float[] bias, int cells, int matrix) {
    float[] values = new float[cells];
    for (int i = 0; i < cells; i++) {
      values[i] = bias[GATE[matrix] * cells + i] + (matrix == FORGET ? 1 : 0);
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
