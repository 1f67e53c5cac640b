// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.elmo4j.ElmoException;

/**
 * A folder that only this user can read, in {@code java.io.tmpdir} or in a folder that the caller
 * names. It is deleted with its content when it is closed or when the JVM ends, also by SIGINT or
 * SIGTERM. If a process is killed, the next process that makes a temporary folder in the same place
 * deletes what is left. Thread-safe.
 */
public final class TemporaryFolder implements AutoCloseable {
  private final Path whole;
  private final Path path;
  private final FileChannel lock;

  private TemporaryFolder(Path whole, FileChannel lock, Path path) {
    this.whole = whole;
    this.lock = lock;
    this.path = path;
  }

  /**
   * Makes a folder in {@code java.io.tmpdir}.
   *
   * @throws ElmoException if that fails
   */
  public static TemporaryFolder create() {
    Path parent = Path.of(System.getProperty("java.io.tmpdir"));
    try {
      return make(parent.toRealPath(), Leftovers.name());
    } catch (IOException e) {
      throw new ElmoException(
          parent + " (java.io.tmpdir): expected a folder to write to, found " + FoundFile.reason(e),
          e);
    }
  }

  /** Whether a path is in a folder that {@link #create} has made. */
  public static boolean contains(String path) {
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
    try {
      Path real = temporary.toRealPath();
      Path file = Path.of(path);
      return file.startsWith(real)
          && file.getNameCount() > real.getNameCount() + 1
          && Leftovers.isName(file.getName(real.getNameCount()).toString());
    } catch (IOException | InvalidPathException e) {
      return false;
    }
  }

  /**
   * Makes the exception for a failed write to a folder that {@link #create} has made. It says how
   * to choose another folder, since the user did not choose this one.
   *
   * @param what what did not fit
   */
  public static ElmoException full(String what, IOException e) {
    return full(what, FoundFile.reason(e), e);
  }

  /** Like {@link #full(String, IOException)} if it is known what was found, but not why. */
  public static ElmoException full(String what, String found, Exception cause) {
    return new ElmoException(
        System.getProperty("java.io.tmpdir")
            + ": expected room for "
            + what
            + ", found "
            + found
            + "; JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=FOLDER chooses another folder for temporary"
            + " files",
        cause);
  }

  /** Makes a hidden folder in {@code parent}. A rename can move its files into {@code parent}. */
  public static TemporaryFolder in(Path parent) throws IOException {
    return make(parent.toRealPath(), "." + Leftovers.name());
  }

  private static TemporaryFolder make(Path parent, String name) throws IOException {
    Leftovers.sweep(parent);
    Path whole = parent.resolve(name);
    boolean posix = Files.getFileStore(parent).supportsFileAttributeView("posix");
    Leftovers.add(whole);
    try {
      if (posix) {
        Files.createDirectory(
            whole,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      } else {
        Files.createDirectory(whole);
      }
      FileChannel lock = Leftovers.createLocked(whole.resolve(Leftovers.LOCK));
      Path path = Files.createDirectory(whole.resolve("files"));
      return new TemporaryFolder(whole, lock, path);
    } catch (Throwable e) {
      Leftovers.deleteTree(whole);
      Leftovers.remove(whole);
      throw e;
    }
  }

  /** The path of the folder, with all links resolved. It is empty at first. */
  public Path path() {
    return path;
  }

  /**
   * Deletes the folder. Further calls have no effect.
   *
   * @throws ElmoException if something in it cannot be deleted
   */
  @Override
  public void close() {
    try {
      Leftovers.deleteTree(whole);
      lock.close();
      Leftovers.remove(whole);
    } catch (IOException e) {
      throw new ElmoException(whole + ": expected to delete it, found " + FoundFile.reason(e), e);
    }
  }
}
