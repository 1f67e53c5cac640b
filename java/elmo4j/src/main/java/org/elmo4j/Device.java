// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.Locale;
import java.util.Objects;

/** Where a model lives and runs. Immutable; any thread may use it. */
public final class Device {
  private static final Device CPU = new Device("cpu", 0);

  private final String kind;
  private final int index;

  private Device(String kind, int index) {
    this.kind = kind;
    this.index = index;
  }

  /** The processor: native kernels, no GPU needed. */
  public static Device cpu() {
    return CPU;
  }

  /** The fastest device of this machine that elmo4j can use; today that is the CPU. */
  public static Device auto() {
    return CPU;
  }

  /**
   * Reads {@code auto} or {@code cpu}.
   *
   * @throws ElmoException if the name is another
   */
  public static Device parse(String name) {
    switch (name.toLowerCase(Locale.ROOT)) {
      case "auto":
        return auto();
      case "cpu":
        return cpu();
      default:
        throw new ElmoException(
            "device: expected auto or cpu, found \""
                + name
                + "\" (this build has no CUDA backend)");
    }
  }

  /** {@code cpu}; later also {@code cuda}. */
  public String kind() {
    return kind;
  }

  /** The device's number among those of its kind, from 0. */
  public int index() {
    return index;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Device
        && ((Device) other).kind.equals(kind)
        && ((Device) other).index == index;
  }

  @Override
  public int hashCode() {
    return Objects.hash(kind, index);
  }

  @Override
  public String toString() {
    return index == 0 ? kind : kind + ":" + index;
  }
}
