// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A process that has a temporary folder and a file under way: the file's path, and whether to wait
 * for a signal or to write to the end.
 */
final class HoldMain {
  private HoldMain() {}

  public static void main(String[] args) throws Exception {
    try (TemporaryFolder folder = TemporaryFolder.create();
        AtomicFile file = AtomicFile.create(Path.of(args[0]))) {
      Files.writeString(Files.createDirectory(folder.path().resolve("sub")).resolve("file"), "x");
      file.stream().write("text\n".getBytes());
      if (args[1].equals("wait")) {
        System.out.println("ready");
        Thread.sleep(60_000);
      }
      file.commit();
    }
  }
}
