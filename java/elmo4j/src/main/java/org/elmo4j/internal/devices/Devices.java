// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.devices;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.backend.cpu.CpuBackend;
import org.elmo4j.internal.backend.cuda.CudaBackend;
import org.elmo4j.internal.backend.cuda.CudaDevices;
import org.elmo4j.internal.model.ModelWeights;

/** Finds the backend for a device that a caller names. Thread-safe. */
public final class Devices {
  /** The system property that names the device for {@link Device#auto}. */
  private static final String AUTO = "elmo4j.device";

  private Devices() {}

  /**
   * Replaces {@link Device#auto} by the device that it stands for, and {@link Device#allCuda} by
   * all CUDA devices that can be used.
   *
   * @throws ElmoException if a device cannot be used; the message says why
   */
  public static List<Device> resolve(List<Device> devices) {
    List<Device> resolved = new ArrayList<>();
    for (Device device : devices) {
      if (device.equals(Device.auto())) {
        resolved.addAll(best());
      } else if (device.equals(Device.allCuda())) {
        CudaDevices.usable().forEach(index -> resolved.add(Device.cuda(index)));
      } else {
        if (device.isCuda()) {
          CudaDevices.require(device.index());
        }
        resolved.add(device);
      }
    }
    return resolved;
  }

  /** Like {@link #resolve(List)} for one device, other than {@link Device#allCuda}. */
  public static Device resolve(Device device) {
    return resolve(List.of(device)).get(0);
  }

  private static List<Device> best() {
    Device named = Device.parse(System.getProperty(AUTO, "auto"));
    if (!named.equals(Device.auto())) {
      return resolve(List.of(named));
    }
    return List.of(CudaDevices.problem(0) == null ? Device.cuda() : Device.cpu());
  }

  /**
   * Loads weights onto a device.
   *
   * @param device a result of {@link #resolve}
   * @param precision null for the one that the system property {@code elmo4j.precision} names or,
   *     without it, the default of the device
   * @param threads the number of CPU threads
   */
  public static Backend load(
      ModelWeights weights, Device device, Precision precision, int threads) {
    Precision held = check(device, precision);
    return device.isCuda()
        ? new CudaBackend(weights, device, held)
        : new CpuBackend(weights, held, threads);
  }

  /**
   * Returns the precision in which {@link #load} would hold weights.
   *
   * @throws ElmoException if the device does not support it
   */
  public static Precision check(Device device, Precision precision) {
    Precision held = precision;
    if (held == null) {
      String named = System.getProperty("elmo4j.precision");
      Precision own = device.isCuda() ? Precision.FP16 : Precision.FP32;
      held = named == null ? own : Precision.parse(named);
    }
    String name = "precision " + held.name().toLowerCase(Locale.ROOT);
    if (!device.isCuda() && held == Precision.FP16) {
      throw new ElmoException(name + ": expected a CUDA device, found " + device);
    }
    if (device.isCuda() && (held == Precision.BF16 || held == Precision.INT8)) {
      throw new ElmoException(name + ": expected fp16 or fp32 on " + device);
    }
    return held;
  }

  /** Returns one line for each CUDA device, or one line that says why there is none. */
  public static List<String> describeCuda() {
    return CudaDevices.describe();
  }
}
