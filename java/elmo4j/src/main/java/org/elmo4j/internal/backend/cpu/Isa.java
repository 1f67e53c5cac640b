// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import java.util.Locale;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.kernels.CpuKernels;
import org.elmo4j.internal.kernels.NativeLibrary;

/** The instruction sets that the kernels are compiled for. */
final class Isa {
  private static final String PROPERTY = "elmo4j.cpu.isa";

  private Isa() {}

  /** The best one of this processor, or the one that the property {@code elmo4j.cpu.isa} names. */
  static int choose() {
    NativeLibrary.CPU.require();
    int best = CpuKernels.elmo4j_cpu_best_isa();
    String wanted = System.getProperty(PROPERTY);
    if (wanted == null) {
      return best;
    }
    for (int isa = 0; isa <= best; isa++) {
      if (name(isa).equals(wanted.toLowerCase(Locale.ROOT))) {
        return isa;
      }
    }
    throw new ElmoException(
        PROPERTY
            + ": expected portable, avx2, avx512, avx512vnni, avx512bf16 or amx, at most "
            + name(best)
            + " here, found \""
            + wanted
            + "\"");
  }

  static String name(int isa) {
    switch (isa) {
      case CpuKernels.ELMO4J_AMX:
        return "amx";
      case CpuKernels.ELMO4J_AVX512BF16:
        return "avx512bf16";
      case CpuKernels.ELMO4J_AVX512VNNI:
        return "avx512vnni";
      case CpuKernels.ELMO4J_AVX512:
        return "avx512";
      case CpuKernels.ELMO4J_AVX2:
        return "avx2";
      default:
        return "portable";
    }
  }
}
