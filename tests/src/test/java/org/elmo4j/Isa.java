// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.elmo4j.internal.kernels.CpuKernels;

/** The instruction sets that the CPU backend has kernels for. */
final class Isa {
  private static final String PROPERTY = "elmo4j.cpu.isa";

  private Isa() {}

  /** The instruction sets of this build that the processor has, the weakest first. */
  static Stream<String> all() {
    return IntStream.iterate(0, isa -> CpuKernels.elmo4j_cpu_isa_name(isa) != null, isa -> isa + 1)
        .filter(isa -> CpuKernels.elmo4j_cpu_has_isa(isa) != 0)
        .mapToObj(isa -> CpuKernels.elmo4j_cpu_isa_name(isa).getString());
  }

  /** All of these but the best, which models use by default. */
  static Stream<String> weaker() {
    return all().limit(all().count() - 1);
  }

  /** Runs a test in which all models that it loads use this instruction set. */
  static void with(String isa, Runnable test) {
    String before = System.getProperty(PROPERTY);
    System.setProperty(PROPERTY, isa);
    try {
      test.run();
    } finally {
      if (before == null) {
        System.clearProperty(PROPERTY);
      } else {
        System.setProperty(PROPERTY, before);
      }
    }
  }
}
