// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.kernels.CpuKernels;
import org.elmo4j.internal.kernels.CudaKernels;
import org.elmo4j.internal.kernels.NativeLibrary;

/**
 * Finds the CUDA devices of this machine, or the reason why there are none. No CUDA library is
 * loaded before the first question. The driver is asked first, since the messages about a missing
 * library later are hard to understand. Answers are kept. Thread-safe.
 */
public final class CudaDevices {
  /** The oldest compute capability for which kernels are compiled. */
  private static final int OLDEST = 75;

  private static final int NO_DEVICE = 100; // CUDA_ERROR_NO_DEVICE, cudaErrorNoDevice

  private CudaDevices() {}

  /** The answers, determined at first use. */
  private static final class Found {
    static final String PROBLEM;
    static final List<CudaDevice> DEVICES;

    static {
      List<CudaDevice> devices = new ArrayList<>();
      String problem = load();
      if (problem == null) {
        int[] count = new int[1];
        int status = CudaKernels.elmo4j_cuda_device_count(count);
        if (status != 0) {
          problem = "expected CUDA's runtime to start, found " + CudaDevice.describe(status);
        }
        for (int i = 0; i < count[0] && problem == null; i++) {
          devices.add(new CudaDevice(i));
        }
      }
      PROBLEM = problem;
      DEVICES = List.copyOf(devices);
    }
  }

  /** Loads the libraries. Returns null if all were loaded, else the reason. */
  private static String load() {
    try {
      NativeLibrary.CPU.require();
      if (System.getProperty(NativeLibrary.CUDA_LIBRARY) == null) {
        String problem = driverProblem();
        if (problem != null) {
          return problem;
        }
      }
      if (!NativeLibrary.CUDA.exists()) {
        return "expected elmo4j with its CUDA kernels, found it built without them";
      }
      NativeLibrary.CUDA.require();
      return null;
    } catch (ElmoException e) {
      return e.getMessage();
    }
  }

  private static String driverProblem() {
    int[] version = new int[1];
    int[] error = new int[1];
    switch (CpuKernels.elmo4j_find_driver(version, error)) {
      case CpuKernels.ELMO4J_DRIVER_READY:
        return null;
      case CpuKernels.ELMO4J_DRIVER_MISSING:
        return "expected NVIDIA's driver (libcuda.so.1), found none";
      case CpuKernels.ELMO4J_DRIVER_TOO_OLD:
        return String.format(
            Locale.ROOT,
            "expected an NVIDIA driver for CUDA 13, found one for CUDA %d.%d",
            version[0] / 1000,
            version[0] % 1000 / 10);
      default:
        return error[0] == NO_DEVICE
            ? "expected a CUDA device, found NVIDIA's driver and no device"
            : "expected NVIDIA's driver to start, found error " + error[0] + " of cuInit";
    }
  }

  /** Why a device cannot be used, in one sentence; null if it can. */
  public static String problem(int index) {
    if (Found.PROBLEM != null) {
      return Found.PROBLEM;
    }
    int count = Found.DEVICES.size();
    if (count == 0) {
      return "expected a CUDA device, found none";
    }
    if (index < 0 || index >= count) {
      return "expected a device of 0 to " + (count - 1) + ", found none with number " + index;
    }
    CudaDevice device = Found.DEVICES.get(index);
    if (device.capability() < OLDEST) {
      return "expected compute capability 7.5 or newer, found " + device;
    }
    int status = device.hasCode();
    return status == 0
        ? null
        : "expected kernels for " + device + ", found " + CudaDevice.describe(status);
  }

  /**
   * Checks that a device can be used.
   *
   * @throws ElmoException if it cannot be used; the message says why
   */
  public static void require(int index) {
    String problem = problem(index);
    if (problem != null) {
      throw new ElmoException("device cuda" + (index == 0 ? "" : ":" + index) + ": " + problem);
    }
  }

  /**
   * The numbers of all devices that can be used.
   *
   * @throws ElmoException if there is none; the message says why the first cannot be used
   */
  public static List<Integer> usable() {
    List<Integer> usable = new ArrayList<>();
    for (int i = 0; Found.PROBLEM == null && i < Found.DEVICES.size(); i++) {
      if (problem(i) == null) {
        usable.add(i);
      }
    }
    if (usable.isEmpty()) {
      require(0);
    }
    return usable;
  }

  /** Returns one line for each device, or one line that says why there is none. */
  public static List<String> describe() {
    if (Found.PROBLEM != null || Found.DEVICES.isEmpty()) {
      return List.of(problem(0));
    }
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < Found.DEVICES.size(); i++) {
      String problem = problem(i);
      lines.add(problem == null ? Found.DEVICES.get(i).toString() : problem);
    }
    return lines;
  }

  /** A short description of a device. */
  public static String describe(int index) {
    return get(index).toString();
  }

  /** Returns a device that {@link #require} has accepted. */
  static CudaDevice get(int index) {
    require(index);
    return Found.DEVICES.get(index);
  }
}
