// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.elmo4j.internal.model.TensorShapes;

/**
 * Writes TensorFlow checkpoints by the published formats, without code of the readers: LevelDB's
 * tables (doc/table_format.md), Snappy (format_description.txt) and tensor_bundle.proto. It can
 * also write valid forms that TensorFlow's own writer did not choose in the files that were looked
 * at, and invalid forms.
 */
final class CheckpointWriter {
  static final int FLOAT = 1;
  static final int DOUBLE = 2;
  static final int STRING = 7;
  static final int BFLOAT16 = 14;

  /** The entry of a tensor in the index, which a test may falsify. */
  static final class Entry {
    int type;
    List<Long> shape = new ArrayList<>();
    long shard;
    long offset;
    long size;
    int crc;
    boolean sliced;
  }

  final Map<String, Entry> entries = new TreeMap<>();
  final List<ByteArrayOutputStream> shards = new ArrayList<>();
  int entriesPerBlock = 1 << 20;
  int restartEvery = 3;
  boolean snappy;
  boolean bigEndian;
  Integer claimedShards;

  /** The address of each block of the last index, and its size without type and checksum. */
  final List<int[]> blocks = new ArrayList<>();

  CheckpointWriter(int shards) {
    for (int i = 0; i < shards; i++) {
      this.shards.add(new ByteArrayOutputStream());
    }
  }

  Entry add(String name, int type, float[] values, long... shape) {
    int width = type == DOUBLE ? 8 : type == FLOAT ? 4 : 2;
    ByteBuffer bytes = ByteBuffer.allocate(values.length * width);
    bytes.order(bigEndian ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      switch (type) {
        case FLOAT -> bytes.putFloat(value);
        case DOUBLE -> bytes.putDouble(value);
        case BFLOAT16 -> bytes.putShort((short) (Float.floatToIntBits(value) >>> 16));
        default -> bytes.putShort(Dtype.floatToHalf(value));
      }
    }
    Entry entry = new Entry();
    entry.type = type;
    for (long n : shape) {
      entry.shape.add(n);
    }
    entry.shard = entries.size() % shards.size();
    ByteArrayOutputStream shard = shards.get((int) entry.shard);
    entry.offset = shard.size();
    entry.size = bytes.capacity();
    entry.crc = masked(bytes.array(), bytes.capacity());
    shard.writeBytes(bytes.array());
    entries.put(name, entry);
    return entry;
  }

  void write(Path prefix) throws IOException {
    Files.write(Path.of(prefix + ".index"), index());
    for (int i = 0; i < shards.size(); i++) {
      Files.write(
          Path.of(String.format(Locale.ROOT, "%s.data-%05d-of-%05d", prefix, i, shards.size())),
          shards.get(i).toByteArray());
    }
  }

  static int masked(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    int value = (int) crc.getValue();
    return ((value >>> 15) | (value << 17)) + 0xa282ead8;
  }

  byte[] index() {
    List<Map.Entry<byte[], byte[]>> all = new ArrayList<>();
    Bytes header = new Bytes().field(1, claimedShards == null ? shards.size() : claimedShards);
    if (bigEndian) {
      header.field(2, 1);
    }
    header.message(3, new Bytes().field(1, 1));
    all.add(Map.entry(new byte[0], header.bytes()));
    entries.forEach(
        (name, entry) -> {
          Bytes shape = new Bytes();
          entry.shape.forEach(n -> shape.message(2, new Bytes().field(1, n)));
          Bytes value = new Bytes().field(1, entry.type).message(2, shape);
          value.field(3, entry.shard).field(4, entry.offset).field(5, entry.size);
          value.varint(6 << 3 | 5).fixed32(entry.crc);
          if (entry.sliced) {
            value.message(7, new Bytes());
          }
          all.add(Map.entry(name.getBytes(StandardCharsets.UTF_8), value.bytes()));
        });
    return table(all);
  }

