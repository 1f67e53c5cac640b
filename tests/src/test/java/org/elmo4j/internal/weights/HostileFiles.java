// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import org.elmo4j.ElmoException;
import org.elmo4j.train.Classifier;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/** The child process of {@link HostileFilesTest}: opens files and prints the outcome of each. */
final class HostileFiles {
  private HostileFiles() {}

  /**
   * The arguments are pairs of a reader and a path. For each pair, prints a line {@code start}, and
   * then a line with the thread's CPU time in milliseconds, a tab, {@code ok}, {@code elmo} or
   * {@code other}, a tab and the message.
   */
  public static void main(String[] args) {
    for (int i = 0; i < args.length; i += 2) {
      System.out.println("start");
      String result;
      long start = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
      try {
        open(args[i], Path.of(args[i + 1]));
        result = "ok\t";
      } catch (ElmoException e) {
        result = "elmo\t" + e.getMessage();
      } catch (Throwable e) {
        result = "other\t" + e;
      }
      long end = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
      System.out.println((end - start) / 1_000_000 + "\t" + result.replace('\n', '|'));
    }
  }

  private static void open(String reader, Path path) {
    switch (reader) {
      case "model" -> {
        try (WeightStore store = WeightStores.open(path)) {
          TinyModel.readAll(store);
        }
      }
      case "mix" -> MixJson.read(path);
      case "classifier" -> Classifier.load(path);
      case "vocabulary" ->
          TokenEmbeddings.open(path, path.resolveSibling("rows.hdf5"), TinyModel.options(2))
              .close();
      default -> throw new IllegalArgumentException(reader);
    }
  }
}
