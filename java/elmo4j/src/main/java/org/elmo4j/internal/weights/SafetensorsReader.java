// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.elmo4j.ElmoException;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.internal.text.CharacterMapper;
import org.elmo4j.internal.text.DictionaryEncoder;
import org.elmo4j.internal.text.TokenEncoder;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;

/**
 * Reads elmo4j's own format, one file: safetensors (8 bytes with the length of the header,
 * little-endian; a JSON header; the bytes of the tensors), whose {@code __metadata__} describes the
 * model:
 *
 * <table>
 *   <caption>metadata</caption>
 *   <tr><td>{@code format}</td><td>{@code elmo4j}</td></tr>
 *   <tr><td>{@code format_version}</td><td>{@code 1}</td></tr>
 *   <tr><td>{@code options}</td><td>the structure, written by {@link OptionsJson#write}</td></tr>
 *   <tr><td>{@code sha256}</td><td>of the bytes of all tensors, in hexadecimal</td></tr>
 *   <tr><td>{@code mix_weights}, {@code mix_gamma}</td><td>a list of numbers and a number; may be missing</td></tr>
 *   <tr><td>{@code char_dic}, {@code word_dic}</td><td>the dictionaries of a model that has them, for
 * {@link DictionaryEncoder}</td></tr>
 *   <tr><td>{@code provenance}, {@code licence}</td><td>text; may be missing</td></tr>
 * </table>
 *
 * <p>Tensors have the names of {@link WeightStore}. They are F16, BF16, F32 or F64; matrices may
 * also be I8 with separate scales ({@link Int8}). Other tensors are ignored. Not thread-safe.
 */
public final class SafetensorsReader extends ModelStore {
  /** Smaller models are verified when they are opened. */
  private static final long SMALL = 64L << 20;

  /** The limit of the safetensors library. */
  private static final long MAX_HEADER = 100_000_000;

  private static final int MAX_DIMS = 8;

  private record Entry(String name, String dtype, long[] shape, long begin, long end) {}

  private final DataFile data;
  private final long dataStart;
  private final Map<String, String> metadata;
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private final TokenEncoder encoder;
  private final ScalarMix mix;

  private SafetensorsReader(String source, DataFile data) throws IOException {
    super(source);
    this.data = data;
    long headerLength = headerLength(data);
    if (headerLength < 0) {
      throw new ElmoException(
          source
              + ": expected a safetensors file, found no header in its "
              + data.size()
              + " bytes");
    }
    this.dataStart = Long.BYTES + headerLength;
    JsonNode header = header(data, headerLength, source);
    this.metadata = readMetadata(header.path("__metadata__"));
    expect("format", "elmo4j");
    expect("format_version", "1");
    Json.fields(header)
        .forEach(
            (name, value) -> {
              if (!name.equals("__metadata__")) {
                entries.put(name, readEntry(name, value));
              }
            });
    checkOffsets();
    this.options = OptionsJson.parse(required("options"), source + ": options");
    this.shapes =
        Tensors.check(
            source, options, name -> entries.containsKey(name) ? entries.get(name).shape : null);
    for (String name : shapes.keySet()) {
      if (isQuantised(name)) {
        checkSize(entries.get(name), 1);
        checkScales(name);
      } else {
        dtype(name);
      }
    }
    this.encoder = readEncoder();
    this.mix = readMix();
    required("sha256");
    if (data.size() - dataStart < SMALL) {
      verify();
    }
  }

  /**
   * Opens a file and checks its structure. For a small model (less than 64 MB) it also checks the
   * checksum.
   *
   * @throws ElmoException if it cannot be read or is not a model of this format
   */
  public static SafetensorsReader open(Path file) {
    try {
      return open(file.toString(), DataFile.open(file));
    } catch (IOException e) {
      throw unreadable(file.toString(), e);
    }
  }

  /**
   * Like {@link #open(Path)} for a file in memory.
   *
   * @param bytes the file, from the position to the limit; they must not change afterwards
   * @param source the origin of the bytes, for messages
   */
  public static SafetensorsReader open(ByteBuffer bytes, String source) {
    return open(source, DataFile.of(bytes));
  }

  private static SafetensorsReader open(String source, DataFile data) {
    try {
      return new SafetensorsReader(source, data);
    } catch (IOException e) {
      data.close();
      throw unreadable(source, e);
    } catch (Throwable e) {
      data.close();
      throw e;
    }
  }

  private static ElmoException unreadable(String source, IOException e) {
    return new ElmoException(
        source + ": expected a readable safetensors file, found " + Json.line(e), e);
  }

  /** The length of the header if these are the bytes of a safetensors file, or -1. */
  static long headerLength(DataFile data) throws IOException {
    if (data.size() < Long.BYTES + 2) {
      return -1;
    }
    ByteBuffer head = ByteBuffer.allocate(Long.BYTES + 1).order(ByteOrder.LITTLE_ENDIAN);
    data.read(0, head);
    long length = head.getLong();
    boolean fits = length >= 2 && length <= Math.min(MAX_HEADER, data.size() - Long.BYTES);
    return fits && head.get() == '{' ? length : -1;
  }