  /** Returns a table of these entries in this order. */
  byte[] table(List<Map.Entry<byte[], byte[]>> all) {
    blocks.clear();
    Bytes file = new Bytes();
    List<Map.Entry<byte[], byte[]>> handles = new ArrayList<>();
    for (int from = 0; from < all.size(); from += entriesPerBlock) {
      List<Map.Entry<byte[], byte[]>> part =
          all.subList(from, Math.min(all.size(), from + entriesPerBlock));
      byte[] handle = append(file, block(part));
      handles.add(Map.entry(part.get(part.size() - 1).getKey(), handle));
    }
    return finish(file, handles);
  }

  private byte[] finish(Bytes file, List<Map.Entry<byte[], byte[]>> handles) {
    byte[] metaindex = append(file, block(List.of()));
    return footer(file, metaindex, append(file, block(handles)));
  }

  private static byte[] footer(Bytes file, byte[] metaindex, byte[] index) {
    Bytes footer = new Bytes().raw(metaindex).raw(index);
    while (footer.size() < 40) {
      footer.raw(new byte[1]);
    }
    return file.raw(footer.bytes()).fixed32(0x8b80fb57).fixed32(0xdb477524).bytes();
  }

  /** Returns a table with one block to which its index points many times. */
  byte[] reread(byte[] block, int times) {
    Bytes file = new Bytes();
    byte[] handle = append(file, block);
    List<Map.Entry<byte[], byte[]>> handles = new ArrayList<>();
    for (int i = 0; i < times; i++) {
      byte[] key = ("" + (1_000_000 + i)).getBytes(StandardCharsets.UTF_8);
      handles.add(Map.entry(key, handle));
    }
    return finish(file, handles);
  }

  /** Returns a table whose index is these compressed bytes. */
  byte[] compressed(byte[] stored) {
    Bytes file = new Bytes();
    byte[] metaindex = append(file, block(List.of()));
    return footer(file, metaindex, appendStored(file, stored, 1));
  }

  /** Appends a block with type and checksum and returns its handle. */
  private byte[] append(Bytes file, byte[] block) {
    return appendStored(file, snappy ? snappy(block) : block, snappy ? 1 : 0);
  }

  private byte[] appendStored(Bytes file, byte[] stored, int type) {
    int at = file.size();
    blocks.add(new int[] {at, stored.length});
    byte[] typed = new Bytes().raw(stored).raw(new byte[] {(byte) type}).bytes();
    file.raw(typed).fixed32(masked(typed, typed.length));
    return new Bytes().varint(at).varint(stored.length).bytes();
  }

  /**
   * Returns a block of these entries. Keys omit the prefix that they share with the key before,
   * except at every {@code restartEvery}th entry, a restart point.
   */
  private byte[] block(List<Map.Entry<byte[], byte[]>> entries) {
    Bytes block = new Bytes();
    List<Integer> restarts = new ArrayList<>();
    byte[] last = new byte[0];
    for (int i = 0; i < entries.size(); i++) {
      byte[] key = entries.get(i).getKey();
      byte[] value = entries.get(i).getValue();
      int shared = 0;
      if (i % restartEvery == 0) {
        restarts.add(block.size());
      } else {
        while (shared < Math.min(last.length, key.length) && last[shared] == key[shared]) {
          shared++;
        }
      }
      block.varint(shared).varint(key.length - shared).varint(value.length);
      block.raw(Arrays.copyOfRange(key, shared, key.length)).raw(value);
      last = key;
    }
    if (restarts.isEmpty()) {
      restarts.add(0);
    }
    restarts.forEach(block::fixed32);
    return block.fixed32(restarts.size()).bytes();
  }

