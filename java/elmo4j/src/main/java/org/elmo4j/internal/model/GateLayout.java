// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.model;

/**
 * The layout of {@link TensorNames#gates}, the weights of an LSTM layer's gates. The first rows
 * belong to the inputs x, the others to h. Each row holds the gates i, j, f, o, one after the
 * other. {@link TensorNames#gatesBias} has the layout of one such row.
 *
 * @param inputs the number of rows that belong to x
 * @param cells the number of elements of one gate in a row
 */
public record GateLayout(int inputs, int cells) {
  /** The number of gates. */
  public static final int GATES = 4;

  /** The distance between two rows, in elements. */
  public int stride() {
    return GATES * cells;
  }

  /** The index of the first number of a gate's matrix for x, [inputs, cells]. */
  public int x(int gate) {
    return gate * cells;
  }

  /** The index of the first number of a gate's matrix for h. */
  public int h(int gate) {
    return Math.multiplyExact(inputs, stride()) + gate * cells;
  }

  /** The index of the first number of a gate's bias, [cells]. */
  public int bias(int gate) {
    return gate * cells;
  }
}