  /** Parses the header while it is read. It may be long, but the number of values is limited. */
  static JsonNode header(DataFile data, long length, String source) {
    InputStream bytes = data.stream(Long.BYTES, Long.BYTES + length);
    return Json.parse(bytes, source + ": header");
  }

  private Map<String, String> readMetadata(JsonNode node) {
    if (!node.isObject()) {
      throw new ElmoException(
          source
              + ": __metadata__: expected an object, found "
              + (node.isMissingNode() ? "no such key" : Json.brief(node)));
    }
    Map<String, String> map = new LinkedHashMap<>();
    Json.fields(node)
        .forEach(
            (key, value) -> {
              if (!value.isTextual()) {
                throw new ElmoException(
                    source
                        + ": __metadata__."
                        + Json.brief(key)
                        + ": expected a string, found "
                        + Json.brief(value));
              }
              map.put(key, value.textValue());
            });
    return Collections.unmodifiableMap(map);
  }

  private String required(String key) {
    String value = metadata.get(key);
    if (value == null) {
      throw new ElmoException(source + ": __metadata__." + key + ": found no such key");
    }
    return value;
  }

  private void expect(String key, String value) {
    if (!required(key).equals(value)) {
      throw new ElmoException(
          source
              + ": __metadata__."
              + key
              + ": expected "
              + value
              + ", found "
              + Json.brief(required(key)));
    }
  }

  private Entry readEntry(String name, JsonNode node) {
    JsonNode dtype = node.path("dtype");
    long[] shape = longs(node.path("shape"));
    long[] offsets = longs(node.path("data_offsets"));
    if (!dtype.isTextual() || shape == null || offsets == null || offsets.length != 2) {
      throw new ElmoException(
          source
              + ": tensor "
              + Json.brief(name)
              + ": expected dtype, shape and two data_offsets, found "
              + Json.brief(node));
    }
    return new Entry(name, dtype.textValue(), shape, offsets[0], offsets[1]);
  }

  /** Reads a short list of whole numbers that are not negative; null if it is not one. */
  private static long[] longs(JsonNode node) {
    if (!node.isArray() || node.size() > MAX_DIMS) {
      return null;
    }
    long[] values = new long[node.size()];
    for (int i = 0; i < values.length; i++) {
      JsonNode value = node.get(i);
      if (!value.isIntegralNumber() || !value.canConvertToLong() || value.longValue() < 0) {
        return null;
      }
      values[i] = value.longValue();
    }
    return values;
  }

