// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Library;
import org.elmo4j.internal.files.Resources;
import org.elmo4j.weights.WeightStore;

/**
 * Detects the format of a model from its content and opens it. {@link
 * org.elmo4j.weights.WeightStores} is the public class for this.
 */
public final class ModelFormats {
  private static final String MINI_ENGLISH = "org/elmo4j/models/mini-en.safetensors";

  // The checksum takes as long as the rest of the loading, and a jar does not change while it is
  // open.
  private static volatile boolean miniEnglishVerified;

  /** The most archives inside each other. A zip of a folder of Spark NLP contains a zip. */
  private static final int MAX_NESTING = 2;

  /**
   * The most folder levels that are searched. A pipeline of Spark NLP has its models two levels
   * down, and an archive adds a level.
   */
  private static final int MAX_DEPTH = 3;

  private static final int MAX_FILES = 10_000;
  private static final int MAX_STATE = 1 << 20;
  private static final String LATEST = "model_checkpoint_path: \"";

  /** The number of first bytes that identify a format, and how many of them a message shows. */
  private static final int HEAD = 256;

  private static final int SHOWN = 8;

  private ModelFormats() {}

  /** Like {@link org.elmo4j.weights.WeightStores#open(Path)}. */
  public static WeightStore open(Path path) {
    return open(path, null, 0, Long.MAX_VALUE);
  }

  /** Like {@link org.elmo4j.weights.WeightStores#open(Path, Path)}. */
  public static WeightStore open(Path options, Path weights) {
    return open(weights, options, 0, Long.MAX_VALUE);
  }

  /**
   * @param given an options file, or null
   * @param nesting the number of archives that {@code path} lies in
   * @param limit the most bytes that it may unpack to
   */
  private static WeightStore open(Path path, Path given, int nesting, long limit) {
    if (path.toString().isEmpty()) {
      throw new ElmoException("model: expected a path, found an empty one");
    }
    try {
      if (Files.isDirectory(path)) {
        return openFolder(path, given, nesting, limit);
      }
      Path index = path.resolveSibling(path.getFileName() + ".index");
      Path file = Files.notExists(path) && Files.exists(index) ? index : path;
      Path folder = file.toAbsolutePath().getParent();
      boolean checkpoint = given == null && kind(file) == Kind.TENSORFLOW;
      return open(file, given, checkpoint ? optionsIn(folder) : null, nesting, limit);
    } catch (ElmoException e) {
      throw e;
    } catch (IOException | RuntimeException e) { // Libraries and file systems may throw anything.
      String at = path.toString();
      if (e instanceof FileSystemException file && file.getFile() != null) {
        at = file.getFile(); // It may be another file of the model's folder.
      }
      String found =
          e instanceof IOException io ? FoundFile.unreadable(Path.of(at), io) : FoundFile.reason(e);
      throw new ElmoException(at + ": expected a readable model, found " + found, e);
    }
  }

  /**
   * @param beside an options file beside a checkpoint, or null
   */
  private static WeightStore open(Path file, Path given, Path beside, int nesting, long limit)
      throws IOException {
    Path options = given == null ? beside : given;
    switch (kind(file)) {
      case SAFETENSORS:
        if (given != null) {
          throw new ElmoException(
              file + ": expected no options file, for the model has its own, found " + given);
        }
        return SafetensorsReader.open(file);
      case HDF5:
        if (options != null) {
          return AllenNlpReader.open(options, file);
        }
        throw new ElmoException(
            file
                + ": expected a model, found an HDF5 file alone: name its options file as well,"
                + " or the folder of both");
      case TENSORFLOW:
        Library.require(file + ": a TensorFlow checkpoint", Library.PROTOBUF);
        return TensorFlowReader.open(file, options);
      case ARCHIVE:
        if (nesting == MAX_NESTING) {
          throw new ElmoException(
              file + ": expected at most " + MAX_NESTING + " archives in each other, found more");
        }
        return ArchiveReader.open(
            file, limit, (folder, left) -> open(folder, options, nesting + 1, left));
      case JSON:
        throw new ElmoException(
            file
                + ": expected a model, found a JSON file: name its weights as well, or the folder"
                + " of both");
      case POINTER:
        throw DataFile.pointer(file);
      case TORCH:
        throw new ElmoException(
            file
                + ": expected a model, found a file of torch alone: name the folder of an"
                + " ELMoForManyLangs model");
      default:
        throw new ElmoException(
            file
                + ": expected a folder, or a file of safetensors, a TensorFlow checkpoint's index"
                + " or an archive, found a file "
                + beginning(file));
    }
  }

