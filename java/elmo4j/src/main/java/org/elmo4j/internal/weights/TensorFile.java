// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.Json;

/**
 * Small safetensors files of 32-bit floats, read and written in one piece: the weights of a
 * classifier. Any thread may use it.
 */
public final class TensorFile {
  /** A head of 2^26 numbers is far beyond what a classifier has. */
  private static final long MAX_BYTES = 1L << 28;

  /**
   * A tensor.
   *
   * @param shape its dimensions
   * @param values row-major
   */
  public record Tensor(long[] shape, float[] values) {}

  private TensorFile() {}

  /**
   * Writes a file, which appears whole or not at all.
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
    byte[] json = SafetensorsWriter.padded(header);
    ByteBuffer file = ByteBuffer.allocate(json.length + at).order(ByteOrder.LITTLE_ENDIAN);
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
   * @throws ElmoException if it cannot be read, is no safetensors file of 32-bit floats, or a
   *     number is not finite
   */
  public static Map<String, Tensor> read(Path path) {
    try (DataFile data = DataFile.open(path)) {
      long length = SafetensorsReader.headerLength(data);
      if (length < 0 || data.size() > MAX_BYTES) {
        throw new ElmoException(
            path + ": expected a small safetensors file, found " + data.size() + " bytes of none");
      }
      ByteBuffer file = ByteBuffer.allocate((int) data.size()).order(ByteOrder.LITTLE_ENDIAN);
      data.read(0, file);
      byte[] json = new byte[(int) length];
      file.get(Long.BYTES, json);
      int start = Long.BYTES + (int) length;
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      for (Map.Entry<String, JsonNode> entry : Json.parse(json, path + ": header").properties()) {
        if (!entry.getKey().equals("__metadata__")) {
          tensors.put(
              entry.getKey(),
              tensor(
                  path + ": tensor " + Json.brief(entry.getKey()), entry.getValue(), file, start));
        }
      }
      return tensors;
    } catch (IOException e) {
      throw new ElmoException(
          path + ": expected a readable safetensors file, found " + Json.line(e), e);
    }
  }

  private static Tensor tensor(String source, JsonNode entry, ByteBuffer file, int start) {
    long count = 1;
    JsonNode dimensions = entry.path("shape");
    long[] shape = new long[dimensions.size()];
    boolean good = dimensions.isArray() && entry.path("dtype").asText().equals("F32");
    for (int i = 0; i < shape.length; i++) {
      shape[i] = dimensions.get(i).asLong(-1);
      good &= shape[i] >= 0 && shape[i] <= MAX_BYTES && count <= MAX_BYTES;
      count *= good ? shape[i] : 0;
    }
    long from = entry.path("data_offsets").path(0).asLong(-1);
    long to = entry.path("data_offsets").path(1).asLong(-1);
    if (!good || from < 0 || to - from != count * Float.BYTES || to > file.capacity() - start) {
      throw new ElmoException(
          source + ": expected F32, a shape and offsets that fit, found " + Json.brief(entry));
    }
    float[] values = new float[(int) count];
    for (int i = 0; i < values.length; i++) {
      values[i] = file.getFloat(start + (int) from + i * Float.BYTES);
      if (!Float.isFinite(values[i])) {
        throw new ElmoException(source + ": expected finite numbers, found " + values[i]);
      }
    }
    return new Tensor(shape, values);
  }
}
