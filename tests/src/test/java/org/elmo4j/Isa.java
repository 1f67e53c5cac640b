// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assumptions.abort;

import org.elmo4j.internal.weights.RandomWeights;

/** The instruction sets that the CPU backend has kernels for. */
final class Isa {
  private static final String PROPERTY = "elmo4j.cpu.isa";

  private Isa() {}

  /**
   * Runs a test whose models, loaded meanwhile, use this instruction set; where the processor lacks
   * it, the test is skipped and says so.
   */
  static void with(String isa, Runnable test) {
    String before = System.getProperty(PROPERTY);
    System.setProperty(PROPERTY, isa);
    try {
      try {
        ElmoModel.builder()
            .weights(new RandomWeights(Models.TINY, 1))
            .device(Device.cpu())
            .load()
            .close();
      } catch (ElmoException e) {
        abort(e.getMessage());
      }
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
