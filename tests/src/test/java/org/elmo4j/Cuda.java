// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

/** The CUDA device that tests run on: a real one, or the emulated one of the build. */
public final class Cuda {
  private Cuda() {}

  /**
   * The device; where there is none the test is skipped and says why, or fails where {@code
   * -Delmo4j.require=cuda} demands one.
   */
  public static Device device() {
    try {
      return Device.cuda();
    } catch (ElmoException e) {
      if ("cuda".equals(System.getProperty("elmo4j.require"))) {
        fail(e.getMessage());
      }
      return abort(e.getMessage());
    }
  }
}
