// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.kernels.CpuKernels;
import org.elmo4j.internal.kernels.NativeLibrary;

/** The instruction sets that the kernels are compiled for. */
final class Isa {
  private static final String PROPERTY = "elmo4j.cpu.isa";

  private Isa() {}

  /**
   * Returns this processor's best instruction set, or the one named by the property {@code
   * elmo4j.cpu.isa}.
   */
  static int choose() {
    NativeLibrary.CPU.require();
    String wanted = System.getProperty(PROPERTY);
    if (wanted == null) {
      return CpuKernels.elmo4j_cpu_best_isa();
    }
    List<String> names = new ArrayList<>();
    for (int isa = 0; CpuKernels.elmo4j_cpu_isa_name(isa) != null; isa++) {
      if (CpuKernels.elmo4j_cpu_has_isa(isa) != 0) {
        names.add(name(isa));
        if (name(isa).equals(wanted.toLowerCase(Locale.ROOT))) {
          return isa;
        }
      }
    }
    throw new ElmoException(
        PROPERTY
            + ": expected one that this processor has ("
            + String.join(", ", names)
            + "), found \""
            + wanted
            + "\"");
  }

  static String name(int isa) {
    return CpuKernels.elmo4j_cpu_isa_name(isa).getString();
  }
}
