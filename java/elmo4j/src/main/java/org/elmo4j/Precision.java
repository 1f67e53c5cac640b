// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.Locale;
import org.elmo4j.internal.Arguments;

/** How a backend holds weights and multiplies. Results are always 32-bit floats. */
public enum Precision {
  /** 32-bit floats throughout. What a model on the CPU has by default. */
  FP32,

  /**
   * Matrices in bfloat16: half the memory, 32-bit sums and state. With AMX several times as fast as
   * {@link #FP32}, with AVX512-BF16 up to twice; on other processors only small batches gain.
   * Vectors keep a cosine of at least 0.9999 with those of FP32. On the CPU alone.
   */
  BF16,

  /**
   * The LSTM's matrices as 8-bit integers with a scale for each output, all else as in {@link
   * #FP32}: a quarter of the LSTM's memory, 32-bit gates and cell states. What a matrix meets is
   * quantised too, each token by itself, and integers are summed exactly: a sentence has the same
   * bits in any batch, and what the LSTM computes is the same on all processors. Fastest where the
   * processor has AVX512-VNNI. Vectors keep a cosine of at least 0.999 with those of FP32, of
   * 0.9998 on average. On the CPU alone.
   */
  INT8,

  /**
   * Matrices and layers in half precision, for tensor cores; 32-bit sums, gates and cell states.
   * What a model on a CUDA device has by default, and on no other.
   */
  FP16;

  /**
   * Reads {@code fp32}, {@code bf16}, {@code int8} or {@code fp16}.
   *
   * @throws ElmoException if the name is another
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
