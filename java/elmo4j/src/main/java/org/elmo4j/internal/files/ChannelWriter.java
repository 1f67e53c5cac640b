// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;

/**
 * Writes bytes and little-endian numbers to a channel through a buffer, and counts the bytes.
 * {@link #close} leaves the channel open. Not thread-safe.
 */
public final class ChannelWriter extends OutputStream {
  private final AtomicFile file; // null if the channel belongs to something else
  private final WritableByteChannel channel;
  private final ByteBuffer buffer =
      ByteBuffer.allocateDirect(1 << 18).order(ByteOrder.LITTLE_ENDIAN);
  private long flushed;

  /** Writes to a channel, which belongs to the caller. */
  public ChannelWriter(WritableByteChannel channel) {
    this.file = null;
    this.channel = channel;
  }

  /** Writes to the channel of a file. If that fails, the exception names the file or its folder. */
  public ChannelWriter(AtomicFile file) throws IOException {
    this.file = file;
    this.channel = file.channel();
  }

  /** The number of bytes written so far, including those in the buffer. */
  public long position() {
    return flushed + buffer.position();
  }

  /**
   * Returns the buffer with room for at least {@code bytes}, at most 256 KiB. The bytes that the
   * caller puts there will be written.
   */
  private ByteBuffer room(int bytes) throws IOException {
    if (buffer.remaining() < bytes) {
      flush();
    }
    return buffer;
  }

  @Override
  public void write(int value) throws IOException {
    room(1).put((byte) value);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    for (int done = 0; done < length; ) {
      int step = Math.min(length - done, room(1).remaining());
      buffer.put(bytes, offset + done, step);
      done += step;
    }
  }

  /** Writes the low 16 bits of each value. */
  public ChannelWriter shorts(int... values) throws IOException {
    for (int value : values) {
      room(2).putShort((short) value);
    }
    return this;
  }

  /** Writes 32-bit values. */
  public ChannelWriter ints(int... values) throws IOException {
    for (int value : values) {
      room(4).putInt(value);
    }
    return this;
  }

  /** Writes 64-bit values. */
  public ChannelWriter longs(long... values) throws IOException {
    for (long value : values) {
      room(8).putLong(value);
    }
    return this;
  }

  /** Writes the low 8 bits of each value. */
  public ChannelWriter bytes(int... values) throws IOException {
    for (int value : values) {
      write(value);
    }
    return this;
  }

  /** Writes this many zero bytes. */
  public ChannelWriter zeros(long count) throws IOException {
    for (long i = 0; i < count; i++) {
      write(0);
    }
    return this;
  }

  /** Writes zeros up to the next multiple of eight bytes. */
  public ChannelWriter align() throws IOException {
    return zeros(-position() & 7);
  }

  /** Writes the remaining values of a buffer. */
  public void floats(FloatBuffer values) throws IOException {
    while (values.hasRemaining()) {
      room(Float.BYTES);
      int step = Math.min(values.remaining(), buffer.remaining() / Float.BYTES);
      buffer.asFloatBuffer().put(values.slice(values.position(), step));
      buffer.position(buffer.position() + step * Float.BYTES);
      values.position(values.position() + step);
    }
  }

  /** Copies the first {@code bytes} of another file. */
  public void copy(FileChannel source, long bytes) throws IOException {
    flush();
    for (long done = 0; done < bytes; ) {
      long step;
      try {
        step = source.transferTo(done, bytes - done, channel);
      } catch (IOException e) {
        throw failure(e);
      }
      done += step;
      flushed += step;
    }
  }

  private IOException failure(IOException e) {
    if (file != null) {
      throw file.unwritable(e);
    }
    return e;
  }

  @Override
  public void flush() throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      try {
        flushed += channel.write(buffer);
      } catch (IOException e) {
        throw failure(e);
      }
    }
    buffer.clear();
  }

  /** Flushes. The channel stays open; its owner closes it. */
  @Override
  public void close() throws IOException {
    flush();
  }
}
