// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;

/**
 * Reads and writes small safetensors files of 32-bit floats, the weights of classifiers, as a
 * whole. Thread-safe.
 */
public final class TensorFile {
  /** The most bytes of a file. These are 2^26 numbers, far more than a classifier has. */
  private static final long MAX_BYTES = 1L << 28;

  private static final int MAX_DIMS = 8;

  /**
   * A tensor.
   *
   * @param shape its dimensions
   * @param values row-major
   */
  public record Tensor(long[] shape, float[] values) {}

  private TensorFile() {}

  /**
   * Writes a file. If writing fails, an existing file stays as it was.
   *
   * @throws ElmoException if it cannot be written
   */
  public static void write(Path target, Map<String, Tensor> tensors) {
    ObjectNode header = JsonNodeFactory.instance.objectNode();
    int at = 0;
    for (Map.Entry<String, Tensor> tensor : tensors.entrySet()) {
      ObjectNode entry = header.putObject(tensor.getKey()).put("dtype", "F32");
      for (long n : tensor.getValue().shape) {
        entry.withArray("shape").add(n);
      }
      int end = Math.addExact(at, Math.multiplyExact(tensor.getValue().values.length, Float.BYTES));
      entry.putArray("data_offsets").add(at).add(end);
      at = end;
    }
    ByteBuffer json = SafetensorsHeader.padded(header, 0);
    ByteBuffer file = ByteBuffer.allocate(json.limit() + at).order(ByteOrder.LITTLE_ENDIAN);
    file.put(json);
    for (Tensor tensor : tensors.values()) {
      file.asFloatBuffer().put(tensor.values);
      file.position(file.position() + tensor.values.length * Float.BYTES);
    }
    file.flip();
    AtomicFile.write(target, channel -> AtomicFile.writeAll(channel, file));
  }

  /**
   * Reads a file.
   *
   * @throws ElmoException if it cannot be read, is not a safetensors file of 32-bit floats, or has
   *     a number that is not finite
   */
  public static Map<String, Tensor> read(Path path) {
    try (DataFile data = DataFile.open(path)) {
      long length = SafetensorsHeader.length(data);
      if (length < 0 || data.size() > MAX_BYTES) {
        throw new ElmoException(
            path + ": expected a small safetensors file, found " + data.size() + " bytes of none");
      }
      long start = Long.BYTES + length;
      JsonNode header = SafetensorsHeader.json(data, length, path.toString());
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      long at = 0; // Tensors follow each other without gaps or overlaps.
      for (Map.Entry<String, JsonNode> entry : Json.fields(header).entrySet()) {
        if (!entry.getKey().equals("__metadata__")) {
          String source = path + ": tensor " + Json.brief(entry.getKey());
          Tensor tensor = tensor(source, entry.getValue(), data, start, at);
          tensors.put(entry.getKey(), tensor);
          at += (long) tensor.values.length * Float.BYTES;
        }
      }
      return tensors;
    } catch (IOException e) {
      throw new ElmoException(
          path + ": expected a readable safetensors file, found " + FoundFile.reason(e), e);
    }
  }

  private static Tensor tensor(String source, JsonNode entry, DataFile data, long start, long from)
      throws IOException {
    long most = (data.size() - start - from) / Float.BYTES;
    long count = 1;
    JsonNode dimensions = entry.path("shape");
    boolean good =
        dimensions.isArray()
            && dimensions.size() <= MAX_DIMS
            && entry.path("dtype").asText().equals("F32");
    long[] shape = new long[good ? dimensions.size() : 0];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = dimensions.get(i).asLong(-1);
      good &= shape[i] >= 1 && shape[i] <= most / count;
      count *= good ? shape[i] : 1;
    }
    long end = from + count * Float.BYTES;
    JsonNode offsets = entry.path("data_offsets");
    if (!good
        || count > most
        || offsets.path(0).asLong(-1) != from
        || offsets.path(1).asLong(-1) != end) {
      throw new ElmoException(
          source
              + ": expected F32, a shape that fits, and offsets from "
              + from
              + " on, found "
              + Json.brief(entry));
    }
    FloatBuffer values = FloatBuffer.allocate((int) count);
    data.forEachPiece(
        start + from,
        start + end,
        piece -> Dtype.F32.decode(piece.order(ByteOrder.LITTLE_ENDIAN), values));
    for (float value : values.array()) {
      if (!Float.isFinite(value)) {
        throw new ElmoException(source + ": expected finite numbers, found " + value);
      }
    }
    return new Tensor(shape, values.array());
  }
}
