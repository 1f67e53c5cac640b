// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.elmo4j.ElmoException;

/**
 * A file written beside its target and moved there once it is complete. Until then, and after a
 * failure or an interrupt (Ctrl-C), the target is what it was and nothing is left beside it. For
 * one thread.
 */
final class PendingFile implements Closeable {
  private static final Set<Path> PENDING = ConcurrentHashMap.newKeySet();

  static {
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> PENDING.forEach(PendingFile::deleteQuietly)));
  }

  private final Path target;
  private final Path path;
  private final FileChannel channel;

  private PendingFile(Path target, Path path, FileChannel channel) {
    this.target = target;
    this.path = path;
    this.channel = channel;
  }

  /**
   * Creates the file beside {@code target}.
   *
   * @throws ElmoException if the folder is missing or not writable, or the target is there and no
   *     regular file
   */
  static PendingFile create(Path target) throws IOException {
    // A link stays a link: the file that it points to is what is replaced.
    Path real = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
    if (Files.exists(real) && !Files.isRegularFile(real)) {
      throw new ElmoException(target + ": expected a file to write, found something else there");
    }
    Path folder = real.getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new ElmoException(target + ": expected an existing folder, found no folder " + folder);
    }
    return open(real, beside(real, "part"));
  }

  /**
   * A second file beside this one, for what must wait until the end; it is never moved to a place
   * of its own.
   */
  PendingFile spool() throws IOException {
    return open(null, beside(target, "spool"));
  }

  private static Path beside(Path target, String ending) {
    return target.resolveSibling(
        "." + target.getFileName() + "." + ProcessHandle.current().pid() + "." + ending);
  }

  private static PendingFile open(Path target, Path path) throws IOException {
    try {
      FileChannel channel =
          FileChannel.open(
              path,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE);
      PENDING.add(path);
      return new PendingFile(target, path, channel);
    } catch (FileSystemException e) {
      throw new ElmoException(
          path.getParent() + ": expected a folder to write to, found " + Main.reason(e), e);
    }
  }

  /** To write to, and to read back from. */
  FileChannel channel() {
    return channel;
  }

  /** Makes sure that all is on the disk, then moves the file to its target in one step. */
  void commit() throws IOException {
    channel.force(true);
    channel.close();
    Files.move(path, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    PENDING.remove(path);
  }

  /** Deletes the file unless it was committed. */
  @Override
  public void close() throws IOException {
    channel.close();
    if (PENDING.remove(path)) {
      deleteQuietly(path);
    }
  }

  private static void deleteQuietly(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      // What is left is named after its target and its process; there is nobody to tell.
    }
  }
}
