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
import org.elmo4j.internal.files.TemporaryFolder;

/**
 * Files that the processes of a node share: of those that want the same, one fetches it, and the
 * others wait and take its copy. A lock on a file beside it sees to that; the system releases the
 * lock of a process that dies, and the next one begins anew. Any thread may use it.
 */
final class NodeFiles {
  private static final Map<Path, Object> THREADS = new ConcurrentHashMap<>();
  private static TemporaryFolder own;

  /** Brings a file or folder to a path at which there is nothing. */
  interface Fetch {
    void to(Path target) throws IOException;
  }

  private NodeFiles() {}

  /**
   * Where Spark has executors of an application and node keep such files: it deletes them when the
   * application ends. Without Spark, a folder of this process.
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
   * A file or folder there, fetched unless a process of this node did it before.
   *
   * @param folder as {@link #folder} gives it
   * @param name what it is called there: another content has another name
   * @param sha256 of the file; null if nobody knows before it is fetched
   * @throws ElmoException if it cannot be fetched, or is not what was fetched
   */
  static Path once(Path folder, String name, String sha256, Fetch fetch) {
    Path target = folder.resolve(name);
    Path lock = folder.resolve(name + ".lock");
    // A lock on a file is the whole process's: its threads take turns before.
    synchronized (THREADS.computeIfAbsent(target, t -> new Object())) {
      try (FileChannel channel =
          FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        channel.lock(); // Until the channel is closed.
        Path record = folder.resolve(name + ".sha256");
        if (Files.exists(target)) {
          check(target, Files.readString(record), contentOf(target));
        } else {
          Path partial = folder.resolve(name + ".part");
          delete(partial); // Of a process that died.
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
        throw new ElmoException(target + ": expected to fetch a model to it, found " + e, e);
      }
    }
  }

  private static void check(Path target, String expected, String found) {
    if (!found.equals(expected)) {
      throw new ElmoException(
          target + ": expected content of sha256 " + expected + ", found " + found + " (damaged)");
    }
  }

  /** The sum of a file, or one after the other those of a folder's files by name. */
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
