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
 * Files and folders that must not outlive their use. They are deleted when the JVM ends, by a
 * signal too. Each has a locked file, so that a later process can tell those whose owner was killed
 * and delete them. Any thread may use it.
 */
final class Leftovers {
  private static final Set<Path> LIVE = new HashSet<>();
  private static final Set<Path> SWEPT = new HashSet<>();

  /** A lock ends when the process closes any channel of the file: it never opens its own again. */
  private static final String OWNER =
      Long.toHexString(ProcessHandle.current().pid())
          + "-"
          + Long.toHexString(
              ProcessHandle.current().info().startInstant().orElse(Instant.EPOCH).toEpochMilli());

  private static final Pattern NAME =
      Pattern.compile("\\.?elmo4j-[0-9a-f]+-[0-9a-f]+-[0-9a-f]{32}(\\.tmp|\\.new)?");

  /** What has this name in a folder is locked by its owner. */
  static final String LOCK = "lock";

  /** The owner takes its lock within this time. */
  private static final Duration GRACE = Duration.ofHours(1);

  private static Thread hook;

  private Leftovers() {}

  /** A name that nobody can guess. */
  static String name() {
    return "elmo4j-" + OWNER + "-" + UUID.randomUUID().toString().replace("-", "");
  }

  /** From now on it is deleted when the JVM ends. */
  static synchronized void add(Path path) {
    LIVE.add(path);
    if (hook == null) {
      hook = new Thread(Leftovers::deleteAll, "elmo4j-temporary-files");
      try {
        Runtime.getRuntime().addShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The JVM is ending, and who writes a file now, as a last act, deletes or moves it.
      }
    }
  }

  /** It is gone, or has become what it was made for. Without any, no thread of ours is left. */
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
    // Another thread may still write into a folder: it comes to nothing once the folder is gone.
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

  /** Deletes a file, or a folder with all that is in it, its lock last; follows no link. */
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
            return FileVisitResult.CONTINUE; // Gone already, or its folder cannot be deleted.
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
   * Makes a file that must not be there yet, and locks it for as long as its channel is open. It
   * has another name until then, so that nobody finds it without its lock.
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
        // A file system without locks: nobody will take one, nor sweep it.
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

  /** Deletes what killed processes of this user left in a folder; once for each folder. */
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
      // What is left takes room and does no harm.
    }
  }

  private static void sweepOne(Path entry) {
    try {
      boolean directory = Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS);
      Path lockFile = directory ? entry.resolve(LOCK) : entry;
      if (!Files.isRegularFile(lockFile, LinkOption.NOFOLLOW_LINKS)
          || entry.toString().endsWith(".new")) {
        // It has no lock yet, or its owner was killed before it took it.
        Instant changed = Files.getLastModifiedTime(entry, LinkOption.NOFOLLOW_LINKS).toInstant();
        if (changed.plus(GRACE).isBefore(Instant.now())) {
          deleteTree(entry);
        }
        return;
      }
      // Another user's cannot be opened for writing.
      try (FileChannel channel =
              FileChannel.open(lockFile, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
          FileLock lock = channel.tryLock()) {
        if (lock != null) {
          deleteTree(entry);
        }
      }
    } catch (IOException | OverlappingFileLockException e) {
      // In use, or another user's.
    }
  }
}
