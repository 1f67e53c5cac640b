// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.apache.spark.SparkEnv;
import org.apache.spark.SparkFiles;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;

/**
 * Where an executor finds its model. Small: it goes out with each task; weights never do.
 *
 * @param kind how to read {@code place}
 * @param place a path, or a file's name
 */
record ModelRef(Kind kind, String place) implements Serializable {
  enum Kind {
    /** The model in the box, on the class path. */
    BOX,
    /** A path that every executor can read. */
    PATH,
    /** A file sent by {@code SparkContext.addFile}, named after its content. */
    SENT
  }

  private static final String PREFIX = "elmo4j-";

  /** The name under which a file is sent: executors check what they got by it. */
  static String sentName(Path file) throws IOException {
    return PREFIX + sha256(file);
  }

  private static String sha256(Path file) throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
        byte[] piece = new byte[1 << 16];
        while (in.read(piece) >= 0) {
          // The digest sees it.
        }
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // Every JVM has it.
    }
  }

  /**
   * Loads the model on this executor.
   *
   * @throws ElmoException naming the executor
   */
  ElmoModel open(String device, int threads) {
    try {
      ElmoModel.Builder builder =
          ElmoModel.builder().device(Device.parse(device)).threads(threads);
      return switch (kind) {
        case BOX -> builder.miniEnglish().load();
        case PATH -> builder.path(Path.of(place)).load();
        case SENT -> builder.path(received()).load();
      };
    } catch (ElmoException e) {
      throw new ElmoException("executor " + SparkEnv.get().executorId() + ": " + e.getMessage(), e);
    }
  }

  private Path received() {
    Path file = Path.of(SparkFiles.get(place));
    String expected = place.substring(PREFIX.length());
    String found;
    try {
      found = sha256(file);
    } catch (IOException e) {
      throw new ElmoException(file + ": expected the model sent to this executor, found " + e, e);
    }
    if (!found.equals(expected)) {
      throw new ElmoException(
          file + ": expected a file of sha256 " + expected + ", found " + found + " (damaged)");
    }
    return file;
  }
}
