// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.IntConsumer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.kernels.CpuKernels;
import org.elmo4j.internal.kernels.NativeLibrary;

/**
 * Measures this machine's limits, with which the forward pass is compared. Each call takes about a
 * second and uses the given number of threads at once.
 */
public final class Machine {
  private static final int SIZE = 2048;
  private static final int REPEATS = 5;

  /**
   * The file names of the libraries that OpenBLAS needs and of OpenBLAS itself, which is last, on
   * each operating system.
   */
  private static final List<String> OPENBLAS =
      List.of(
          "libgcc_s.so.1",
          "libquadmath.so.0",
          "libgfortran.so.5",
          "libopenblas.so.0",
          "libgcc_s.1.1.dylib",
          "libquadmath.0.dylib",
          "libgfortran.5.dylib",
          "libopenblas.0.dylib",
          "libgcc_s_seh-1.dll",
          "libquadmath-0.dll",
          "libgfortran-5.dll",
          "libopenblas.dll");

  /** Larger than the caches of today's processors, except the largest server processors. */
  private static final long READ_BYTES = 1L << 30;

  private Machine() {}

  /**
   * Returns the operations per second of OpenBLAS's sgemm on 2048 x 2048 matrices, where each
   * thread has its own matrices; empty if OpenBLAS is not on the class path or cannot be loaded.
   */
  public static OptionalDouble sgemmFlops(int threads) {
    if (!openOpenBlas()) {
      return OptionalDouble.empty();
    }
    long floats = (long) SIZE * SIZE;
    try (Workers workers = new Workers(threads);
        NativeMemory memory = NativeMemory.allocate(3 * threads * floats * Float.BYTES)) {
      workers.run(
          threads,
          i -> Pointer.memset(memory.floatPointer(3 * i * floats), 0x3f, 3 * floats * Float.BYTES));
      double seconds =
          seconds(
              workers,
              threads,
              i ->
                  CpuKernels.elmo4j_sgemm(
                      SIZE,
                      SIZE,
                      SIZE,
                      memory.floatPointer(3 * i * floats),
                      memory.floatPointer((3 * i + 1) * floats),
                      memory.floatPointer((3 * i + 2) * floats)));
      return OptionalDouble.of(2.0 * SIZE * SIZE * SIZE * threads / seconds);
    }
  }

  /**
   * Opens the OpenBLAS of the Bytedeco jar, without its JNI library. Its libraries find each other
   * in the folder that they are extracted to.
   */
  private static boolean openOpenBlas() {
    String folder = "/org/bytedeco/openblas/" + Loader.getPlatform() + "/";
    File openBlas = null;
    try {
      for (String name : OPENBLAS) {
        URL resource = Machine.class.getResource(folder + name);
        if (resource != null) {
          openBlas = Loader.cacheResource(resource);
        }
      }
    } catch (IOException e) {
      return false;
    }
    return openBlas != null && CpuKernels.elmo4j_openblas_open(openBlas.getPath()) != 0;
  }

  /**
   * Returns the operations per second of multiply-adds that only access registers, with the
   * instructions that a model of that precision uses on this processor. No matrix product is
   * faster.
   */
  public static double peakFlops(Precision precision, int threads) {
    NativeLibrary.CPU.require(); // Before the size of a struct is asked for.
    try (Workers workers = new Workers(threads);
        NativeMemory memory = NativeMemory.allocate(Loader.sizeof(CpuKernels.Matrix.class))) {
      CpuKernels.Matrix matrix =
          new CpuKernels.Matrix(memory.bytePointer(0))
              .isa(Isa.choose())
              .type(CpuWeights.typeOf(precision));
      long operations = CpuKernels.elmo4j_cpu_peak(matrix, 1);
      long rounds = 1L << 22;
      double seconds = seconds(workers, threads, i -> CpuKernels.elmo4j_cpu_peak(matrix, rounds));
      return (double) operations * rounds * threads / seconds;
    }
  }

  /**
   * Returns the bytes per second that the threads read together, where each reads its share of 1
   * GiB.
   */
  public static double readBytes(int threads) {
    long share = READ_BYTES / threads / 64 * 64;
    try (Workers workers = new Workers(threads);
        NativeMemory memory = NativeMemory.allocate(share * threads)) {
      workers.run(threads, i -> Pointer.memset(memory.bytePointer(i * share), 1, share));
      double seconds =
          seconds(
              workers,
              threads,
              i -> {
                if (CpuKernels.elmo4j_read(memory.bytePointer(i * share), share) == 0) {
                  throw new IllegalStateException("expected ones in memory, found zeros");
                }
              });
      return (double) share * threads / seconds;
    }
  }

  /** Returns the time of the fastest of several runs, each on all threads at once. */
  private static double seconds(Workers workers, int threads, IntConsumer task) {
    long best = Long.MAX_VALUE;
    for (int i = 0; i <= REPEATS; i++) {
      long before = System.nanoTime();
      workers.run(threads, task);
      best = Math.min(best, System.nanoTime() - before);
    }
    return best / 1e9;
  }
}