  /** Compresses bytes by Snappy, with literals and all three kinds of copies. */
  static byte[] snappy(byte[] in) {
    Bytes out = new Bytes().varint(in.length);
    Map<Integer, Integer> seen = new HashMap<>();
    int literal = 0;
    int at = 0;
    while (at < in.length) {
      Integer before = null;
      if (at + 4 <= in.length) {
        int four = ByteBuffer.wrap(in, at, 4).getInt();
        before = seen.put(four, at);
      }
      if (before == null) {
        at++;
        continue;
      }
      int length = 4;
      while (length < 64 && at + length < in.length && in[before + length] == in[at + length]) {
        length++;
      }
      literal(out, in, literal, at);
      int offset = at - before;
      if (length < 12 && offset < 2048) {
        out.raw(new byte[] {(byte) (1 | length - 4 << 2 | offset >> 8 << 5), (byte) offset});
      } else if (at % 2 == 0 && offset < 1 << 16) {
        out.raw(new byte[] {(byte) (2 | length - 1 << 2), (byte) offset, (byte) (offset >> 8)});
      } else {
        out.raw(new byte[] {(byte) (3 | length - 1 << 2)}).fixed32(offset);
      }
      at += length;
      literal = at;
    }
    literal(out, in, literal, in.length);
    return out.bytes();
  }

  private static void literal(Bytes out, byte[] in, int from, int to) {
    int length = to - from;
    if (length == 0) {
      return;
    }
    if (length <= 60) {
      out.raw(new byte[] {(byte) (length - 1 << 2)});
    } else {
      int n = length - 1;
      out.raw(new byte[] {(byte) (61 << 2), (byte) n, (byte) (n >> 8)});
    }
    out.raw(Arrays.copyOfRange(in, from, to));
  }

  /** A buffer of bytes to write, little-endian. */
  static final class Bytes {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Bytes raw(byte[] bytes) {
      out.writeBytes(bytes);
      return this;
    }

    Bytes varint(long value) {
      while ((value & ~0x7FL) != 0) {
        out.write((int) (value & 0x7F | 0x80));
        value >>>= 7;
      }
      out.write((int) value);
      return this;
    }

    Bytes fixed32(int value) {
      for (int i = 0; i < 4; i++) {
        out.write(value >>> 8 * i);
      }
      return this;
    }

    /** Writes a varint field of a message. Zero is not written. */
    Bytes field(int number, long value) {
      return value == 0 ? this : varint(number << 3).varint(value);
    }

    Bytes message(int number, Bytes message) {
      return varint(number << 3 | 2).varint(message.size()).raw(message.bytes());
    }

    int size() {
      return out.size();
    }

    byte[] bytes() {
      return out.toByteArray();
    }
  }

  /**
   * Returns a writer with the tensors of {@link TinyModel} under TF-Hub's names. The character
   * table has the additional row of masked positions.
   */
  static CheckpointWriter hub(int shards, String scope) {
    return fill(new CheckpointWriter(shards), scope, "bilm/", FLOAT);
  }

  static CheckpointWriter fill(CheckpointWriter writer, String scope, String model, int type) {
    Map<String, float[]> values = TinyModel.values();
    TensorShapes.of(TinyModel.options(2))
        .forEach(
            (name, shape) -> {
              float[] array = values.get(name);
              long[] stored = shape;
              if (name.equals("char_embed") && model.equals("bilm/")) {
                float[] wider = new float[array.length + 2];
                System.arraycopy(array, 0, wider, 2, array.length);
                array = wider;
                stored = new long[] {262, 2};
              }
              writer.add(scope + model + tensorFlowName(name, model), type, array, stored);
            });
    return writer;
  }

  static String tensorFlowName(String name, String model) {
    String cell =
        model.equals("bilm/") ? "RNN/MultiRNNCell/Cell0/rnn/lstm_cell/" : "rnn/lstm_cell/";
    return name.replace("RNN/MultiRNNCell/Cell0/LSTMCell/", cell)
        .replaceAll("W_P_0$", "projection/kernel")
        .replaceAll("W_0$", "kernel")
        .replaceAll("/B$", "/bias");
  }
}
