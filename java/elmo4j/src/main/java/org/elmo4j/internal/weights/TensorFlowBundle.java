// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.zip.CRC32C;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.weights.ModelOptions;

/**
 * Reads a TensorFlow checkpoint of version 2. {@code PREFIX.index} is a table from names to {@code
 * BundleEntryProto} (tensorflow/core/protobuf/tensor_bundle.proto); {@code
 * PREFIX.data-SSSSS-of-NNNNN} are the bytes. Not thread-safe.
 */
final class TensorFlowBundle implements AutoCloseable {
  private static final String INDEX = ".index";
  private static final int MAX_SHARDS = 100_000;
  private static final int MAX_RANK = 8;

  /** The position of a tensor. {@code type} is a {@code DataType} of types.proto. */
  record Entry(
      String name,
      int type,
      long[] shape,
      int shard,
      long offset,
      long size,
      int crc,
      boolean sliced) {
    /** The number format; null if it is not a float type. */
    Dtype dtype() {
      return switch (type) {
        case 1 -> Dtype.F32;
        case 2 -> Dtype.F64;
        case 14 -> Dtype.BF16;
        case 19 -> Dtype.F16;
        default -> null;
      };
    }
  }

  private final String index;
  private final Map<String, Entry> entries = new TreeMap<>();
  private final Map<Integer, DataFile> shards = new HashMap<>();
  private int shardCount = -1;
  private ByteOrder order;

  /**
   * Reads the entries of an index whose names {@code wanted} accepts. No file stays open until
   * {@link #openShards}.
   *
   * @throws ElmoException if it is damaged or not an index
   */
  TensorFlowBundle(Path file, Predicate<String> wanted) {
    index = file.toString();
    try (DataFile data = DataFile.open(file)) {
      if (!TensorFlowTable.is(data)) {
        throw TensorFlowTable.damage("the index of a TensorFlow checkpoint", "another file");
      }
      TensorFlowTable.read(
          data,
          (key, value) -> {
            if (shardCount < 0) {
              if (key.length != 0) {
                throw TensorFlowTable.damage("a header before the tensors", "none");
              }
              readHeader(value);
              return;
            }
            String name = new String(key, StandardCharsets.UTF_8);
            if (wanted.test(name)) {
              entries.put(name, readEntry(name, value));
            }
          });
      if (shardCount < 0) {
        throw TensorFlowTable.damage("a header", "an empty table");
      }
    } catch (ElmoException e) {
      throw new ElmoException(index + ": " + e.getMessage(), e);
    } catch (IOException e) {
      throw new ElmoException(
          index + ": expected the index of a TensorFlow checkpoint, found " + FoundFile.reason(e),
          e);
    }
  }

  /** BundleHeaderProto: 1 num_shards, 2 endianness (1 big), 3 version. */
  private void readHeader(byte[] bytes) throws IOException {
    CodedInputStream in = CodedInputStream.newInstance(bytes);
    int endianness = 0;
    shardCount = 0;
    for (int tag; (tag = in.readTag()) != 0; ) {
      switch (tag) {
        case 1 << 3 -> shardCount = in.readInt32();
        case 2 << 3 -> endianness = in.readInt32();
        default -> in.skipField(tag);
      }
    }
    if (shardCount < 1 || shardCount > MAX_SHARDS) {
      throw TensorFlowTable.damage("1 to " + MAX_SHARDS + " data files", shardCount);
    }
    if (endianness != 0 && endianness != 1) {
      throw TensorFlowTable.damage("endianness 0 or 1", endianness);
    }
    order = endianness == 0 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
  }

  /** BundleEntryProto. */
  private static Entry readEntry(String name, byte[] bytes) throws IOException {
    CodedInputStream in = CodedInputStream.newInstance(bytes);
    int type = 0;
    List<Long> shape = new ArrayList<>();
    int shard = 0;
    long offset = 0;
    long size = 0;
    int crc = 0;
    boolean sliced = false;
    for (int tag; (tag = in.readTag()) != 0; ) {
      switch (tag) {
        case 1 << 3 -> type = in.readInt32();
        case 2 << 3 | WireFormat.WIRETYPE_LENGTH_DELIMITED -> readShape(in, shape);
        case 3 << 3 -> shard = in.readInt32();
        case 4 << 3 -> offset = in.readInt64();
        case 5 << 3 -> size = in.readInt64();
        case 6 << 3 | WireFormat.WIRETYPE_FIXED32 -> crc = in.readFixed32();
        case 7 << 3 | WireFormat.WIRETYPE_LENGTH_DELIMITED -> {
          sliced = true;
          in.skipField(tag);
        }
        default -> in.skipField(tag);
      }
    }
    long[] dims = shape.stream().mapToLong(n -> n).toArray();
    return new Entry(name, type, dims, shard, offset, size, crc, sliced);
  }

