// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.elmo4j.internal.Arguments;

/**
 * Where a model runs. This is only a name: elmo4j looks for the device when it loads a model onto
 * it. Immutable and thread-safe.
 */
public final class Device {
  private static final String EXPECTED =
      "device: expected auto, cpu, cuda, cuda:N or cuda:all, found \"";
  private static final Device AUTO = new Device("auto", 0);
  private static final Device CPU = new Device("cpu", 0);
  private static final Device ALL_CUDA = new Device("cuda", -1);

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
   * A CUDA device, by the number that CUDA gives it.
   *
   * @throws ElmoException if the number is negative
   */
  public static Device cuda(int index) {
    if (index < 0) {
      throw new ElmoException("device cuda: expected a number of 0 or more, found " + index);
    }
    return new Device("cuda", index);
  }

  /**
   * The first CUDA device of the machine that can be used, or the CPU if there is none. The system
   * property {@code elmo4j.device} overrides this choice with a name that {@link #parse} reads.
   * {@link ElmoModel#device} tells which device was chosen.
   */
  public static Device auto() {
    return AUTO;
  }

  /** Every CUDA device that can be used, for {@link ElmoModelBuilder#devices}. */
  public static Device allCuda() {
    return ALL_CUDA;
  }

  /**
   * Reads {@code auto}, {@code cpu}, {@code cuda}, {@code cuda:1} or {@code cuda:all}.
   *
   * @throws ElmoException if it is any other name
   */
  public static Device parse(String name) {
    Arguments.require(name, "name");
    if (!isName(name)) {
      throw new ElmoException(EXPECTED + name + "\"");
    }
    String lower = name.toLowerCase(Locale.ROOT);
    return switch (lower) {
      case "auto" -> AUTO;
      case "cpu" -> CPU;
      case "cuda" -> cuda(0);
      case "cuda:all" -> ALL_CUDA;
      default -> cuda(Integer.parseInt(lower.substring("cuda:".length())));
    };
  }

  /**
   * Reads one or more names, separated by commas, for {@link ElmoModelBuilder#devices}. Each is a
   * name that {@link #parse} reads.
   *
   * @throws ElmoException as {@link #parse}
   */
  public static List<Device> parseAll(String names) {
    Arguments.require(names, "names");
    List<Device> devices = new ArrayList<>();
    for (String name : names.split(",", -1)) {
      devices.add(parse(name));
    }
    return devices;
  }

  /** Whether {@link #parse} accepts this name. */
  public static boolean isName(String name) {
    Arguments.require(name, "name");
    return name.toLowerCase(Locale.ROOT).matches("auto|cpu|cuda(:[0-9]{1,4}|:all)?");
  }

  /** {@code auto}, {@code cpu} or {@code cuda}. */
  public String kind() {
    return kind;
  }

  /** Whether this is a CUDA device or {@link #allCuda}. */
  public boolean isCuda() {
    return kind.equals("cuda");
  }

  /** The device's number among those of its kind, from 0; -1 for {@link #allCuda}. */
  public int index() {
    return index;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Device device && device.kind.equals(kind) && device.index == index;
  }

  @Override
  public int hashCode() {
    return 31 * kind.hashCode() + index;
  }

  @Override
  public String toString() {
    return index == 0 ? kind : kind + ":" + (index < 0 ? "all" : index);
  }
}
