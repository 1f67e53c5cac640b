// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.Locale;
import org.elmo4j.internal.Arguments;

/**
 * The number format of the weights and of the matrix products. Results are always 32-bit floats.
 */
public enum Precision {
  /** 32-bit floats everywhere. The default on the CPU. */
  FP32,

  /**
   * Matrices in bfloat16, sums and state in 32 bits. It takes half the memory of {@link #FP32}. It
   * is up to twice as fast with AVX512-BF16 and several times as fast with AMX; on other processors
   * only small batches become faster. The cosine between its vectors and those of FP32 is at least
   * 0.9999. CPU only.
   */
  BF16,

  /**
   * The matrices of the LSTM as 8-bit integers with one scale for each output, everything else as
   * in {@link #FP32}. The LSTM takes a quarter of the memory. Its inputs are quantised too, each
   * token by itself, and the integers are summed exactly, so a sentence has the same bits in any
   * batch and on all processors. It is the fastest format on processors with AVX512-VNNI. The
   * cosine between its vectors and those of FP32 is at least 0.999, and 0.9998 on average (measured
   * with the bundled model). CPU only.
   */
  INT8,

  /**
   * Matrices and layers in half precision for tensor cores; sums, gates and cell states in 32 bits.
   * The default on CUDA devices. CUDA only.
   */
  FP16;

  /**
   * Reads {@code fp32}, {@code bf16}, {@code int8} or {@code fp16}.
   *
   * @throws ElmoException if it is any other name
   */
  public static Precision parse(String name) {
    Arguments.require(name, "name");
    switch (name.toLowerCase(Locale.ROOT)) {
      case "fp32":
        return FP32;
      case "bf16":
        return BF16;
      case "int8":
        return INT8;
      case "fp16":
        return FP16;
      default:
        throw new ElmoException(
            "precision: expected fp32, bf16, int8 or fp16, found \"" + name + "\"");
    }
  }
}
