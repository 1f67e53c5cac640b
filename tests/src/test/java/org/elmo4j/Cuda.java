// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.elmo4j.internal.devices.Devices;

/** The CUDA devices that tests run on: real devices, or the emulated devices of the build. */
public final class Cuda {
  private Cuda() {}

  /** Whether the CUDA device is emulated. Then a model is slow. */
  public static boolean emulated() {
    return System.getProperty("elmo4j.cuda.library", "").contains("/emulated/");
  }

  /**
   * Returns the default CUDA device. If there is none, the test is skipped with the reason, or
   * fails if {@code -Delmo4j.require=cuda} is set.
   */
  public static Device device() {
    try {
      return Devices.resolve(Device.cuda());
    } catch (ElmoException e) {
      if ("cuda".equals(System.getProperty("elmo4j.require"))) {
        fail(e.getMessage());
      }
      return abort(e.getMessage());
    }
  }

  /** Returns two CUDA devices. If there are fewer, the test is skipped. */
  public static List<Device> two() {
    device();
    List<Device> all = Devices.resolve(List.of(Device.allCuda()));
    assumeTrue(all.size() >= 2, "expected two CUDA devices, found one");
    return all.subList(0, 2);
  }
}
