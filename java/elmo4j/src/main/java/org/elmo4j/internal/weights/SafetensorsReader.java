// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import org.elmo4j.ElmoException;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.internal.text.CharacterMapper;
import org.elmo4j.internal.text.DictionaryEncoder;
import org.elmo4j.internal.text.TokenEncoder;
import org.elmo4j.internal.weights.SafetensorsHeader.Entry;
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

  private final DataFile data;
  private final SafetensorsHeader header;
  private final long dataStart;
  private final Map<String, Entry> entries;
  private final TokenEncoder encoder;
  private final Optional<ScalarMix> mix;

  private SafetensorsReader(String source, DataFile data, boolean verify) throws IOException {
    super(source);
    this.data = data;
    this.header = SafetensorsHeader.read(source, data);
    this.dataStart = header.dataStart();
    this.entries = header.entries();
    header.expect("format", "elmo4j");
    header.expect("format_version", "1");
    this.options = OptionsJson.parse(header.required("options"), source + ": options");
    this.shapes =
        Tensors.check(
            source,
            options,
            source + ": options",
            name -> entries.containsKey(name) ? entries.get(name).shape() : null);
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
    header.required("sha256");
    if (verify && data.size() - dataStart < SMALL) {
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
      return open(file.toString(), DataFile.open(file), true);
    } catch (IOException e) {
      throw SafetensorsHeader.unreadable(file.toString(), e);
    }
  }

  /**
   * Like {@link #open(Path)} for a file in memory.
   *
   * @param bytes the file, from the position to the limit; they must not change afterwards
   * @param source the origin of the bytes, for messages
   */
  public static SafetensorsReader open(ByteBuffer bytes, String source) {
    return open(bytes, source, true);
  }

  /** Like {@link #open(ByteBuffer, String)}, but checks the checksum only if {@code verify}. */
  static SafetensorsReader open(ByteBuffer bytes, String source, boolean verify) {
    return open(source, DataFile.of(bytes), verify);
  }

  private static SafetensorsReader open(String source, DataFile data, boolean verify) {
    try {
      return new SafetensorsReader(source, data, verify);
    } catch (IOException e) {
      data.close();
      throw SafetensorsHeader.unreadable(source, e);
    } catch (Throwable e) {
      data.close();
      throw e;
    }
  }

  /** The type of a tensor of the model. Its shape has been checked. */
  private Dtype dtype(String name) {
    Entry entry = entries.get(name);
    Dtype dtype =
        switch (entry.dtype()) {
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
                      + Json.brief(entry.dtype()));
        };
    checkSize(entry, dtype.bytes());
    return dtype;
  }

  private void checkSize(Entry entry, int bytes) {
    long size = TensorShapes.count(entry.shape()) * bytes;
    if (entry.end() - entry.begin() != size) {
      throw new ElmoException(
          source
              + ": tensor "
              + entry.name()
              + ": expected "
              + size
              + " bytes, found "
              + (entry.end() - entry.begin()));
    }
  }

  /** Whether a tensor of the model is an {@link Int8} matrix. */
  private boolean isQuantised(String name) {
    Entry entry = entries.get(name);
    return entry.dtype().equals("I8") && entry.shape().length == 2;
  }

  /**
   * Checks the scales of a matrix: [blocks, columns], where the number of blocks divides the number
   * of rows.
   */
  private void checkScales(String name) {
    long[] shape = entries.get(name).shape();
    Entry scales = entries.get(name + Int8.SCALE);
    boolean good =
        scales != null
            && scales.dtype().equals("F32")
            && scales.shape().length == 2
            && scales.shape()[0] > 0
            && shape[0] % scales.shape()[0] == 0
            && scales.shape()[1] == shape[1];
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
                  : Json.brief(scales.dtype()) + " " + Arrays.toString(scales.shape())));
    }
    checkSize(scales, Float.BYTES);
  }

  /** Reads an {@link Int8} matrix as floats. */
  private void readQuantised(String name, FloatBuffer target) {
    int count = Tensors.room(this, name, target);
    Entry scaleEntry = entries.get(name + Int8.SCALE);
    int columns = (int) scaleEntry.shape()[1];
    int block = count / (int) scaleEntry.shape()[0];
    FloatBuffer scales = FloatBuffer.allocate((int) TensorShapes.count(scaleEntry.shape()));
    long begin = dataStart + entries.get(name).begin();
    int start = target.position();
    try {
      data.forEachPiece(
          dataStart + scaleEntry.begin(),
          dataStart + scaleEntry.end(),
          piece -> Dtype.F32.decode(piece.order(ByteOrder.LITTLE_ENDIAN), scales));
      for (int i = 0; i < scales.limit(); i++) {
        float scale = scales.get(i);
        if (!(scale >= 0 && Float.isFinite(scale * -Byte.MIN_VALUE))) {
          throw new ElmoException(
              source
                  + ": tensor "
                  + scaleEntry.name()
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
      throw SafetensorsHeader.unreadable(source, e);
    }
  }

  private TokenEncoder readEncoder() {
    if (options.dictionary().isEmpty()) {
      return new CharacterMapper(options.maxCharactersPerToken());
    }
    String characters = header.required("char_dic");
    String words = options.words() == 0 ? null : header.required("word_dic");
    try {
      return new DictionaryEncoder(
          options.maxCharactersPerToken(),
          characters,
          options.characters(),
          words,
          options.words());
    } catch (ElmoException e) {
      throw new ElmoException(source + ": __metadata__: " + e.getMessage(), e);
    }
  }

  private Optional<ScalarMix> readMix() {
    String weights = header.metadata().get("mix_weights");
    String gamma = header.metadata().get("mix_gamma");
    if (weights == null && gamma == null) {
      return Optional.empty();
    }
    JsonNode list =
        Json.parse(header.required("mix_weights"), source + ": __metadata__.mix_weights");
    JsonNode factor = Json.parse(header.required("mix_gamma"), source + ": __metadata__.mix_gamma");
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
      return Optional.of(new ScalarMix(values, factor.floatValue()));
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
      throw SafetensorsHeader.unreadable(source, e);
    }
    String found = HexFormat.of().formatHex(digest.digest());
    if (!found.equals(header.required("sha256"))) {
      throw new ElmoException(
          source
              + ": expected tensors of sha256 "
              + Json.brief(header.required("sha256"))
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
    return header.metadata();
  }

  @Override
  TokenEncoder encoder() {
    return encoder;
  }

  @Override
  public Optional<ScalarMix> mix() {
    return mix;
  }

  @Override
  public void read(String name, FloatBuffer target) {
    Tensors.room(this, name, target);
    if (isQuantised(name)) {
      readQuantised(name, target);
      return;
    }
    long at = dataStart + entries.get(name).begin();
    data.readTensor(this, name, at, dtype(name), ByteOrder.LITTLE_ENDIAN, target);
  }

  @Override
  public void close() {
    data.close();
  }
}
