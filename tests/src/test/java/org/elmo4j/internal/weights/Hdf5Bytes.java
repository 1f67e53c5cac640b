// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import io.jhdf.checksum.JenkinsLookup3HashLittle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * The bytes of an HDF5 file, in which tests change the lengths, counts and addresses of its
 * structures. The file's offsets and lengths must have 8 bytes.
 */
final class Hdf5Bytes {
  /** The structures of a fixed size, and the offset of their checksum. */
  private static final Map<String, Integer> CHECKSUM_AT =
      Map.of("BTHD", 34, "FRHP", 142, "FAHD", 24, "EAHD", 68);

  private byte[] bytes;
  private ByteBuffer buffer;

  /** A number in a structure of the file. */
  record Field(int at, int size) {}

  Hdf5Bytes(byte[] bytes) {
    set(bytes.clone());
  }

  private void set(byte[] bytes) {
    this.bytes = bytes;
    this.buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  byte[] bytes() {
    return bytes;
  }

  long get(Field field) {
    return switch (field.size) {
      case 1 -> buffer.get(field.at);
      case 2 -> buffer.getShort(field.at);
      case 4 -> buffer.getInt(field.at);
      default -> buffer.getLong(field.at);
    };
  }

  Hdf5Bytes put(int at, int size, long value) {
    switch (size) {
      case 1 -> buffer.put(at, (byte) value);
      case 2 -> buffer.putShort(at, (short) value);
      case 4 -> buffer.putInt(at, (int) value);
      default -> buffer.putLong(at, value);
    }
    return this;
  }

  /** Appends bytes at a multiple of 8 and returns their address. */
  int append(byte[] more) {
    int at = (bytes.length + 7) / 8 * 8;
    byte[] longer = Arrays.copyOf(bytes, at + more.length);
    System.arraycopy(more, 0, longer, at, more.length);
    set(longer);
    return at;
  }

  /** Replaces a number of 8 bytes by another wherever it is in the first {@code length} bytes. */
  Hdf5Bytes replace(long from, long to, int length) {
    for (int at = 0; at + 8 <= length; at++) {
      if (buffer.getLong(at) == from) {
        buffer.putLong(at, to);
      }
    }
    return this;
  }

  /** Returns the addresses of the structures with this signature. */
  List<Integer> find(String signature) {
    byte[] wanted = signature.getBytes(StandardCharsets.US_ASCII);
    List<Integer> found = new ArrayList<>();
    for (int at = 0; at + Math.max(8, wanted.length) <= bytes.length; at++) {
      if (bytes[at] == wanted[0]
          && Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length)) {
        found.add(at);
      }
    }
    return found;
  }

  /**
   * Returns the addresses of the nodes of version 1 B-trees: type 0 is of groups, type 1 of chunks.
   */
  List<Integer> trees(int type) {
    return find("TREE").stream().filter(at -> bytes[at + 4] == type).toList();
  }

  /** Returns the addresses of the object headers of version 1 that groups name. */
  List<Integer> headers() {
    List<Integer> headers = new ArrayList<>();
    for (int node : find("SNOD")) {
      for (int i = 0; i < buffer.getShort(node + 6); i++) {
        headers.add((int) buffer.getLong(node + 8 + 40 * i + 8));
      }
    }
    return headers;
  }