  /**
   * The small English model of the artifact {@code org.elmo4j:elmo4j-model-mini-en}.
   *
   * @throws ElmoException if that is not on the class path
   */
  public static WeightStore miniEnglish() {
    try (InputStream in = Resources.open(MINI_ENGLISH)) {
      if (in == null) {
        throw new ElmoException(
            "model mini-en: expected the artifact org.elmo4j:elmo4j-model-mini-en on the class"
                + " path, found no resource "
                + MINI_ENGLISH);
      }
      SafetensorsReader reader =
          SafetensorsReader.open(
              ByteBuffer.wrap(in.readAllBytes()), MINI_ENGLISH, !miniEnglishVerified);
      miniEnglishVerified = true;
      return reader;
    } catch (IOException e) {
      throw new ElmoException(
          "model mini-en: expected " + MINI_ENGLISH + ", found " + FoundFile.reason(e), e);
    }
  }

  /** The size in bytes of the model of {@link #miniEnglish}; 0 if it is not on the class path. */
  public static long miniEnglishBytes() {
    try (InputStream in = Resources.open(MINI_ENGLISH)) {
      return in == null ? 0 : in.transferTo(OutputStream.nullOutputStream());
    } catch (IOException e) {
      return 0;
    }
  }

  private enum Kind {
    SAFETENSORS,
    HDF5,
    TENSORFLOW,
    ARCHIVE,
    JSON,
    TORCH,
    POINTER,
    OTHER
  }

  private static Kind kind(Path file) throws IOException {
    if (DataFile.isPointer(file)) {
      return Kind.POINTER;
    }
    try (DataFile data = DataFile.open(file)) {
      if (SafetensorsHeader.length(data) > 0) {
        return Kind.SAFETENSORS;
      }
      if (Hdf5.signatureAt(data) >= 0) {
        return Kind.HDF5;
      }
      if (TensorFlowTable.is(data)) {
        return Kind.TENSORFLOW;
      }
      byte[] head = head(data);
      if (ArchiveReader.is(data)) {
        return TorchFile.isZip(head) ? Kind.TORCH : Kind.ARCHIVE;
      }
      if (TorchFile.isTorch(head)) {
        return Kind.TORCH;
      }
      // JSON can only be told from other text by its name; AllenNLP's archives name files by their
      // use.
      String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
      String text = new String(head, StandardCharsets.UTF_8);
      return (name.endsWith(".json") || name.endsWith("options_file"))
              && text.substring(text.startsWith("\uFEFF") ? 1 : 0).strip().startsWith("{")
          ? Kind.JSON
          : Kind.OTHER;
    }
  }

  private static byte[] head(DataFile data) throws IOException {
    byte[] head = new byte[(int) Math.min(data.size(), HEAD)];
    data.read(0, ByteBuffer.wrap(head));
    return head;
  }

  private static String beginning(Path file) throws IOException {
    try (DataFile data = DataFile.open(file)) {
      byte[] head = head(data);
      return head.length == 0
          ? "of no bytes"
          : "that begins with the bytes "
              + HexFormat.ofDelimiter(" ").formatHex(head, 0, Math.min(SHOWN, head.length));
    }
  }

