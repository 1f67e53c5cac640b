// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.search;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.weights.SafetensorsHeader;

/**
 * Writes the files that {@link VectorFile} reads, row by row. Memory does not grow with the number
 * of rows: vectors are written to their place at once, and what follows them in the file waits in
 * temporary files. Not thread-safe.
 */
final class VectorFileWriter implements Closeable {
  static final String FORMAT = "elmo4j-vectors";
  static final String VERSION = "1";
  static final String VECTORS = "vectors";
  static final String SENTENCES = "sentences";
  static final String TEXT_ENDS = "text_ends";
  static final String TOKENS = "tokens";
  static final String TEXTS = "texts";

  /**
   * More rows than any file has. The space reserved for the header fits a header with this number.
   */
  private static final long MOST = 1L << 40;

  private final AtomicFile file;
  private final VectorRows rows;
  private final int headerBytes;
  private final Column vectors;
  private final Column sentences;
  private final Column textEnds;
  private final Column tokens;
  private final Column texts;
  private long count;

  /** A buffer for writing to a file. */
  private static final class Column {
    private final FileChannel channel;
    private final ByteBuffer buffer =
        ByteBuffer.allocateDirect(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    private long bytes;

    Column(FileChannel channel) {
      this.channel = channel;
    }

    private ByteBuffer room(int size) throws IOException {
      if (buffer.remaining() < size) {
        flush();
      }
      bytes += size;
      return buffer;
    }

    void put(byte[] all) throws IOException {
      for (int at = 0; at < all.length; ) {
        int step = Math.min(all.length - at, buffer.capacity());
        room(step).put(all, at, step);
        at += step;
      }
    }

    void flush() throws IOException {
      AtomicFile.writeAll(channel, buffer.flip());
      buffer.clear();
    }

    void copyTo(FileChannel target) throws IOException {
      flush();
      for (long at = 0; at < bytes; ) {
        at += channel.transferTo(at, bytes - at, target);
      }
    }
  }

  /**
   * Begins a file.
   *
   * @throws org.elmo4j.ElmoException if it cannot be written there
   */
  VectorFileWriter(Path target, VectorRows rows) throws IOException {
    this.rows = rows;
    file = AtomicFile.create(target);
    try {
      headerBytes = header(MOST, MOST, 0).remaining();
      file.channel().position(headerBytes);
      vectors = new Column(file.channel());
      sentences = new Column(file.spool());
      textEnds = new Column(file.spool());
      tokens = new Column(file.spool());
      texts = new Column(file.spool());
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private ByteBuffer header(long count, long textBytes, int atLeast) {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("format", FORMAT);
    metadata.put("format_version", VERSION);
    metadata.put("model", rows.model());
    metadata.put("layer", rows.layer());
    metadata.put("pool", rows.pool());
    metadata.put("word", rows.word());
    metadata.put("corpus", rows.corpus());
    SafetensorsHeader.Plan plan =
        new SafetensorsHeader.Plan()
            .add(VECTORS, "F32", Float.BYTES, count, rows.dim())
            .add(SENTENCES, "I64", Long.BYTES, count)
            .add(TEXT_ENDS, "I64", Long.BYTES, count)
            .add(TOKENS, "I32", Integer.BYTES, count)
            .add(TEXTS, "U8", 1, textBytes);
    return SafetensorsHeader.write(metadata, plan, atLeast);
  }

  /**
   * Adds a row.
   *
   * @param vector the numbers; the row gets them scaled to length 1, or zeros if all are zero
   * @param sentence the number of the sentence in the text
   * @param token the position of the token in the sentence; -1 for the sentence
   */
  void add(float[] vector, long sentence, int token, String text) throws IOException {
    for (float value : VectorFile.unit(vector)) {
      vectors.room(Float.BYTES).putFloat(value);
    }
    texts.put(text.getBytes(StandardCharsets.UTF_8));
    sentences.room(Long.BYTES).putLong(sentence);
    textEnds.room(Long.BYTES).putLong(texts.bytes);
    tokens.room(Integer.BYTES).putInt(token);
    count++;
  }

  /** Completes the file, moves it to its place, and returns how many rows it has. */
  long finish() throws IOException {
    FileChannel channel = file.channel();
    vectors.flush();
    for (Column column : new Column[] {sentences, textEnds, tokens, texts}) {
      column.copyTo(channel);
    }
    channel.position(0);
    AtomicFile.writeAll(channel, header(count, texts.bytes, headerBytes));
    file.commit();
    return count;
  }

  /** Releases everything. A file that was not finished is deleted. */
  @Override
  public void close() throws IOException {
    file.close();
  }
}