  /** Returns all numbers in the file's structures. */
  List<Field> fields() {
    List<Field> fields = new ArrayList<>();
    boolean old = bytes[8] < 2;
    fields.add(new Field(old ? 13 : 9, 1));
    fields.add(new Field(old ? 14 : 10, 1));
    words(fields, old ? 24 : 12, old ? 9 : 4);
    for (int at : find("TREE")) {
      fields.add(new Field(at + 5, 1));
      fields.add(new Field(at + 6, 2));
      words(fields, at + 8, 10);
    }
    for (int at : find("SNOD")) {
      fields.add(new Field(at + 6, 2));
      for (int i = 0; i < Math.min(8, buffer.getShort(at + 6)); i++) {
        words(fields, at + 8 + 40 * i, 3);
      }
    }
    for (int at : find("HEAP")) {
      words(fields, at + 8, 3);
    }
    for (int at : headers()) {
      fields.add(new Field(at + 2, 2));
      fields.add(new Field(at + 8, 4));
      message(fields, at + 16, at + 16 + buffer.getInt(at + 8), 8, 2);
    }
    for (int at : find("OHDR")) {
      int size = chunkSize(at);
      fields.add(new Field(at + 5, 1));
      fields.add(new Field(at + chunkAt(at) - size, size));
      message(fields, at + chunkAt(at), checksumOf(at), 4, 1);
    }
    for (String signature : List.of("BTHD", "FRHP", "FAHD", "EAHD", "FHDB", "FADB", "EAIB")) {
      for (int at : find(signature)) {
        for (int i = 4; i < CHECKSUM_AT.getOrDefault(signature, 40); i++) {
          fields.add(new Field(at + i, i % 3 == 0 ? 2 : i % 3 == 1 ? 4 : 8));
        }
      }
    }
    fields.removeIf(field -> field.at < 0 || field.at + 8 > bytes.length);
    return fields;
  }

  private static void words(List<Field> fields, int at, int count) {
    for (int i = 0; i < count; i++) {
      fields.add(new Field(at + 8 * i, 8));
    }
  }

  /** Adds the types and sizes of a header's messages, and numbers in the messages. */
  private void message(List<Field> fields, int from, int to, int head, int type) {
    for (int at = from; at + head <= Math.min(to, bytes.length - 8); ) {
      int size = Short.toUnsignedInt(buffer.getShort(at + type));
      fields.add(new Field(at, 1));
      fields.add(new Field(at + type, 2));
      for (int i = 0; i < Math.min(size, 48); i++) {
        fields.add(new Field(at + head + i, i % 8 == 0 ? 8 : i % 4 == 0 ? 4 : i % 2 == 0 ? 2 : 1));
      }
      at += head + size;
    }
  }

  private int chunkSize(int header) {
    return 1 << (bytes[header + 5] & 3);
  }

  /** Returns the offset of the messages in a header of version 2. */
  private int chunkAt(int header) {
    int flags = bytes[header + 5];
    return 6 + ((flags & 0x20) != 0 ? 16 : 0) + ((flags & 0x10) != 0 ? 4 : 0) + chunkSize(header);
  }

  private int checksumOf(int header) {
    int size = chunkSize(header);
    long length = get(new Field(header + chunkAt(header) - size, size));
    return (int)
        Math.min(
            bytes.length,
            header
                + chunkAt(header)
                + (size == 1 ? length & 0xFF : size == 2 ? length & 0xFFFF : Math.abs(length)));
  }

  /** Updates the checksums, because a reader that finds a wrong one does not read further. */
  Hdf5Bytes sign() {
    if (bytes[8] >= 2) {
      sign(0, 44);
    }
    CHECKSUM_AT.forEach((signature, at) -> find(signature).forEach(it -> sign(it, it + at)));
    find("OHDR").forEach(at -> sign(at, checksumOf(at)));
    return this;
  }

  private void sign(int from, int to) {
    if (to > from && to + 4 <= bytes.length) {
      buffer.putInt(to, JenkinsLookup3HashLittle.hash(Arrays.copyOfRange(bytes, from, to)));
    }
  }

  /**
   * Changes one to three numbers: to limits, to values near the old one, or to another number of
   * the file.
   */
  Hdf5Bytes mutate(Random random) {
    List<Field> fields = fields();
    for (int n = 1 + random.nextInt(3); n > 0; n--) {
      Field field = fields.get(random.nextInt(fields.size()));
      long value = get(field);
      long other = get(fields.get(random.nextInt(fields.size())));
      long changed =
          switch (random.nextInt(9)) {
            case 0 -> 0;
            case 1 -> -1;
            case 2 -> (1L << 8 * field.size - 1) - 1;
            case 3 -> value + random.nextInt(9) - 4;
            case 4 -> value << 1 + random.nextInt(8);
            case 5 -> bytes.length - random.nextInt(64);
            case 6 -> 1L << random.nextInt(40);
            case 7 -> value ^ 1L << random.nextInt(8 * field.size);
            default -> other;
          };
      put(field.at, field.size, changed);
    }
    return random.nextInt(8) == 0 ? this : sign();
  }
}
