// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;

/**
 * Resolves paths as Spark does: a path without a scheme is on the default file system, which may be
 * a remote one. Thread-safe.
 */
final class Hadoop {
  /** The depth of folders to look at; no format of a model has more levels. */
  private static final int DEPTH = 4;

  private Hadoop() {}

  /** The configuration of the session, on the driver. */
  static Configuration configuration() {
    try {
      return SparkSession.active().sparkContext().hadoopConfiguration();
    } catch (IllegalStateException e) {
      return new Configuration(); // No session yet.
    }
  }

  /** Returns the path with its file system, so that it means the same in every process. */
  static String qualified(String path, Configuration configuration) {
    Path source = new Path(path);
    try {
      return source.getFileSystem(configuration).makeQualified(source).toString();
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  /** Returns the path on this machine's own file system, or null if it is on another one. */
  static java.nio.file.Path local(String qualified) {
    Path path = new Path(qualified);
    return "file".equals(path.toUri().getScheme())
        ? java.nio.file.Path.of(path.toUri().getPath())
        : null;
  }

  /**
   * Returns the names, lengths and modification times of a model's files. If these are unchanged,
   * the content is assumed to be unchanged.
   *
   * @throws ElmoException if there is no such file or folder
   */
  static String stamp(String qualified, Configuration configuration) {
    Path path = new Path(qualified);
    try {
      FileSystem system = path.getFileSystem(configuration);
      Map<String, String> files = new TreeMap<>();
      stamp(system, system.getFileStatus(path), "", DEPTH, files);
      return files.toString();
    } catch (FileNotFoundException e) {
      throw new ElmoException(
          name(qualified) + ": expected a model, found no such file or folder", e);
    } catch (IOException e) {
      throw unreadable(qualified, e);
    }
  }

  private static void stamp(
      FileSystem system, FileStatus status, String name, int depth, Map<String, String> files)
      throws IOException {
    if (status.isFile()) {
      files.put(name, status.getLen() + " " + status.getModificationTime());
    } else if (depth > 0) {
      for (FileStatus inside : system.listStatus(status.getPath())) {
        stamp(system, inside, name + "/" + inside.getPath().getName(), depth - 1, files);
      }
    }
  }

  /**
   * Returns a local copy of the file or folder at an address. It is fetched once for each content
   * on a node, for all threads and processes.
   *
   * @param stamp of the content, as {@link #stamp} gave it
   * @throws ElmoException if it cannot be fetched
   */
  static java.nio.file.Path fetchOnce(String address, String stamp, Configuration configuration) {
    String name = UUID.nameUUIDFromBytes((address + " " + stamp).getBytes(UTF_8)).toString();
    return NodeFiles.once(
            NodeFiles.folder(),
            ModelRef.fileName(name),
            null,
            target -> fetch(address, Files.createDirectory(target), configuration))
        .resolve(fetchedName(address));
  }

  /** Copies a file or folder into a folder, under its own name. */
  static java.nio.file.Path fetch(
      String address, java.nio.file.Path folder, Configuration configuration) {
    Path source = new Path(address);
    java.nio.file.Path target = folder.resolve(fetchedName(address));
    try {
      source
          .getFileSystem(configuration)
          .copyToLocalFile(false, source, new Path(target.toUri()), true);
      return target;
    } catch (IOException e) {
      throw unreadable(address, e);
    }
  }

  private static String fetchedName(String address) {
    return "fetched-" + new Path(address).getName();
  }

  /** Returns the name of a path in messages: a local path without its scheme. */
  static String name(String qualified) {
    java.nio.file.Path local = local(qualified);
    return local == null ? qualified : local.toString();
  }

  static ElmoException unreadable(String path, IOException e) {
    return new ElmoException(
        name(path) + ": expected a readable model, found " + FoundFile.reason(e), e);
  }
}
