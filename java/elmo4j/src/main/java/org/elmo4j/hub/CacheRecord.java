// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.elmo4j.ElmoException;
import org.elmo4j.hub.ModelEntry.RemoteFile;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/**
 * Records which files of a cached model were verified. {@code verified.json}, beside the files,
 * holds the size, SHA-256, modification time and source of each. A file that still has the recorded
 * size and time is trusted; otherwise the file is read and its SHA-256 is compared. Thread-safe.
 */
final class CacheRecord {
  static final String NAME = "verified.json";

  private static final int MAX_BYTES = 1 << 16;

  private CacheRecord() {}

  /**
   * Records the files of a folder.
   *
   * @throws ElmoException if the size or SHA-256 of a file differs from the published one
   */
  static void write(ModelEntry model, Path folder) throws IOException {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    for (RemoteFile file : model.files()) {
      Path path = folder.resolve(file.name());
      String sum = Downloader.sha256(path);
      if (!file.sha256().orElse(sum).equals(sum)) {
        throw new ElmoException(
            path + ": expected sha256 " + file.sha256().get() + ", found sha256 " + sum);
      }
      root.putObject(file.name())
          .put("size", Files.size(path))
          .put("sha256", sum)
          .put("modified", modified(path))
          .put("source", Downloader.withoutUser(file.url()));
    }
    byte[] json = (root.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
    Path fresh = folder.resolve("." + NAME + "." + UUID.randomUUID());
    try {
      Files.write(fresh, json);
      Files.move(fresh, folder.resolve(NAME), StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(fresh);
    }
  }

  private static long modified(Path path) throws IOException {
    return Files.getLastModifiedTime(path).toMillis();
  }

  /**
   * Checks the files of a folder. Returns null if they are correct, else a message with what was
   * expected and what was found. Files without a record, and files that were copied there, are
   * verified now and recorded if the folder is writable.
   */
  static String problem(ModelEntry model, Path folder) {
    if (!Files.isDirectory(folder)) {
      return "expected its files in " + folder + ", found none";
    }
    try {
      JsonNode record = read(folder.resolve(NAME));
      boolean fresh = record == null;
      for (RemoteFile file : model.files()) {
        Path path = folder.resolve(file.name());
        if (!Files.isRegularFile(path)) {
          return "expected " + path + ", found no such file";
        }
        JsonNode entry = record == null ? null : record.get(file.name());
        long recorded = entry == null ? 0 : entry.path("size").asLong();
        long size = file.size() > 0 ? file.size() : recorded;
        long found = Files.size(path);
        if (size > 0 && found != size) {
          return String.format(
              Locale.ROOT, "expected %d bytes in %s, found %d bytes", size, path, found);
        }
        String verified = entry == null ? null : entry.path("sha256").textValue();
        String sum = file.sha256().orElse(verified);
        boolean trusted =
            sum != null
                && sum.equals(verified)
                && entry.path("modified").asLong(-1) == modified(path);
        if (!trusted) {
          fresh = true;
          String actual = sum == null ? null : Downloader.sha256(path);
          if (sum != null && !sum.equals(actual)) {
            return "expected sha256 " + sum + " of " + path + ", found sha256 " + actual;
          }
        }
      }
      if (fresh) {
        // If no SHA-256 was published, the first use records the one of these files; they must at
        // least be a model.
        check(model, folder);
        writeIfPossible(model, folder);
      }
      return null;
    } catch (IOException e) {
      return "expected readable files in " + folder + ", found " + FoundFile.reason(e);
    } catch (ElmoException e) {
      return "expected the published files, found others: " + e.getMessage();
    }
  }

  /** Opens a model by the names of its files. Other files in the folder are ignored. */
  static WeightStore open(ModelEntry model, Path folder) {
    List<Path> files = model.files().stream().map(file -> folder.resolve(file.name())).toList();
    List<Path> options = files.stream().filter(file -> file.endsWith("options.json")).toList();
    return files.size() == 2 && options.size() == 1
        ? WeightStores.open(options.get(0), files.get(1 - files.indexOf(options.get(0))))
        : WeightStores.open(folder);
  }

  /**
   * Checks that the files are a model of the published size, since most have no published SHA-256.
   */
  static void check(ModelEntry model, Path folder) {
    try (WeightStore store = open(model, folder)) {
      long parameters = TensorShapes.parameters(store.options());
      if (model.parameters() != 0 && parameters != model.parameters()) {
        throw new ElmoException(
            store.source()
                + ": expected "
                + model.parameters()
                + " parameters, found "
                + parameters);
      }
    }
  }

  private static void writeIfPossible(ModelEntry model, Path folder) {
    try {
      write(model, folder);
    } catch (IOException e) {
      // The folder is read-only for this user, so the files are verified at each use.
    }
  }

  /** Returns null if there is no record, or one of another format. */
  private static JsonNode read(Path file) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) > MAX_BYTES) {
      return null;
    }
    try {
      JsonNode json = Json.parse(Files.readAllBytes(file), file.toString());
      return json.isObject() ? json : null;
    } catch (ElmoException e) {
      return null;
    }
  }
}
