// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.IOException;
import java.io.Serializable;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.SerializableConfiguration;
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
 * @param sha256 of the file; null where the node has to look for itself
 * @param configuration for addresses of Hadoop; null for others, and in the driver's process
 */
record ModelRef(
    Kind kind, String place, String sha256, Broadcast<SerializableConfiguration> configuration)
    implements Serializable {
  enum Kind {
    /** The model in the box, on the class path. */
    BOX,
    /** A file of the driver, whose own process runs the tasks. */
    HELD,
    /** The address of such a file at the driver, named after its content. */
    SENT,
    /** A qualified path that every node can read. */
    REFERENCE
  }

  private static final String PREFIX = "elmo4j-";

  /** The model in the box. */
  static ModelRef box() {
    return new ModelRef(Kind.BOX, ModelFiles.BOX, ModelFiles.BOX, null);
  }

  /** A file that the driver holds, as {@link #fileName} calls it. */
  static ModelRef held(SparkContext context, Path file, String sha256) {
    if (context.isLocal()) {
      return new ModelRef(Kind.HELD, file.toString(), sha256, null);
    }
    // As SparkContext.addFile does. The same file again gets the same address.
    String address = SparkEnv.get().rpcEnv().fileServer().addFile(file.toFile());
    return new ModelRef(Kind.SENT, address, sha256, null);
  }

  /** A qualified path that every node reads for itself. */
  static ModelRef reference(SparkContext context, String place) {
    return new ModelRef(
        Kind.REFERENCE,
        place,
        null,
        JavaSparkContext.fromSparkContext(context)
            .broadcast(new SerializableConfiguration(context.hadoopConfiguration())));
  }

  /** Executors know files by name, so the name tells the content. */
  static String fileName(String sha256) {
    return PREFIX + sha256;
  }

  /**
   * What this node finds there now, by content: tasks share a model by this.
   *
   * @throws ElmoException naming the executor, if there is nothing
   */
  String content() {
    try {
      return sha256 != null ? sha256 : place + " " + Hadoop.stamp(place, hadoop());
    } catch (ElmoException e) {
      throw onExecutor(e);
    }
  }

  private static ElmoException onExecutor(ElmoException e) {
    return new ElmoException("executor " + SparkEnv.get().executorId() + ": " + e.getMessage(), e);
  }

  private Configuration hadoop() {
    return configuration == null ? Hadoop.configuration() : configuration.value().value();
  }

  /**
   * Loads the model on this executor.
   *
   * @param content as {@link #content} gave it
   * @throws ElmoException naming the executor
   */
  ElmoModel open(String content, Device device, Precision precision, int threads) {
    try {
      ElmoModelBuilder builder =
          ElmoModel.builder().device(device).precision(precision).threads(threads);
      switch (kind) {
        case BOX -> builder.miniEnglish();
        case HELD -> builder.path(Path.of(place));
        case SENT -> builder.path(received());
        case REFERENCE -> builder.path(referred(content));
      }
      return builder.load();
    } catch (ElmoException e) {
      throw onExecutor(e);
    }
  }

  private Path referred(String content) {
    Path local = Hadoop.local(place);
    return local != null
        ? local
        : Hadoop.fetchOnce(place, content.substring(place.length() + 1), hadoop());
  }

  /**
   * The file, fetched from the driver unless a process of this node did. Spark's own fetching is
   * not used: in Spark 4 the jobs of a session do not see the files of {@code
   * SparkContext.addFile}. The server is the same.
   */
  private Path received() {
    return NodeFiles.once(
        NodeFiles.folder(),
        fileName(sha256),
        sha256,
        target -> {
          try (ReadableByteChannel in = SparkEnv.get().rpcEnv().openChannel(place)) {
            Files.copy(Channels.newInputStream(in), target);
          } catch (IOException e) {
            throw new IOException("no answer from " + place + ": " + e, e);
          }
        });
  }
}
