// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.weights;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;

/** Opens models, whatever their form. */
public final class WeightStores {
  private static final String MINI_ENGLISH = "/org/elmo4j/models/mini-en.safetensors";
  private static final byte[] HDF5 = {(byte) 0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};

  private WeightStores() {}

  /**
   * Checks that every tensor of the model's structure is there in its shape; reads nothing.
   *
   * @throws ElmoException naming the first that is not
   */
  public static void check(WeightStore store) {
    Tensors.check(store.source(), store.options(), store::shape);
  }

  /**
   * Opens a model by its content: a file of elmo4j's own form ({@link SafetensorsReader}), or a
   * folder with such a file, with an options file and weights in HDF5 ({@link AllenNlpReader}), or
   * with the files of ELMoForManyLangs ({@link ManyLangsReader}). A folder may hold other files; of
   * several options or HDF5 files one must be a model's.
   *
   * @throws ElmoException if there is no model, or more than one, or it is damaged
   */
  public static WeightStore open(Path path) {
    try {
      if (Files.isDirectory(path)) {
        return openFolder(path);
      }
      switch (kind(path)) {
        case SAFETENSORS:
          return SafetensorsReader.open(path);
        case HDF5:
          throw new ElmoException(
              path
                  + ": expected a model, found an HDF5 file alone: name its options file as well,"
                  + " or the folder of both");
        case JSON:
          throw new ElmoException(
              path
                  + ": expected a model, found a JSON file: name its weights as well, or the folder"
                  + " of both");
        case TORCH:
          throw new ElmoException(
              path
                  + ": expected a model, found a file of torch or a zip file alone: name the folder"
                  + " of an ELMoForManyLangs model");
        default:
          throw new ElmoException(
              path + ": expected a safetensors file or a folder, found a file " + beginning(path));
      }
    } catch (IOException | UncheckedIOException e) {
      throw new ElmoException(path + ": expected a readable model, found " + Json.line(e), e);
    }
  }

  /** Opens a model whose options and HDF5 weights lie in places of their own. */
  public static WeightStore open(Path options, Path weights) {
    return AllenNlpReader.open(options, weights);
  }

  /**
   * The small English model of the artifact {@code org.elmo4j:elmo4j-model-mini-en}.
   *
   * @throws ElmoException if that is not on the class path
   */
  public static WeightStore miniEnglish() {
    try (InputStream in = WeightStores.class.getResourceAsStream(MINI_ENGLISH)) {
      if (in == null) {
        throw new ElmoException(
            "model mini-en: expected the artifact org.elmo4j:elmo4j-model-mini-en on the class"
                + " path, found no resource "
                + MINI_ENGLISH);
      }
      return SafetensorsReader.open(ByteBuffer.wrap(in.readAllBytes()), MINI_ENGLISH.substring(1));
    } catch (IOException e) {
      throw new ElmoException(
          "model mini-en: expected " + MINI_ENGLISH + ", found " + Json.line(e), e);
    }
  }

  /** Bytes that {@link #miniEnglish} takes on the class path; 0 where it is not there. */
  public static long miniEnglishBytes() {
    try (InputStream in = WeightStores.class.getResourceAsStream(MINI_ENGLISH)) {
      return in == null ? 0 : in.transferTo(OutputStream.nullOutputStream());
    } catch (IOException e) {
      return 0;
    }
  }

  private enum Kind {
    SAFETENSORS,
    HDF5,
    JSON,
    TORCH,
    OTHER
  }

  private static Kind kind(Path file) throws IOException {
    try (DataFile data = DataFile.open(file)) {
      if (SafetensorsReader.headerLength(data) > 0) {
        return Kind.SAFETENSORS;
      }
      // A block of the user's own may come first (HDF5 format specification, II.A).
      for (long at = 0; at <= data.size() - HDF5.length; at = at == 0 ? 512 : 2 * at) {
        byte[] signature = new byte[HDF5.length];
        data.read(at, ByteBuffer.wrap(signature));
        if (Arrays.equals(signature, HDF5)) {
          return Kind.HDF5;
        }
      }
      byte[] head = head(data);
      if (TorchFile.isTorch(head)) {
        return Kind.TORCH;
      }
      // Only a name tells JSON from other text.
      boolean json = file.getFileName().toString().endsWith(".json");
      return json && new String(head, StandardCharsets.ISO_8859_1).strip().startsWith("{")
          ? Kind.JSON
          : Kind.OTHER;
    }
  }

  private static byte[] head(DataFile data) throws IOException {
    byte[] head = new byte[(int) Math.min(data.size(), HDF5.length)];
    data.read(0, ByteBuffer.wrap(head));
    return head;
  }

  private static String beginning(Path file) throws IOException {
    try (DataFile data = DataFile.open(file)) {
      byte[] head = head(data);
      return head.length == 0
          ? "of no bytes"
          : "that begins with the bytes " + HexFormat.ofDelimiter(" ").formatHex(head);
    }
  }

  private static WeightStore openFolder(Path folder) throws IOException {
    List<Path> files;
    try (Stream<Path> list = Files.list(folder)) {
      files = list.sorted().toList();
    }
    List<Path> safetensors = select(files, Kind.SAFETENSORS, file -> true);
    List<Path> options = select(files, Kind.JSON, WeightStores::isOptions);
    List<Path> weights = select(files, Kind.HDF5, AllenNlpReader::holdsModel);
    boolean manyLangs = ManyLangsReader.holdsModel(files);
    if (manyLangs
        && safetensors.isEmpty()
        && weights.stream().noneMatch(AllenNlpReader::holdsModel)) {
      return ManyLangsReader.open(folder);
    }
    if (!manyLangs && safetensors.size() == 1 && weights.isEmpty()) {
      return SafetensorsReader.open(safetensors.get(0));
    }
    if (safetensors.isEmpty() && options.size() == 1 && weights.size() == 1) {
      return AllenNlpReader.open(options.get(0), weights.get(0));
    }
    throw new ElmoException(
        folder
            + ": expected one safetensors file, or one options file and one HDF5 file, found "
            + (files.isEmpty() ? "an empty folder" : names(files))
            + (options.size() + weights.size() + safetensors.size() == 0
                ? ""
                : "; of them safetensors "
                    + names(safetensors)
                    + ", options "
                    + names(options)
                    + ", HDF5 "
                    + names(weights))
            + (manyLangs ? "; and files of an ELMoForManyLangs model" : ""));
  }

  /** Files of a kind; of several, those that are a model's if any is. */
  private static List<Path> select(List<Path> files, Kind kind, Predicate<Path> isModel)
      throws IOException {
    List<Path> all = new ArrayList<>();
    for (Path file : files) {
      if (Files.isRegularFile(file) && kind(file) == kind) {
        all.add(file);
      }
    }
    List<Path> models = all.size() < 2 ? all : all.stream().filter(isModel).toList();
    return models.isEmpty() ? all : models;
  }

  private static boolean isOptions(Path file) {
    try {
      ModelOptions.parse(file);
      return true;
    } catch (ElmoException e) {
      return false;
    }
  }

  private static String names(List<Path> files) {
    return files.stream()
        .limit(12)
        .map(file -> file.getFileName().toString())
        .collect(Collectors.joining(", ", "[", files.size() > 12 ? ", ...]" : "]"));
  }
}
