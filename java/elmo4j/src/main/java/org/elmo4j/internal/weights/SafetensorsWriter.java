// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.internal.text.DictionaryEncoder;
import org.elmo4j.weights.WeightStore;

/** Writes the format that {@link SafetensorsReader} describes. */
public final class SafetensorsWriter {
  private static final int PIECE = 1 << 20;

  private final WeightStore store;
  private final Dtype dtype;
  private final boolean int8;
  private final MessageDigest digest = SafetensorsReader.sha256();
  private final ByteBuffer piece = ByteBuffer.allocate(PIECE).order(ByteOrder.LITTLE_ENDIAN);

  private SafetensorsWriter(WeightStore store, Dtype dtype, boolean int8) {
    this.store = store;
    this.dtype = dtype;
    this.int8 = int8;
  }

  /**
   * Writes a model to one file, one tensor at a time, so that memory is needed for the largest
   * tensor only. If writing fails, an existing file stays as it was.
   *
   * @param store the model, which stays open
   * @param target the file
   * @param dtype the type of all tensors
   * @param metadata further entries, such as {@code provenance} and {@code licence}; may be empty
   * @throws ElmoException if the file cannot be written, or a number is too large for {@code dtype}
   */
  public static void write(
      WeightStore store, Path target, Dtype dtype, Map<String, String> metadata) {
    AtomicFile.write(
        target, channel -> new SafetensorsWriter(store, dtype, false).write(channel, metadata));
  }

  /**
   * Like {@link #write(WeightStore, Path, Dtype, Map)}, with the matrices of the LSTM as 8-bit
   * integers ({@link Int8}), the scales of each in a separate tensor, and everything else as 32-bit
   * floats.
   */
  public static void writeInt8(WeightStore store, Path target, Map<String, String> metadata) {
    AtomicFile.write(
        target, channel -> new SafetensorsWriter(store, Dtype.F32, true).write(channel, metadata));
  }

  private void write(FileChannel channel, Map<String, String> extra) throws IOException {
    Map<String, String> metadata = new TreeMap<>(extra);
    metadata.put("format", "elmo4j");
    metadata.put("format_version", "1");
    metadata.put("options", OptionsJson.write(store.options()));
    if (ModelStore.encoder(store) instanceof DictionaryEncoder dictionary) {
      metadata.put("char_dic", dictionary.characters());
      if (dictionary.words() != null) {
        metadata.put("word_dic", dictionary.words());
      }
    }
    store
        .mix()
        .ifPresent(
            mix -> {
              metadata.put("mix_weights", Arrays.toString(mix.weights()));
              metadata.put("mix_gamma", Float.toString(mix.gamma()));
            });
    // The header is written last, so that the tensors are read once. The checksum does not change
    // its length.
    metadata.put("sha256", "0".repeat(64));
    int headerSize = header(metadata).remaining();
    channel.position(headerSize);
    for (String name : store.names()) {
      FloatBuffer values = FloatBuffer.allocate((int) TensorShapes.count(store.shape(name)));
      store.read(name, values);
      values.flip();
      int blocks = blocks(name);
      if (blocks == 0) {
        writeNumbers(channel, name, dtype, values);
      } else {
        int columns = (int) store.shape(name)[1];
        float[] scales = Int8.scales(values, columns, blocks);
        int block = values.limit() / blocks;
        for (int i = 0; i < values.limit(); ) {
          piece.clear();
          for (; i < values.limit() && piece.hasRemaining(); i++) {
            piece.put(Int8.quantise(values.get(i), scales[i / block * columns + i % columns]));
          }
          writePiece(channel);
        }
        writeNumbers(channel, name + Int8.SCALE, Dtype.F32, FloatBuffer.wrap(scales));
      }
    }
    metadata.put("sha256", HexFormat.of().formatHex(digest.digest()));
    channel.position(0);
    AtomicFile.writeAll(channel, header(metadata));
  }

  private void writeNumbers(FileChannel channel, String name, Dtype dtype, FloatBuffer values)
      throws IOException {
    while (values.hasRemaining()) {
      piece.clear();
      while (values.hasRemaining() && piece.hasRemaining()) {
        float value = values.get();
        if (!dtype.encode(value, piece)) {
          throw Tensors.badValue(
              store, name, values.position() - 1, "a number that " + dtype + " can hold", value);
        }
      }
      writePiece(channel);
    }
  }

  private void writePiece(FileChannel channel) throws IOException {
    digest.update(piece.flip());
    AtomicFile.writeAll(channel, piece.rewind());
  }

  private int blocks(String name) {
    return int8 ? Int8.blocks(store.options(), name) : 0;
  }

  /** The bytes before the tensors. */
  private ByteBuffer header(Map<String, String> metadata) {
    SafetensorsHeader.Plan plan = new SafetensorsHeader.Plan();
    for (String name : store.names()) {
      long[] shape = store.shape(name);
      int blocks = blocks(name);
      if (blocks == 0) {
        plan.add(name, dtype.name(), dtype.bytes(), shape);
      } else {
        plan.add(name, "I8", 1, shape);
        plan.add(name + Int8.SCALE, "F32", Float.BYTES, blocks, shape[1]);
      }
    }
    return SafetensorsHeader.write(metadata, plan, 0);
  }
}
