// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.elmo4j.ElmoException;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/**
 * A process that reads models. Tests give it a small heap and make it exit if the heap is full.
 * {@code read FOLDER...} prints a line with the milliseconds and the outcome for each folder.
 * {@code mutate FOLDER CASES} changes the folder's HDF5 file at random and prints a line for each
 * change after which the file is neither read nor refused in time.
 */
final class ReadMain {
  static final long LIMIT_MS = 5000;

  private static final ThreadMXBean THREAD = ManagementFactory.getThreadMXBean();

  private ReadMain() {}

  private static String read(Path folder) {
    try (WeightStore store = WeightStores.open(folder)) {
      store.names().forEach(name -> TinyModel.read(store, name));
      return "read";
    } catch (ElmoException e) {
      return e.getMessage();
    }
  }

  public static void main(String[] args) throws Exception {
    if (args[0].equals("read")) {
      for (int i = 1; i < args.length; i++) {
        long before = THREAD.getCurrentThreadCpuTime();
        String result = read(Path.of(args[i]));
        System.out.println(millis(before) + " " + result);
      }
      return;
    }
    for (String folder : List.of(args).subList(2, args.length)) {
      mutate(Path.of(folder), Integer.parseInt(args[1]));
    }
  }

  private static void mutate(Path folder, int cases) throws IOException {
    Path weights = folder.resolve("weights.hdf5");
    byte[] valid = Files.readAllBytes(weights);
    for (int seed = 0; seed < cases; seed++) {
      Files.write(weights, new Hdf5Bytes(valid).mutate(new Random(seed)).bytes());
      long before = THREAD.getCurrentThreadCpuTime();
      String result;
      try {
        result = read(folder);
      } catch (Throwable e) {
        result = "\n" + e;
      }
      if (result.contains("\n") || millis(before) > LIMIT_MS) {
        System.out.println(
            folder + " seed " + seed + ": " + millis(before) + " ms: " + result.strip());
      }
    }
  }

  /**
   * Returns the milliseconds of CPU time since {@code before}. Other processes do not lengthen CPU
   * time.
   */
  private static long millis(long before) {
    return (THREAD.getCurrentThreadCpuTime() - before) / 1_000_000;
  }
}
