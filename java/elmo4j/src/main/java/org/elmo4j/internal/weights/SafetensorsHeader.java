// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.model.TensorShapes;

/**
 * The header of a safetensors file: 8 bytes with its length, little-endian, then JSON that
 * describes the tensors and holds the metadata, which are strings. Immutable.
 */
public final class SafetensorsHeader {
  /** The limit of the safetensors library. */
  private static final long MAX_HEADER = 100_000_000;

  private static final int MAX_DIMS = 8;

  /** The position of the first tensor is a multiple of this. */
  private static final int ALIGNMENT = 64;

  /**
   * A tensor.
   *
   * @param dtype as the format names it: {@code F32}, {@code I64} ...
   * @param begin the offset of its first byte from {@link #dataStart}
   * @param end the offset behind its last byte
   */
  public record Entry(String name, String dtype, long[] shape, long begin, long end) {}

  private final String source;
  private final long dataStart;
  private final Map<String, String> metadata;
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  private SafetensorsHeader(String source, DataFile data) throws IOException {
    this.source = source;
    long length = length(data);
    if (length < 0) {
      throw new ElmoException(
          source
              + ": expected a safetensors file, found no header in its "
              + data.size()
              + " bytes");
    }
    dataStart = Long.BYTES + length;
    JsonNode header = json(data, length, source);
    metadata = metadata(header.path("__metadata__"));
    Json.fields(header)
        .forEach(
            (name, value) -> {
              if (!name.equals("__metadata__")) {
                entries.put(name, entry(name, value));
              }
            });
    checkOffsets(data.size());
  }

  /**
   * Reads the header and checks that the tensors fill the file without gaps or overlaps.
   *
   * @param source the file's name, for messages
   */
  static SafetensorsHeader read(String source, DataFile data) throws IOException {
    return new SafetensorsHeader(source, data);
  }

  /**
   * Reads the header of a file and checks that the tensors fill the file without gaps or overlaps.
   *
   * @throws ElmoException if it cannot be read or is no safetensors file
   */
  public static SafetensorsHeader read(Path file) {
    try (DataFile data = DataFile.open(file)) {
      return read(file.toString(), data);
    } catch (IOException e) {
      throw new ElmoException(
          file + ": expected a readable safetensors file, found " + FoundFile.unreadable(file, e),
          e);
    }
  }

  static ElmoException unreadable(String source, IOException e) {
    return new ElmoException(
        source + ": expected a readable safetensors file, found " + FoundFile.reason(e), e);
  }

  /** Returns the length of the header, or -1 if these are not the bytes of a safetensors file. */
  static long length(DataFile data) throws IOException {
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
  static JsonNode json(DataFile data, long length, String source) {
    return Json.parse(data.stream(Long.BYTES, Long.BYTES + length), source + ": header");
  }

  private Map<String, String> metadata(JsonNode node) {
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

  private Entry entry(String name, JsonNode node) {
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
  private void checkOffsets(long size) {
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
    if (at != size - dataStart) {
      throw new ElmoException(
          source
              + ": expected "
              + at
              + " bytes of tensors after the header, found "
              + (size - dataStart));
    }
  }

  /** Returns the position in the file of the first tensor's first byte. */
  public long dataStart() {
    return dataStart;
  }

  /** Returns all of {@code __metadata__}. */
  public Map<String, String> metadata() {
    return metadata;
  }

  /** Returns the tensors by name. */
  public Map<String, Entry> entries() {
    return Collections.unmodifiableMap(entries);
  }

  /**
   * Returns a string of the metadata.
   *
   * @throws ElmoException if there is none of that name
   */
  public String required(String key) {
    String value = metadata.get(key);
    if (value == null) {
      throw new ElmoException(source + ": __metadata__." + key + ": found no such key");
    }
    return value;
  }

  /**
   * Checks a string of the metadata.
   *
   * @throws ElmoException if it is another
   */
  public void expect(String key, String value) {
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

  /** The tensors of a file that is to be written, in the order in which they will follow. */
  public static final class Plan {
    private final List<Entry> entries = new ArrayList<>();
    private long at;

    /**
     * Adds the next tensor.
     *
     * @param each bytes of a number
     */
    public Plan add(String name, String dtype, int each, long... shape) {
      long end = at + TensorShapes.count(shape) * each;
      entries.add(new Entry(name, dtype, shape, at, end));
      at = end;
      return this;
    }
  }

  /**
   * Returns the bytes before the tensors, padded with spaces so that the tensors are aligned.
   *
   * @param atLeast the smallest number of bytes to return; more spaces fill it
   */
  public static ByteBuffer write(Map<String, String> metadata, Plan plan, int atLeast) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    ObjectNode strings = root.putObject("__metadata__");
    metadata.forEach(strings::put);
    for (Entry entry : plan.entries) {
      ObjectNode node = root.putObject(entry.name).put("dtype", entry.dtype);
      node.putArray("shape");
      for (long n : entry.shape) {
        node.withArray("shape").add(n);
      }
      node.putArray("data_offsets").add(entry.begin).add(entry.end);
    }
    return padded(root, atLeast);
  }

  /** The length of the header and the header, padded with spaces as {@link #write} says. */
  static ByteBuffer padded(ObjectNode root, int atLeast) {
    byte[] json = root.toString().getBytes(StandardCharsets.UTF_8);
    int bytes = Math.max(Long.BYTES + json.length, atLeast);
    int size = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    ByteBuffer header = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    header.putLong(size - Long.BYTES).put(json);
    while (header.hasRemaining()) {
      header.put((byte) ' ');
    }
    return header.rewind();
  }
}
