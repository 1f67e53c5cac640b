// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * Deletes temporary files and folders. They are deleted when the JVM ends, also by a signal. Each
 * has a locked file, by which a later process recognises and deletes those whose owner was killed.
 * Thread-safe.
 */
final class Leftovers {
  private static final Set<Path> LIVE = new HashSet<>();
  private static final Set<Path> SWEPT = new HashSet<>();

  /**
   * A file lock ends when the process closes any channel of the file, so the process never opens
   * its own files again.
   */
  private static final String OWNER =
      Long.toHexString(ProcessHandle.current().pid())
          + "-"
          + Long.toHexString(
              ProcessHandle.current().info().startInstant().orElse(Instant.EPOCH).toEpochMilli());

  private static final Pattern NAME =
      Pattern.compile("\\.?elmo4j-[0-9a-f]+-[0-9a-f]+-[0-9a-f]{32}(\\.tmp|\\.new)?");

  /** The name of the file in a temporary folder that the owner keeps locked. */
  static final String LOCK = "lock";

  /** The time that an owner has to take its lock. */
  private static final Duration GRACE = Duration.ofHours(1);

  private static Thread hook;

  private Leftovers() {}

  /** Returns a random name that nobody can guess. */
  static String name() {
    return "elmo4j-" + OWNER + "-" + UUID.randomUUID().toString().replace("-", "");
  }

  /** Whether {@link #name} may have returned this name, in this or another process. */
  static boolean isName(String name) {
    return NAME.matcher(name).matches();
  }

  /** Registers a path that is deleted when the JVM ends. */
  static synchronized void add(Path path) {
    LIVE.add(path);
    if (hook == null) {
      hook = new Thread(Leftovers::deleteAll, "elmo4j-temporary-files");
      try {
        Runtime.getRuntime().addShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The JVM is ending. Code that still writes a file now deletes or moves it itself.
      }
    }
  }

  /** Removes a path from those that are deleted when the JVM ends. */
  static synchronized void remove(Path path) {
    LIVE.remove(path);
    if (LIVE.isEmpty() && hook != null) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
        hook = null;
      } catch (IllegalStateException e) {
        // The JVM is ending.
      }
    }
  }

  private static void deleteAll() {
    // Another thread may still write to a folder. It fails once the folder is gone.
    for (int round = 0; round < 20; round++) {
      Set<Path> left;
      synchronized (Leftovers.class) {
        left = new HashSet<>(LIVE);
      }
      boolean gone = true;
      for (Path path : left) {
        try {
          deleteTree(path);
        } catch (IOException e) {
          gone = false;
        }
      }
      if (gone) {
        return;
      }
      try {
        Thread.sleep(10);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /** Deletes a file, or a folder with its content, the lock file last. It does not follow links. */
  static void deleteTree(Path path) throws IOException {
    if (Files.notExists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Path lock = path.resolve(LOCK);
    Files.walkFileTree(
        path,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            if (!file.equals(lock)) {
              Files.deleteIfExists(file);
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) {
            return FileVisitResult
                .CONTINUE; // It is already gone, or it cannot be deleted; then its folder cannot be
            // deleted either.
          }

          @Override
          public FileVisitResult postVisitDirectory(Path folder, IOException e) throws IOException {
            if (folder.equals(path)) {
              Files.deleteIfExists(lock);
            }
            Files.deleteIfExists(folder);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  /**
   * Creates a new file that stays locked as long as its channel is open. It has another name until
   * it is locked, so that no process finds it without its lock.
   */
  static FileChannel createLocked(Path file) throws IOException {
    Path unlocked = file.resolveSibling(name() + ".new");
    add(unlocked);
    FileChannel channel = null;
    try {
      channel =
          FileChannel.open(
              unlocked,
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS);
      try {
        channel.tryLock();
      } catch (IOException e) {
        // The file system has no locks, so no process will take one or sweep the file.
      }
      Files.move(unlocked, file);
      return channel;
    } catch (Throwable e) {
      if (channel != null) {
        channel.close();
      }
      Files.deleteIfExists(unlocked);
      throw e;
    } finally {
      remove(unlocked);
    }
  }

  /** Deletes what killed processes of this user left in a folder. Each folder is swept once. */
  static void sweep(Path folder) {
    synchronized (Leftovers.class) {
      if (!SWEPT.add(folder)) {
        return;
      }
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, "{.,}elmo4j-*")) {
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        if (NAME.matcher(name).matches() && !name.contains("elmo4j-" + OWNER + "-")) {
          sweepOne(entry);
        }
      }
    } catch (IOException | RuntimeException e) {
      // Files that remain take space but do no harm.
    }
  }

  private static void sweepOne(Path entry) {
    try {
      boolean directory = Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS);
      Path lockFile = directory ? entry.resolve(LOCK) : entry;
      if (!Files.isRegularFile(lockFile, LinkOption.NOFOLLOW_LINKS)
          || entry.toString().endsWith(".new")) {
        // Its owner has not locked it yet, or was killed before it did.
        Instant changed = Files.getLastModifiedTime(entry, LinkOption.NOFOLLOW_LINKS).toInstant();
        if (changed.plus(GRACE).isBefore(Instant.now())) {
          deleteTree(entry);
        }
        return;
      }
      // A file of another user cannot be opened for writing.
      try (FileChannel channel =
              FileChannel.open(lockFile, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
          FileLock lock = channel.tryLock()) {
        if (lock != null) {
          deleteTree(entry);
        }
      }
    } catch (IOException | OverlappingFileLockException e) {
      // It is in use, or it belongs to another user.
    }
  }
}
