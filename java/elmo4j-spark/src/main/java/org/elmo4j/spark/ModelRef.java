// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.UUID;
import org.apache.spark.SparkEnv;
import org.apache.spark.SparkFiles;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.ElmoModelBuilder;
import org.elmo4j.Precision;

/**
 * Where an executor finds its model. Small: it goes out with each task; weights never do.
 *
 * @param kind how to read {@code place}
 * @param place a path or address
 */
record ModelRef(Kind kind, String place) implements Serializable {
  enum Kind {
    /** The model in the box, on the class path. */
    BOX,
    /** A path that every executor can read. */
    PATH,
    /** The address of a file at the driver, named after its content. */
    SENT
  }

  private static final String PREFIX = "elmo4j-";

  /** The name under which a file is offered: executors check what they got by it. */
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
  ElmoModel open(Device device, Precision precision, int threads) {
    try {
      ElmoModelBuilder builder =
          ElmoModel.builder().device(device).precision(precision).threads(threads);
      switch (kind) {
        case BOX -> builder.miniEnglish();
        case PATH -> builder.path(Path.of(place));
        case SENT -> builder.path(received());
      }
      return builder.load();
    } catch (ElmoException e) {
      throw new ElmoException("executor " + SparkEnv.get().executorId() + ": " + e.getMessage(), e);
    }
  }

  /**
   * The file, fetched from the driver unless an earlier load did. Spark's own fetching is not used:
   * in Spark 4 the jobs of a session do not see the files of {@code SparkContext.addFile}. The
   * server is the same.
   */
  private Path received() {
    String name = place.substring(place.lastIndexOf('/') + 1);
    Path file = Path.of(SparkFiles.getRootDirectory(), name).toAbsolutePath();
    try {
      if (!Files.exists(file)) {
        Path partial = file.resolveSibling(name + "." + UUID.randomUUID() + ".part");
        try (ReadableByteChannel in = SparkEnv.get().rpcEnv().openChannel(place)) {
          Files.copy(Channels.newInputStream(in), partial);
          Files.move(partial, file);
        } finally {
          Files.deleteIfExists(partial);
        }
      }
      String expected = name.substring(PREFIX.length());
      String found = sha256(file);
      if (!found.equals(expected)) {
        throw new ElmoException(
            file + ": expected a file of sha256 " + expected + ", found " + found + " (damaged)");
      }
      return file;
    } catch (IOException e) {
      throw new ElmoException(file + ": expected to fetch it from " + place + ", found " + e, e);
    }
  }
}
