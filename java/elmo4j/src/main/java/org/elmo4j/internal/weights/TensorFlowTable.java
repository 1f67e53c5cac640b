// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import com.google.protobuf.CodedInputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32C;
import org.apache.commons.compress.compressors.snappy.SnappyCompressorInputStream;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.files.Library;

/**
 * Reads the sorted table of a checkpoint's index: LevelDB's file format (github.com/google/leveldb,
 * doc/table_format.md) with blocks that are raw or compressed with Snappy. The messages of its
 * exceptions lack the name of the file.
 */
final class TensorFlowTable {
  private static final long MAGIC = 0xdb4775248b80fb57L;
  private static final int FOOTER = 48;

  /** The bytes after each block: its type, and a checksum. */
  private static final int TRAILER = 5;

  /** Far above the index of any ELMo checkpoint, which has a few thousand bytes. */
  private static final long MAX_BYTES = 64L << 20;

  /** TensorFlow ends a block after 256 KiB. */
  private static final int MAX_BLOCK = 4 << 20;

  private static final int MAX_ENTRIES = 1 << 17;
  private static final int MAX_KEY = 1 << 12;

  /**
   * The most bytes of keys. A key is stored as its difference from the one before, so a few bytes
   * can expand to many.
   */
  private static final int MAX_KEY_BYTES = 1 << 24;

  /** Snappy's longest copy makes 64 bytes of 3. */
  private static final int MAX_SNAPPY_RATIO = 64;

  private final DataFile data;
  private long readUpTo;
  private long uncompressed;
  private int entries;
  private long keyBytes;
  private byte[] lastKey;

  private TensorFlowTable(DataFile data) {
    this.data = data;
  }

  /** Processes an entry. */
  interface Visitor {
    /** Receives a key and a value. It may keep both arrays. */
    void take(byte[] key, byte[] value) throws IOException;
  }

  /** Whether the file ends like a table. */
  static boolean is(DataFile data) throws IOException {
    if (data.size() < FOOTER) {
      return false;
    }
    ByteBuffer magic = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    data.read(data.size() - Long.BYTES, magic);
    return magic.getLong() == MAGIC;
  }

  /**
   * Reads and checks a file for which {@link #is} is true. Keys come in byte order. No byte of the
   * file is read twice, so its size limits the work.
   */
  static void read(DataFile data, Visitor visitor) throws IOException {
    if (data.size() > MAX_BYTES) {
      throw damage("a table of at most " + MAX_BYTES + " bytes", data.size());
    }
    ByteBuffer footer = ByteBuffer.allocate(FOOTER);
    data.read(data.size() - FOOTER, footer);
    CodedInputStream in = CodedInputStream.newInstance(footer.array(), 0, FOOTER - Long.BYTES);
    in.readRawVarint64(); // The metaindex block, which is empty.
    in.readRawVarint64();
    TensorFlowTable table = new TensorFlowTable(data);
    byte[] index = table.block(in);
    table.readUpTo = 0; // The index block comes last in the file.
    forEachEntry(
        index,
        (separator, handle) -> {
          byte[] block = table.block(CodedInputStream.newInstance(handle));
          forEachEntry(block, (key, value) -> table.take(key, value, visitor));
        });
  }

  /** Checks that keys rise strictly, which makes them unique, and passes the entry on. */
  private void take(byte[] key, byte[] value, Visitor visitor) throws IOException {
    if (lastKey != null && Arrays.compareUnsigned(lastKey, key) >= 0) {
      throw damage("keys in ascending order", name(key) + " after " + name(lastKey));
    }
    if (++entries > MAX_ENTRIES) {
      throw damage("at most " + MAX_ENTRIES + " entries", "more");
    }
    keyBytes += key.length;
    if (keyBytes > MAX_KEY_BYTES) {
      throw damage("at most " + MAX_KEY_BYTES + " bytes of names", "more");
    }
    lastKey = key;
    visitor.take(key, value);
  }

  private static String name(byte[] key) {
    return Json.brief(new String(key, StandardCharsets.UTF_8));
  }