  /** Checks that the tensors fill the file without gaps or overlaps. */
  private void checkOffsets() {
    long at = 0;
    for (Entry entry :
        entries.values().stream()
            .sorted(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end))
            .toList()) {
      if (entry.begin != at || entry.end < at) {
        throw new ElmoException(
            source
                + ": tensor "
                + Json.brief(entry.name)
                + ": expected data from "
                + at
                + " on, found "
                + entry.begin
                + " to "
                + entry.end);
      }
      at = entry.end;
    }
    if (at != data.size() - dataStart) {
      throw new ElmoException(
          source
              + ": expected "
              + at
              + " bytes of tensors after the header, found "
              + (data.size() - dataStart));
    }
  }

  /** The type of a tensor of the model. Its shape has been checked. */
  private Dtype dtype(String name) {
    Entry entry = entries.get(name);
    Dtype dtype =
        switch (entry.dtype) {
          case "F16" -> Dtype.F16;
          case "BF16" -> Dtype.BF16;
          case "F32" -> Dtype.F32;
          case "F64" -> Dtype.F64;
          default ->
              throw new ElmoException(
                  source
                      + ": tensor "
                      + name
                      + ": expected F16, BF16, F32 or F64, found "
                      + Json.brief(entry.dtype));
        };
    checkSize(entry, dtype.bytes());
    return dtype;
  }

  private void checkSize(Entry entry, int bytes) {
    long size = TensorShapes.count(entry.shape) * bytes;
    if (entry.end - entry.begin != size) {
      throw new ElmoException(
          source
              + ": tensor "
              + entry.name
              + ": expected "
              + size
              + " bytes, found "
              + (entry.end - entry.begin));
    }
  }

  /** Whether a tensor of the model is an {@link Int8} matrix. */
  private boolean isQuantised(String name) {
    Entry entry = entries.get(name);
    return entry.dtype.equals("I8") && entry.shape.length == 2;
  }

  /**
   * Checks the scales of a matrix: [blocks, columns], where the number of blocks divides the number
   * of rows.
   */
  private void checkScales(String name) {
    long[] shape = entries.get(name).shape;
    Entry scales = entries.get(name + Int8.SCALE);
    boolean good =
        scales != null
            && scales.dtype.equals("F32")
            && scales.shape.length == 2
            && scales.shape[0] > 0
            && shape[0] % scales.shape[0] == 0
            && scales.shape[1] == shape[1];
    if (!good) {
      throw new ElmoException(
          source
              + ": tensor "
              + name
              + Int8.SCALE
              + ": expected F32 of shape [blocks of rows, "
              + shape[1]
              + "], found "
              + (scales == null
                  ? "no such tensor"
                  : Json.brief(scales.dtype) + " " + Arrays.toString(scales.shape)));
    }
    checkSize(scales, Float.BYTES);
  }

  /** Reads an {@link Int8} matrix as floats. */
  private void readQuantised(String name, FloatBuffer target) {
    int count = Tensors.room(this, name, target);
    Entry scaleEntry = entries.get(name + Int8.SCALE);
    int columns = (int) scaleEntry.shape[1];
    int block = count / (int) scaleEntry.shape[0];
    FloatBuffer scales = FloatBuffer.allocate((int) TensorShapes.count(scaleEntry.shape));
    long begin = dataStart + entries.get(name).begin;
    int start = target.position();
    try {
      data.forEachPiece(
          dataStart + scaleEntry.begin,
          dataStart + scaleEntry.end,
          piece -> Dtype.F32.decode(piece.order(ByteOrder.LITTLE_ENDIAN), scales));
      for (int i = 0; i < scales.limit(); i++) {
        float scale = scales.get(i);
        if (!(scale >= 0 && Float.isFinite(scale * -Byte.MIN_VALUE))) {
          throw new ElmoException(
              source
                  + ": tensor "
                  + scaleEntry.name
                  + " ["
                  + i / columns
                  + ", "
                  + i % columns
                  + "]: expected a scale of 0 or more, found "
                  + scale);
        }
      }
      data.forEachPiece(
          begin,
          begin + count,
          piece -> {
            while (piece.hasRemaining()) {
              int i = target.position() - start;
              target.put(piece.get() * scales.get(i / block * columns + i % columns));
            }
          });
    } catch (IOException e) {
      throw unreadable(source, e);
    }
  }

  private TokenEncoder readEncoder() {
    ModelOptions.Dictionary sizes = options.dictionary();
    if (sizes == null) {
      return new CharacterMapper(options.maxCharactersPerToken());
    }
    String characters = required("char_dic");
    String words = sizes.words() == 0 ? null : required("word_dic");
    try {
      return new DictionaryEncoder(
          options.maxCharactersPerToken(), characters, sizes.characters(), words, sizes.words());
    } catch (ElmoException e) {
      throw new ElmoException(source + ": __metadata__: " + e.getMessage(), e);
    }
  }

  private ScalarMix readMix() {
    String weights = metadata.get("mix_weights");
    String gamma = metadata.get("mix_gamma");
    if (weights == null && gamma == null) {
      return null;
    }
    JsonNode list = Json.parse(required("mix_weights"), source + ": __metadata__.mix_weights");
    JsonNode factor = Json.parse(required("mix_gamma"), source + ": __metadata__.mix_gamma");
    float[] values = new float[options.lstmLayers() + 1];
    boolean good = list.isArray() && list.size() == values.length && factor.isNumber();
    for (int i = 0; good && i < values.length; i++) {
      good = list.get(i).isNumber();
      values[i] = list.get(i).floatValue();
    }
    if (!good) {
      throw new ElmoException(
          source
              + ": __metadata__: expected "
              + values.length
              + " numbers as mix_weights and one as mix_gamma, found "
              + Json.brief(weights)
              + " and "
              + Json.brief(gamma));
    }
    try {
      return new ScalarMix(values, factor.floatValue());
    } catch (ElmoException e) {
      throw new ElmoException(source + ": __metadata__: " + e.getMessage(), e);
    }
  }

  /**
   * Reads the bytes of all tensors and compares them with the checksum in the metadata.
   *
   * @throws ElmoException if they differ
   */
  public void verify() {
    MessageDigest digest = sha256();
    try {
      data.forEachPiece(dataStart, data.size(), digest::update);
    } catch (IOException e) {
      throw unreadable(source, e);
    }
    String found = HexFormat.of().formatHex(digest.digest());
    if (!found.equals(required("sha256"))) {
      throw new ElmoException(
          source
              + ": expected tensors of sha256 "
              + Json.brief(required("sha256"))
              + ", found "
              + found);
    }
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** All of {@code __metadata__}. */
  public Map<String, String> metadata() {
    return metadata;
  }

  @Override
  TokenEncoder encoder() {
    return encoder;
  }

  @Override
  public ScalarMix mix() {
    return mix;
  }

  @Override
  public void read(String name, FloatBuffer target) {
    Tensors.room(this, name, target);
    if (isQuantised(name)) {
      readQuantised(name, target);
      return;
    }
    long at = dataStart + entries.get(name).begin;
    data.readTensor(this, name, at, dtype(name), ByteOrder.LITTLE_ENDIAN, target);
  }

  @Override
  public void close() {
    data.close();
  }
}
