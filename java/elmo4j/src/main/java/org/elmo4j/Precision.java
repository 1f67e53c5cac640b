// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.Locale;

/** How a backend holds weights and multiplies. Results are always 32-bit floats. */
public enum Precision {
  /** 32-bit floats throughout. */
  FP32,

  /**
   * Matrices in bfloat16: half the memory, 32-bit sums and state. With AMX several times as fast as
   * {@link #FP32}; on processors without it only small batches gain. Vectors keep a cosine of at
   * least 0.9999 with those of FP32.
   */
  BF16;

  /**
   * Reads {@code fp32} or {@code bf16}.
   *
   * @throws ElmoException if the name is another
   */
  public static Precision parse(String name) {
    switch (name.toLowerCase(Locale.ROOT)) {
      case "fp32":
        return FP32;
      case "bf16":
        return BF16;
      default:
        throw new ElmoException("precision: expected fp32 or bf16, found \"" + name + "\"");
    }
  }
}
