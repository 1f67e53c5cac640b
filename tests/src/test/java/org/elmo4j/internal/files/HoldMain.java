// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A process that creates a temporary folder and begins to write a file. The arguments are the
 * file's path and {@code wait} to wait for a signal, or another word to finish the file.
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
