// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.elmo4j.ChildJvm;
import org.elmo4j.Precision;
import org.junit.jupiter.api.Test;

class MachineTest {
  /** Measures in a process in which nothing has loaded the native library before. */
  static final class PeakFirst {
    public static void main(String[] args) {
      System.out.println(Machine.peakFlops(Precision.FP32, 1) > 0);
    }
  }

  @Test
  void thePeakMayBeTheFirstUseOfTheNativeLibrary() throws Exception {
    assertEquals(List.of("true"), new ChildJvm(PeakFirst.class).sharedCache().run().out());
  }
}
