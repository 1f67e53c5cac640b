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
import org.elmo4j.internal.files.FoundFile;

/**
 * Says where an executor finds its model. It is small, since it is sent with each task; the weights
 * are not.
 *
 * @param kind how to read {@code place}
 * @param place a path or address
 * @param sha256 the SHA-256 of the file; null for a model by reference, whose content each node
 *     determines
 * @param configuration Hadoop's configuration, for {@link Kind#REFERENCE}; null for other kinds,
 *     and in the driver's process
 */
record ModelRef(
    Kind kind, String place, String sha256, Broadcast<SerializableConfiguration> configuration)
    implements Serializable {
  enum Kind {
    /** The bundled model, on the class path. */
    BOX,
    /** The driver's copy, read directly, since the tasks run in the driver's process. */
    HELD,
    /** The address at which the driver serves its copy; the file is named after its content. */
    SENT,
    /** A qualified path that every node can read. */
    REFERENCE
  }

  private static final String PREFIX = "elmo4j-";

  /** The bundled model. */
  static ModelRef box() {
    return new ModelRef(Kind.BOX, ModelFiles.BOX, ModelFiles.BOX, null);
  }

  /** The driver's copy of a model, with the name that {@link #fileName} gives. */
  static ModelRef held(SparkContext context, Path file, String sha256) {
    if (context.isLocal()) {
      return new ModelRef(Kind.HELD, file.toString(), sha256, null);
    }
    // Like SparkContext.addFile. Adding the same file again gives the same address.
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

  /** The name of a model's file. It contains the hash, since executors identify files by name. */
  static String fileName(String sha256) {
    return PREFIX + sha256;
  }

  /**
   * Returns an identifier of the model's current content, as this node sees it. Tasks with the same
   * identifier share a model.
   *
   * @throws ElmoException naming the executor, if there is no model
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
   * Returns the file, after fetching it from the driver unless a process of this node has already
   * done so. It comes from the same server as the files of {@code SparkContext.addFile}, but
   * Spark's own fetching is not used: in Spark 4, the jobs of a session do not see those files.
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
            throw new IOException("no answer from " + place + ": " + FoundFile.reason(e), e);
          }
        });
  }
}
