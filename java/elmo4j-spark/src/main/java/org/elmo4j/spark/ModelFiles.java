// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.SparkSession;
import org.elmo4j.ElmoException;
import org.elmo4j.hub.ModelEntry;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.internal.weights.Dtype;
import org.elmo4j.internal.weights.SafetensorsWriter;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/** The driver's side of models: what a name or path stands for, and how it gets to executors. */
final class ModelFiles {
  /** The name of the model in the box. */
  static final String BOX = "mini-en";

  // What was sent to the executors of an application, under its id, the path and the file's date.
  private static final Map<String, ModelRef> SENT = new ConcurrentHashMap<>();
  private static final Map<String, Path> OFFERED = new ConcurrentHashMap<>();
  private static final Map<String, Path> FETCHED = new ConcurrentHashMap<>();

  private ModelFiles() {}

  /**
   * The model that a name stands for, fetched into this machine's cache if need be.
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
    return entry.files().isEmpty() ? BOX : hub.fetch(entry).toString();
  }

  /** Opens a model on the driver, to read its structure. */
  static WeightStore open(String model) {
    return model.equals(BOX) ? WeightStores.miniEnglish() : WeightStores.open(local(model));
  }

  /** A model's path on this machine; what lies on another file system is fetched once. */
  static Path local(String model) {
    URI uri = new org.apache.hadoop.fs.Path(model).toUri();
    if (uri.getScheme() == null) {
      return Path.of(model);
    }
    if (uri.getScheme().equals("file")) {
      return Path.of(uri.getPath());
    }
    return FETCHED.computeIfAbsent(model, ModelFiles::fetch);
  }

  private static Path fetch(String model) {
    try {
      Path target = temporaryFolder().resolve("model");
      org.apache.hadoop.fs.Path source = new org.apache.hadoop.fs.Path(model);
      source
          .getFileSystem(configuration())
          .copyToLocalFile(false, source, new org.apache.hadoop.fs.Path(target.toUri()), true);
      target.toFile().deleteOnExit();
      return target;
    } catch (IOException e) {
      throw new ElmoException(model + ": expected a readable model, found " + e, e);
    }
  }

  static Configuration configuration() {
    try {
      return SparkSession.active().sparkContext().hadoopConfiguration();
    } catch (IllegalStateException e) {
      return new Configuration(); // No session yet.
    }
  }

  /**
   * Makes a model reachable for executors: the box is, a path by reference is the user's care,
   * everything else is sent as one file unless the tasks run in this very process.
   */
  static ModelRef send(SparkContext context, String model, boolean byReference) {
    if (model.equals(BOX)) {
      return new ModelRef(ModelRef.Kind.BOX, BOX);
    }
    if (byReference) {
      return new ModelRef(ModelRef.Kind.PATH, local(model).toString());
    }
    Path path = local(model).toAbsolutePath();
    if (context.isLocal()) {
      return new ModelRef(ModelRef.Kind.PATH, path.toString());
    }
    try {
      String version = Files.getLastModifiedTime(path) + " " + path;
      return SENT.computeIfAbsent(context.applicationId() + " " + version, k -> offer(path));
    } catch (IOException e) {
      throw new ElmoException(path + ": expected a readable model, found " + e, e);
    }
  }

  /** Cores of an executor, which its tasks share; 0 if only the executor knows. */
  static int executorCores(SparkContext context) {
    if (context.isLocal()) {
      Matcher cores = Pattern.compile("local(?:\\[(\\d+).*)?").matcher(context.master());
      String count = cores.matches() ? cores.group(1) : "0"; // local[*]
      return count == null ? 1 : Integer.parseInt(count);
    }
    boolean oneByDefault = context.master().equals("yarn") || context.master().startsWith("k8s");
    return context.conf().getInt("spark.executor.cores", oneByDefault ? 1 : 0);
  }

  /** Puts a model on the driver's file server, as {@code SparkContext.addFile} does. */
  private static ModelRef offer(Path path) {
    try {
      Path folder = temporaryFolder();
      Path file = asFile(path, folder);
      // Executors know files by name, so the name tells the content, and equal ones are one file.
      String name = ModelRef.sentName(file);
      Path named =
          OFFERED.computeIfAbsent(
              name, n -> place(file, folder.resolve(n), file.startsWith(folder)));
      String address = SparkEnv.get().rpcEnv().fileServer().addFile(named.toFile());
      return new ModelRef(ModelRef.Kind.SENT, address);
    } catch (IOException e) {
      throw new ElmoException(path + ": expected a model that can be sent, found " + e, e);
    }
  }

  /** Gives a file another name: moved if it is ours, else linked or copied. */
  private static Path place(Path file, Path named, boolean ours) {
    try {
      if (ours) {
        Files.move(file, named);
      } else {
        try {
          Files.createLink(named, file.toRealPath());
        } catch (FileSystemException | UnsupportedOperationException e) {
          Files.copy(file, named);
        }
      }
      named.toFile().deleteOnExit();
      return named;
    } catch (IOException e) {
      throw new ElmoException(named + ": expected a place for a model, found " + e, e);
    }
  }

  /** The model as one file: itself, or written into {@code folder} if it is several. */
  static Path asFile(Path model, Path folder) {
    if (Files.isRegularFile(model)) {
      return model;
    }
    Path file = folder.resolve("model.safetensors");
    try (WeightStore store = WeightStores.open(model)) {
      SafetensorsWriter.write(store, file, Dtype.F32, Map.of());
    }
    return file;
  }

  /** An empty folder that goes when this JVM ends, if its files do. */
  static Path temporaryFolder() throws IOException {
    Path folder = Files.createTempDirectory("elmo4j-spark");
    folder.toFile().deleteOnExit();
    return folder;
  }
}