  /** Opens the model that is closest to the top of a folder. */
  private static WeightStore openFolder(Path root, Path given, int nesting, long limit)
      throws IOException {
    int looked = 0;
    List<Path> pointers = new ArrayList<>();
    List<Path> level = List.of(root);
    for (int depth = 0; depth <= MAX_DEPTH && !level.isEmpty(); depth++) {
      List<Path> models = new ArrayList<>();
      List<Path> archives = new ArrayList<>();
      List<Path> strange = new ArrayList<>(); // HDF5 files that are damaged or not models
      List<Path> below = new ArrayList<>();
      for (Path folder : level) {
        List<Path> files = list(folder);
        looked += files.size();
        if (looked > MAX_FILES) {
          throw new ElmoException(
              root + ": expected a model's folder, of at most " + MAX_FILES + " files, found more");
        }
        Map<Kind, List<Path>> kinds = new EnumMap<>(Kind.class);
        for (Path file : files) {
          if (Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
            below.add(file);
          } else if (Files.isRegularFile(file)) {
            kinds.computeIfAbsent(kind(file), key -> new ArrayList<>()).add(file);
          }
        }
        if (ManyLangsReader.holdsModel(files)) {
          models.add(folder);
        }
        models.addAll(kinds.getOrDefault(Kind.SAFETENSORS, List.of()));
        boolean weights = false;
        for (Path file : kinds.getOrDefault(Kind.HDF5, List.of())) {
          boolean model = AllenNlpReader.holdsModel(file);
          (model ? models : strange).add(file);
          weights |= model;
        }
        // bilm-tf dumps the weights of a checkpoint to the same folder, so both are the same model.
        if (!weights) {
          models.addAll(latest(folder, kinds.getOrDefault(Kind.TENSORFLOW, List.of())));
        }
        pointers.addAll(kinds.getOrDefault(Kind.POINTER, List.of()));
        archives.addAll(kinds.getOrDefault(Kind.ARCHIVE, List.of()));
      }
      List<Path> found = !models.isEmpty() ? models : !archives.isEmpty() ? archives : strange;
      if (found.size() > 1) {
        throw new ElmoException(
            root + ": expected one model, found " + names(root, found) + ": name one of them");
      }
      if (found.size() == 1 && Files.isDirectory(found.get(0))) {
        if (given != null) {
          throw new ElmoException(
              root + ": expected no options file, for the model has its own, found " + given);
        }
        return ManyLangsReader.open(found.get(0));
      }
      if (found.size() == 1) {
        Path beside = null;
        for (Path at = found.get(0); beside == null && !at.equals(root); ) {
          at = at.getParent();
          beside = optionsIn(at);
        }
        return open(found.get(0), given, beside, nesting, limit);
      }
      level = below;
    }
    if (!pointers.isEmpty()) {
      return open(pointers.get(0), given, null, nesting, limit);
    }
    List<Path> files = list(root);
    throw new ElmoException(
        root
            + ": expected a safetensors file, an options file and an HDF5 file, a TensorFlow"
            + " checkpoint, or an archive of these, found "
            + (files.isEmpty() ? "an empty folder" : names(root, files)));
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> list = Files.list(folder)) {
      return list.sorted().toList();
    }
  }

  /**
   * Of several checkpoints, keeps the one that TensorFlow's file {@code checkpoint} names as the
   * latest.
   */
  private static List<Path> latest(Path folder, List<Path> indexes) throws IOException {
    Path state = folder.resolve("checkpoint");
    if (indexes.size() < 2 || !Files.isRegularFile(state) || Files.size(state) > MAX_STATE) {
      return indexes;
    }
    String text = new String(Files.readAllBytes(state), StandardCharsets.ISO_8859_1);
    String path =
        text.lines()
            .filter(line -> line.startsWith(LATEST) && line.lastIndexOf('"') >= LATEST.length())
            .findFirst()
            .map(line -> line.substring(LATEST.length(), line.lastIndexOf('"')))
            .orElse("");
    // Compared as text, since the text may not be a valid path on this system.
    String name = path.substring(path.lastIndexOf('/') + 1) + ".index";
    List<Path> named =
        indexes.stream().filter(index -> index.getFileName().toString().equals(name)).toList();
    return named.isEmpty() ? indexes : named;
  }

  /**
   * Returns the options file in a folder, or null.
   *
   * @throws ElmoException if there are several, or if {@code options.json} is not an options file
   */
  private static Path optionsIn(Path folder) throws IOException {
    List<Path> options = new ArrayList<>();
    for (Path file : list(folder)) {
      Kind kind = Files.isRegularFile(file) ? kind(file) : Kind.OTHER;
      boolean named = file.getFileName().toString().equalsIgnoreCase("options.json");
      if (named && (kind == Kind.JSON || kind == Kind.POINTER)) {
        return file;
      }
      if (kind == Kind.JSON) {
        if (isOptions(file)) {
          options.add(file);
        }
      }
    }
    if (options.size() > 1) {
      throw new ElmoException(
          folder + ": expected one options file, found " + names(folder, options));
    }
    return options.isEmpty() ? null : options.get(0);
  }

  private static boolean isOptions(Path file) {
    try {
      OptionsJson.parse(file);
      return true;
    } catch (ElmoException e) {
      return false;
    }
  }

  private static String names(Path folder, List<Path> files) {
    return files.stream()
        .limit(12)
        .map(file -> folder.relativize(file).toString())
        .collect(Collectors.joining(", ", "[", files.size() > 12 ? ", ...]" : "]"));
  }
}