  /** TensorShapeProto: 2 dim, each 1 size. */
  private static void readShape(CodedInputStream in, List<Long> shape) throws IOException {
    int end = in.pushLimit(in.readRawVarint32());
    for (int tag; (tag = in.readTag()) != 0; ) {
      if (tag != (2 << 3 | WireFormat.WIRETYPE_LENGTH_DELIMITED)) {
        in.skipField(tag);
        continue;
      }
      int dimEnd = in.pushLimit(in.readRawVarint32());
      long n = 0;
      for (int inner; (inner = in.readTag()) != 0; ) {
        if (inner == 1 << 3) {
          n = in.readInt64();
        } else {
          in.skipField(inner);
        }
      }
      in.popLimit(dimEnd);
      if (shape.size() == MAX_RANK) {
        throw TensorFlowTable.damage("at most " + MAX_RANK + " dimensions", "more");
      }
      shape.add(n);
    }
    in.popLimit(end);
  }

  /** The accepted tensors by name. */
  Map<String, Entry> entries() {
    return entries;
  }

  /**
   * Opens the data files of these tensors, and checks that each tensor holds floats, lies within
   * its file, and does not overlap another.
   *
   * @throws ElmoException if one does not; the message names the first
   */
  void openShards(Iterable<Entry> tensors) {
    List<Entry> sorted = new ArrayList<>();
    tensors.forEach(sorted::add);
    sorted.sort(Comparator.comparingInt(Entry::shard).thenComparingLong(Entry::offset));
    Entry before = null;
    for (Entry entry : sorted) {
      check(entry);
      if (before != null
          && before.shard == entry.shard
          && before.offset + before.size > entry.offset) {
        throw bad(
            entry,
            "data of its own",
            "bytes from " + entry.offset + " on that belong to " + before.name + " too");
      }
      before = entry;
    }
  }

  private void check(Entry entry) {
    Dtype dtype = entry.dtype();
    if (dtype == null) {
      throw bad(entry, "floats (type 1, 2, 14 or 19)", "type " + entry.type);
    }
    if (entry.sliced) {
      throw bad(entry, "one piece", "slices of a partitioned variable");
    }
    long count = 1;
    for (long n : entry.shape) {
      count = n >= 1 && n <= ModelOptions.MAX_NUMBERS / count ? count * n : Long.MAX_VALUE / 16;
    }
    if (count > ModelOptions.MAX_NUMBERS) {
      throw bad(
          entry,
          "a shape of 1 to " + ModelOptions.MAX_NUMBERS + " numbers",
          Arrays.toString(entry.shape));
    }
    if (entry.size != count * dtype.bytes()) {
      throw bad(entry, count * dtype.bytes() + " bytes", String.valueOf(entry.size));
    }
    if (entry.shard < 0 || entry.shard >= shardCount) {
      throw bad(entry, "a data file of 0 to " + (shardCount - 1), String.valueOf(entry.shard));
    }
    long fileSize = shards.computeIfAbsent(entry.shard, this::openShard).size();
    if (entry.offset < 0 || entry.offset > fileSize - entry.size) {
      throw bad(
          entry,
          entry.size + " bytes at " + entry.offset,
          shardName(entry.shard) + " of " + fileSize + " bytes");
    }
  }

  private DataFile openShard(int shard) {
    try {
      return DataFile.open(Path.of(shardName(shard)));
    } catch (IOException e) {
      throw new ElmoException(
          index
              + ": expected a readable file "
              + shardName(shard)
              + ", found "
              + FoundFile.reason(e),
          e);
    }
  }

  private String shardName(int shard) {
    if (!index.endsWith(INDEX)) {
      throw new ElmoException(
          index
              + ": expected a name that ends in "
              + INDEX
              + ", from which those of the data follow");
    }
    String prefix = index.substring(0, index.length() - INDEX.length());
    // ASCII digits, whatever the locale.
    return String.format(Locale.ROOT, "%s.data-%05d-of-%05d", prefix, shard, shardCount);
  }

  private ElmoException bad(Entry entry, String expected, String found) {
    return new ElmoException(
        index
            + ": tensor "
            + Json.brief(entry.name)
            + ": expected "
            + expected
            + ", found "
            + found);
  }

  /**
   * Reads all numbers of a tensor that {@link #openShards} has checked.
   *
   * @throws ElmoException if they do not match the checksum
   */
  void read(Entry entry, FloatBuffer target) {
    CRC32C crc = new CRC32C();
    try {
      shards
          .get(entry.shard)
          .forEachPiece(
              entry.offset,
              entry.offset + entry.size,
              piece -> {
                crc.update(piece.duplicate());
                entry.dtype().decode(piece.order(order), target);
              });
      TensorFlowTable.checkCrc("its bytes in " + shardName(entry.shard), entry.crc, crc);
    } catch (IOException e) {
      throw bad(entry, "its values", FoundFile.reason(e));
    } catch (ElmoException e) {
      throw new ElmoException(
          index + ": tensor " + Json.brief(entry.name) + ": " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    shards.values().forEach(DataFile::close);
    shards.clear();
  }
}
