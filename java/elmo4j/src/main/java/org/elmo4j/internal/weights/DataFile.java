// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.weights.WeightStore;

/**
 * Reads the bytes of a file, or of memory, piece by piece. Files are read and not mapped for three
 * reasons: Java 17 cannot end a mapping, so its pages would stay in use until the garbage collector
 * finds it; a file that is truncated while it is mapped raises a signal, where a read throws; and
 * reading is faster.
 *
 * <p>All pieces pass through one direct buffer, so that the operating system writes to it without
 * another copy. The buffer is allocated at first use, and the garbage collector frees it. Not
 * thread-safe.
 */
final class DataFile implements AutoCloseable {
  /** The size of a piece: small enough to stay in the cache of a processor until it is decoded. */
  static final int PIECE = 128 << 10;

  /**
   * The beginning of a pointer file of Git LFS, and the largest size that its specification allows.
   */
  private static final byte[] POINTER =
      "version https://git-lfs.github.com/spec/".getBytes(StandardCharsets.US_ASCII);

  private static final int MAX_POINTER = 1024;

  private final FileChannel channel;
  private final ByteBuffer memory;
  private final long size;

  /** The buffer for the pieces; null before the first. */
  private ByteBuffer piece;

  private DataFile(FileChannel channel, ByteBuffer memory, long size) {
    this.channel = channel;
    this.memory = memory;
    this.size = size;
  }

  /**
   * Opens a file for reading.
   *
   * @throws ElmoException if it is a pointer file of Git LFS
   */
  static DataFile open(Path path) throws IOException {
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      // Opening a pipe would wait for its other end.
      throw new FileSystemException(path.toString(), null, "a pipe or device");
    }
    FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
    try {
      DataFile data = new DataFile(channel, null, channel.size());
      if (data.isPointer()) {
        throw pointer(path);
      }
      return data;
    } catch (IOException | ElmoException e) {
      channel.close();
      throw e;
    }
  }

  /** Whether a file is a pointer that Git LFS left because it did not fetch the file itself. */
  static boolean isPointer(Path path) throws IOException {
    if (!Files.isRegularFile(path)) {
      return false; // Opening a pipe would wait for its other end.
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return new DataFile(channel, null, channel.size()).isPointer();
    }
  }

  private boolean isPointer() throws IOException {
    byte[] head = new byte[size <= MAX_POINTER ? (int) size : 0];
    read(0, ByteBuffer.wrap(head));
    return isPointer(head);
  }

  static boolean isPointer(byte[] bytes) {
    return bytes.length <= MAX_POINTER
        && bytes.length >= POINTER.length
        && Arrays.equals(bytes, 0, POINTER.length, POINTER, 0, POINTER.length);
  }

  /** Makes the exception for a pointer file. */
  static ElmoException pointer(Path path) {
    return new ElmoException(
        path
            + ": expected a model's file, found a Git LFS pointer in its place: git lfs pull"
            + " fetches the file");
  }

  static DataFile of(ByteBuffer bytes) {
    return new DataFile(null, bytes.slice(), bytes.remaining());
  }

  /** The channel of the file; null if the bytes are in memory. */
  FileChannel channel() {
    return channel;
  }

  long size() {
    return size;
  }

  /** Fills {@code target} with the bytes from {@code position} on, and flips it for reading. */
  void read(long position, ByteBuffer target) throws IOException {
    check(position, target.remaining());
    if (memory != null) {
      target.put(memory.slice((int) position, target.remaining()));
    } else {
      for (long at = position; target.hasRemaining(); ) {
        int n = channel.read(target, at);
        if (n < 0) {
          throw new EOFException("the file ended at " + at + " of " + size);
        }
        at += n;
      }
    }
    target.flip();
  }

  private void check(long position, long count) throws EOFException {
    if (position < 0 || count > size - position) {
      throw new EOFException("no " + count + " bytes at " + position + " of " + size);
    }
  }

  /** A stream of the bytes from {@code position} on. Closing it has no effect. */
  InputStream stream(long position) {
    return stream(position, size);
  }

  /** Like {@link #stream(long)}, up to {@code end}. */
  InputStream stream(long position, long end) {
    return new InputStream() {
      private long at = position;

      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
      }

      @Override
      public int read(byte[] target, int offset, int length) throws IOException {
        int count = (int) Math.min(length, end - at);
        if (count <= 0) {
          return length == 0 ? 0 : -1;
        }
        DataFile.this.read(at, ByteBuffer.wrap(target, offset, count).slice());
        at += count;
        return count;
      }
    };
  }

  /**
   * Calls an action with each piece of the bytes from {@code position} to {@code end}. A piece is
   * valid until the action returns. The action must not use this object.
   */
  void forEachPiece(long position, long end, Piece action) throws IOException {
    check(position, end - position);
    if (piece == null) {
      piece = ByteBuffer.allocateDirect((int) Math.min(PIECE, size));
    }
    for (long at = position; at < end; at += piece.limit()) {
      piece.clear().limit((int) Math.min(piece.capacity(), end - at));
      read(at, piece);
      action.take(piece);
    }
  }

  /** Processes a piece. */
  interface Piece {
    void take(ByteBuffer piece);
  }

  /**
   * Implements {@link WeightStore#read} for a tensor whose numbers lie in one contiguous range,
   * row-major.
   */
  void readTensor(
      WeightStore store,
      String name,
      long position,
      Dtype dtype,
      ByteOrder order,
      FloatBuffer target) {
    int count = Tensors.room(store, name, target);
    int start = target.position();
    try {
      forEachPiece(
          position,
          position + (long) count * dtype.bytes(),
          piece -> {
            int from = target.position();
            boolean finite = dtype.areFinite(piece.order(order));
            dtype.decode(piece, target);
            if (!finite) {
              int n = target.position() - from;
              Tensors.checkFinite(store, name, target, from, n, from - start);
            }
          });
    } catch (IOException e) {
      throw new ElmoException(
          store.source()
              + ": tensor "
              + name
              + ": expected its values, found "
              + FoundFile.reason(e),
          e);
    }
  }

  @Override
  public void close() {
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        // The file was only read, so a failure to close it loses nothing.
      }
    }
  }
}
