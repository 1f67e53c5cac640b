// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.apache.spark.SparkEnv;
import org.apache.spark.util.Utils;
import org.elmo4j.ElmoException;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.TemporaryFolder;

/**
 * Files that the processes of a node share. If several processes need the same file, one fetches
 * it, and the others wait and use its copy. They coordinate with a lock on a file beside it. The
 * operating system releases the lock of a process that dies, and the next process starts again.
 * Thread-safe.
 */
final class NodeFiles {
  private static final Map<Path, Object> THREADS = new ConcurrentHashMap<>();
  private static TemporaryFolder own;

  /** Fetches a file or folder to a path that does not exist yet. */
  interface Fetch {
    void to(Path target) throws IOException;
  }

  private NodeFiles() {}

  /**
   * Returns Spark's local folder of an application on this node, which Spark deletes when the
   * application ends. Without Spark, returns a folder of this process.
   */
  static synchronized Path folder() {
    SparkEnv spark = SparkEnv.get();
    if (spark != null) {
      return Path.of(Utils.getLocalDir(spark.conf())).toAbsolutePath();
    }
    if (own == null) {
      own = TemporaryFolder.create();
    }
    return own.path();
  }

  /**
   * Returns a file or folder there, after fetching it unless a process of this node has already
   * done so.
   *
   * @param folder as {@link #folder} gives it
   * @param name its name there, which must differ for different contents
   * @param sha256 the SHA-256 of the file; null if it is not known before the file is fetched
   * @throws ElmoException if it cannot be fetched, or its content is not the expected one
   */
  static Path once(Path folder, String name, String sha256, Fetch fetch) {
    Path target = folder.resolve(name);
    Path lock = folder.resolve(name + ".lock");
    // A file lock belongs to the whole process, so threads need a lock of their own.
    synchronized (THREADS.computeIfAbsent(target, t -> new Object())) {
      try (FileChannel channel =
          FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        channel.lock(); // Until the channel is closed.
        Path record = folder.resolve(name + ".sha256");
        if (Files.exists(target)) {
          check(target, Files.readString(record), contentOf(target));
        } else {
          Path partial = folder.resolve(name + ".part");
          delete(partial); // Left by a process that died.
          try {
            fetch.to(partial);
            String content = contentOf(partial);
            check(target, sha256 != null ? sha256 : content, content);
            Files.writeString(record, content);
            Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
          } finally {
            delete(partial);
          }
        }
        return target;
      } catch (IOException e) {
        throw new ElmoException(
            target + ": expected to fetch a model to it, found " + FoundFile.reason(e), e);
      }
    }
  }

  private static void check(Path target, String expected, String found) {
    if (!found.equals(expected)) {
      throw new ElmoException(
          target + ": expected content of sha256 " + expected + ", found " + found + " (damaged)");
    }
  }

  /**
   * Returns the SHA-256 of a file, or the names and hashes of all files in a folder, sorted by
   * name.
   */
  private static String contentOf(Path path) throws IOException {
    if (Files.isRegularFile(path)) {
      return ModelHub.sha256(path);
    }
    StringBuilder sums = new StringBuilder();
    for (Path file : inside(path)) {
      if (Files.isRegularFile(file)) {
        sums.append(path.relativize(file)).append(' ').append(ModelHub.sha256(file)).append(' ');
      }
    }
    return sums.toString();
  }

  private static List<Path> inside(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.sorted().toList();
    }
  }

  private static void delete(Path path) throws IOException {
    if (Files.exists(path)) {
      for (Path file : inside(path).stream().sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
