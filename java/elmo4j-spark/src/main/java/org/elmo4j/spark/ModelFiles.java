// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkContext;
import org.elmo4j.ElmoException;
import org.elmo4j.hub.ModelEntry;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.internal.files.TemporaryFolder;
import org.elmo4j.internal.weights.Dtype;
import org.elmo4j.internal.weights.SafetensorsWriter;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/**
 * The models that the driver has read. Unless a model is the bundled one or by reference, the
 * driver keeps its own copy as one file, identified by its content. A stage therefore keeps the
 * weights it was loaded with, even if the original path changes. Thread-safe.
 */
final class ModelFiles {
  /** The name of the bundled model. */
  static final String BOX = "mini-en";

  // Guarded by the lock of the class, like held.
  private static final Map<String, Known> KNOWN = new HashMap<>();
  private static TemporaryFolder held;

  private ModelFiles() {}

  /**
   * A model that the driver has read.
   *
   * @param model {@link #BOX} or a path, as in the stage's param
   * @param qualified the path with its file system; null for the bundled model
   * @param stamp the {@link Hadoop#stamp} of the path when it was read; null for the bundled model
   * @param file the driver's copy; null for the bundled model and for a model by reference
   * @param sha256 the SHA-256 of the copy; null if there is no copy
   * @param projectionDim the length of a vector of {@code word_emb}
   * @param layers the number of layers that {@code elmo} mixes
   */
  record Known(
      String model,
      String qualified,
      String stamp,
      Path file,
      String sha256,
      int projectionDim,
      int layers) {
    boolean isReference() {
      return file == null && qualified != null;
    }

    /**
     * Whether this is still the model of that name. A model by reference may have changed; a copy
     * does not change.
     */
    boolean isOf(String name, boolean byReference) {
      boolean reference = byReference && !name.equals(BOX);
      return model.equals(name)
          && isReference() == reference
          && (!reference || stamp.equals(Hadoop.stamp(qualified, Hadoop.configuration())));
    }

    /** Returns the reference for use in this process, which has the copy. */
    ModelRef local() {
      if (qualified == null) {
        return ModelRef.box();
      }
      return isReference()
          ? new ModelRef(ModelRef.Kind.REFERENCE, qualified, null, null)
          : new ModelRef(ModelRef.Kind.HELD, file.toString(), sha256, null);
    }

    /** Makes the model available to executors. */
    ModelRef send(SparkContext context) {
      if (qualified == null) {
        return ModelRef.box();
      }
      return isReference()
          ? ModelRef.reference(context, qualified)
          : ModelRef.held(context, file, sha256);
    }
  }

  /**
   * Returns the model of a name, after fetching it into this machine's cache if necessary.
   *
   * @return {@link #BOX} or a path
   * @throws ElmoException if there is no such model, or it cannot be fetched
   */
  static String named(String name, String language) {
    ModelHub hub = ModelHub.standard();
    ModelEntry entry =
        hub.find(name, language)
            .orElseThrow(
                () ->
                    new ElmoException(
                        "model "
                            + name
                            + " ("
                            + language
                            + "): expected one of "
                            + hub.models().stream()
                                .map(model -> model.name() + " (" + model.language() + ")")
                                .toList()
                            + ", found no such name"));
    return entry.files().isEmpty() ? BOX : hub.fetch(entry).toUri().toString();
  }

  /**
   * Reads a model, and keeps a copy unless it is the bundled one or by reference.
   *
   * @throws ElmoException if there is none, or it is damaged
   */
  static synchronized Known know(String model, boolean byReference) {
    if (model.equals(BOX)) {
      return KNOWN.computeIfAbsent(BOX, box -> knowBox());
    }
    Configuration configuration = Hadoop.configuration();
    String qualified = Hadoop.qualified(model, configuration);
    String stamp = Hadoop.stamp(qualified, configuration);
    if (byReference) {
      Path local = Hadoop.local(qualified);
      Path path = local != null ? local : Hadoop.fetchOnce(qualified, stamp, configuration);
      try (WeightStore store = open(path, path, qualified)) {
        return known(model, qualified, stamp, null, null, store);
      }
    }
    Known known = KNOWN.get(qualified);
    if (known == null || !known.stamp().equals(stamp) || !known.model().equals(model)) {
      known = hold(model, qualified, stamp, configuration);
      KNOWN.put(qualified, known);
    }
    return known;
  }

  private static Known knowBox() {
    try (WeightStore store = WeightStores.miniEnglish()) {
      return known(BOX, null, null, null, null, store);
    }
  }

  private static Known known(
      String model, String qualified, String stamp, Path file, String sha256, WeightStore store) {
    return new Known(
        model,
        qualified,
        stamp,
        file,
        sha256,
        store.options().projectionDim(),
        store.options().lstmLayers() + 1);
  }

  private static Known hold(
      String model, String qualified, String stamp, Configuration configuration) {
    try (TemporaryFolder scratch = TemporaryFolder.create()) {
      Path local = Hadoop.local(qualified);
      Path source = local != null ? local : Hadoop.fetch(qualified, scratch.path(), configuration);
      Path copy = scratch.path().resolve("model.safetensors");
      if (Files.isRegularFile(source)) {
        if (local == null) {
          Files.move(source, copy);
        } else {
          Files.copy(source, copy);
        }
      } else {
        try (WeightStore store = open(source, source, qualified)) {
          SafetensorsWriter.write(store, copy, Dtype.F32, Map.of());
        }
      }
      if (held == null) {
        held = TemporaryFolder.create();
      }
      String sha256 = ModelHub.sha256(copy);
      Path file = held.path().resolve(ModelRef.fileName(sha256));
      Known known;
      try (WeightStore store = open(copy, source, qualified)) {
        known = known(model, qualified, stamp, file, sha256, store);
      }
      Files.move(copy, file, StandardCopyOption.REPLACE_EXISTING);
      return known;
    } catch (IOException e) {
      throw Hadoop.unreadable(qualified, e);
    }
  }

  /** Opens a copy of a model. Error messages name the original path instead of the copy. */
  private static WeightStore open(Path copy, Path source, String qualified) {
    try {
      return WeightStores.open(copy);
    } catch (ElmoException e) {
      String message =
          e.getMessage()
              .replace(copy.toString(), Hadoop.name(qualified))
              .replace(source.toString(), Hadoop.name(qualified));
      throw new ElmoException(message, e);
    }
  }
}
