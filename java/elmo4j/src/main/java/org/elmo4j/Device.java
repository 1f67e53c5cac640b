// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.backend.cuda.CudaDevices;

/** Where a model lives and runs. Immutable; any thread may use it. */
public final class Device {
  /** Names what {@link #auto} is, in place of the best that is there. */
  private static final String AUTO = "elmo4j.device";

  private static final String EXPECTED = "device: expected auto, cpu, cuda or cuda:N, found \"";
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

  /** The first CUDA device; as {@link #cuda(int)}. */
  public static Device cuda() {
    return cuda(0);
  }

  /**
   * A CUDA device, by the number that CUDA gives it. The first use of this method loads the driver
   * and CUDA's libraries into the process, where they are there.
   *
   * @throws ElmoException if it cannot be used, and why: there is no driver, it is too old, there
   *     is no such device, this build has no kernels or none for that device
   */
  public static Device cuda(int index) {
    CudaDevices.require(index);
    return new Device("cuda", index);
  }

  /**
   * The fastest device of this machine that elmo4j can use: the first CUDA device, or else the CPU.
   * The system property {@code elmo4j.device} names another, as {@link #parse} reads it.
   */
  public static Device auto() {
    String name = System.getProperty(AUTO, "auto");
    if (!name.equalsIgnoreCase("auto")) {
      return parse(name);
    }
    return CudaDevices.problem(0) == null ? cuda() : CPU;
  }

  /**
   * Reads {@code auto}, {@code cpu}, {@code cuda} or {@code cuda:1}.
   *
   * @throws ElmoException if the name is another, or as {@link #cuda(int)}
   */
  public static Device parse(String name) {
    Arguments.require(name, "name");
    String lower = name.toLowerCase(Locale.ROOT);
    switch (lower) {
      case "auto":
        return auto();
      case "cpu":
        return cpu();
      case "cuda":
        return cuda();
      default:
        if (!isName(name)) {
          throw new ElmoException(EXPECTED + name + "\"");
        }
        return cuda(Integer.parseInt(lower.substring("cuda:".length())));
    }
  }

  /**
   * Reads one or several for {@link ElmoModel.Builder#devices}: names as {@link #parse} takes them,
   * with commas between; {@code cuda:all} is every CUDA device that can be used.
   *
   * @throws ElmoException as {@link #parse}; for {@code cuda:all} if there is none
   */
  public static List<Device> parseAll(String names) {
    Arguments.require(names, "names");
    List<Device> devices = new ArrayList<>();
    for (String name : names.split(",", -1)) {
      if (name.equalsIgnoreCase("cuda:all")) {
        CudaDevices.usable().forEach(index -> devices.add(cuda(index)));
      } else {
        devices.add(parse(name));
      }
    }
    return devices;
  }

  /** Whether {@link #parse} knows such a name, wherever that device may be. */
  public static boolean isName(String name) {
    Arguments.require(name, "name");
    return name.toLowerCase(Locale.ROOT).matches("auto|cpu|cuda(:[0-9]{1,4})?");
  }

  /** {@code cpu} or {@code cuda}. */
  public String kind() {
    return kind;
  }

  /** Whether it is a CUDA device. */
  public boolean isCuda() {
    return kind.equals("cuda");
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
