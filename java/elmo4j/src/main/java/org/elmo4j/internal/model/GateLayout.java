// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.model;

/**
 * Where the numbers of an LSTM layer's gates lie in {@link TensorNames#gates}: a row for each input
 * x, then one for each h; a row holds the gates i, j, f, o beside each other. {@link
 * TensorNames#gatesBias} is one such row.
 *
 * @param inputs rows of x
 * @param cells numbers a gate has in a row
 */
public record GateLayout(int inputs, int cells) {
  /** Gates of a row. */
  public static final int GATES = 4;

  /** Numbers from one row to the next. */
  public int stride() {
    return GATES * cells;
  }

  /** The first number of a gate's matrix for x, [inputs, cells]. */
  public int x(int gate) {
    return gate * cells;
  }

  /** The first number of a gate's matrix for h. */
  public int h(int gate) {
    return Math.multiplyExact(inputs, stride()) + gate * cells;
  }

  /** The first number of a gate's bias, [cells]. */
  public int bias(int gate) {
    return gate * cells;
  }
}
