// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import org.elmo4j.ElmoException;

/** Files that appear whole or not at all. Any thread may use it. */
public final class AtomicFile {
  private AtomicFile() {}

  /** What writes a file. */
  public interface Writing {
    /** Writes all of it. */
    void to(FileChannel channel) throws IOException;
  }

  /**
   * Writes a file beside its target and moves it there; one that was there is replaced.
   *
   * @throws ElmoException if the file cannot be written
   */
  public static void write(Path target, Writing writing) {
    Path full = target.toAbsolutePath();
    Path beside = full.resolveSibling(full.getFileName() + "." + UUID.randomUUID() + ".tmp");
    try {
      try {
        try (FileChannel channel =
            FileChannel.open(beside, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
          writing.to(channel);
          channel.force(true);
        }
        move(beside, full);
      } finally {
        Files.deleteIfExists(beside);
      }
    } catch (IOException e) {
      throw new ElmoException(target + ": expected a place to write to, found " + Json.line(e), e);
    }
  }

  private static void move(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /** Writes all bytes from the position to the limit. */
  public static void writeAll(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }
}