  /**
   * The contents of the block whose position comes next in {@code handle}. It must lie after the
   * block before.
   */
  private byte[] block(CodedInputStream handle) throws IOException {
    long offset = handle.readRawVarint64();
    long size = handle.readRawVarint64();
    long end = data.size() - FOOTER;
    if (offset < 0 || size < 0 || offset > end || size > end - offset - TRAILER) {
      throw damage("a block within " + end + " bytes", size + " bytes at " + offset);
    }
    if (offset < readUpTo) {
      throw damage("a block from byte " + readUpTo + " on, behind the one before", offset);
    }
    readUpTo = offset + size + TRAILER;
    if (size > MAX_BLOCK) {
      throw damage("a block of at most " + MAX_BLOCK + " bytes", size);
    }
    ByteBuffer bytes = ByteBuffer.allocate((int) size + TRAILER).order(ByteOrder.LITTLE_ENDIAN);
    data.read(offset, bytes);
    CRC32C crc = new CRC32C();
    crc.update(bytes.array(), 0, (int) size + 1);
    checkCrc("the block at " + offset, bytes.getInt((int) size + 1), crc);
    byte type = bytes.get((int) size);
    byte[] block = Arrays.copyOf(bytes.array(), (int) size);
    switch (type) {
      case 0:
        return block;
      case 1:
        return uncompress(block);
      default:
        throw damage("a block of type 0 or 1 at " + offset, type);
    }
  }

  private byte[] uncompress(byte[] block) throws IOException {
    long size = CodedInputStream.newInstance(block).readRawVarint64();
    if (size < 0 || size > (long) MAX_SNAPPY_RATIO * block.length) {
      throw damage("at most " + MAX_SNAPPY_RATIO + " bytes for each compressed one", size);
    }
    uncompressed += size;
    if (size > MAX_BLOCK || uncompressed > MAX_BYTES) {
      throw damage(
          "uncompressed blocks of at most " + MAX_BLOCK + " bytes, " + MAX_BYTES + " in all", size);
    }
    Library.require("a block compressed with Snappy", Library.COMMONS_COMPRESS, Library.COMMONS_IO);
    // The second argument limits how far back a copy may reach: anywhere in the block.
    try (SnappyCompressorInputStream in =
        new SnappyCompressorInputStream(
            new ByteArrayInputStream(block), Math.max(1 << 16, (int) size))) {
      byte[] bytes = in.readAllBytes();
      if (bytes.length != size) {
        throw damage(size + " bytes of a compressed block", bytes.length);
      }
      return bytes;
    } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException e) {
      throw new ElmoException(
          "expected a block compressed with Snappy, found " + FoundFile.reason(e), e);
    }
  }

  /** Reads the entries of a block. The restart points at its end only serve searching. */
  private static void forEachEntry(byte[] block, Visitor visitor) throws IOException {
    long restarts =
        block.length < Integer.BYTES
            ? -1
            : ByteBuffer.wrap(block)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .getInt(block.length - Integer.BYTES)
                & 0xFFFFFFFFL;
    long end = block.length - (restarts + 1) * Integer.BYTES;
    if (restarts < 0 || end < 0) {
      throw damage("a block with its restart points", block.length + " bytes, " + restarts);
    }
    CodedInputStream in = CodedInputStream.newInstance(block, 0, (int) end);
    byte[] key = new byte[0];
    while (!in.isAtEnd()) {
      int shared = in.readRawVarint32();
      int added = in.readRawVarint32();
      int valueLength = in.readRawVarint32();
      long left = end - in.getTotalBytesRead();
      if (shared < 0
          || shared > key.length
          || added < 0
          || valueLength < 0
          || (long) shared + added > MAX_KEY
          || (long) added + valueLength > left) {
        throw damage(
            "an entry within " + left + " bytes", shared + ", " + added + ", " + valueLength);
      }
      key = Arrays.copyOf(key, shared + added);
      System.arraycopy(in.readRawBytes(added), 0, key, shared, added);
      visitor.take(key, in.readRawBytes(valueLength));
    }
  }

  /**
   * Compares a checksum with the stored one. Stored checksums are masked, so that a checksum of
   * data that contains checksums stays useful (leveldb's crc32c.h).
   */
  static void checkCrc(String what, int stored, CRC32C crc) {
    int found = Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
    if (found != stored) {
      throw damage(
          "checksum " + HexFormat.of().toHexDigits(stored) + " of " + what,
          HexFormat.of().toHexDigits(found));
    }
  }

  /** Makes an exception. The caller puts the name of the file in front of the message. */
  static ElmoException damage(String expected, Object found) {
    return new ElmoException("expected " + expected + ", found " + found);
  }
}
