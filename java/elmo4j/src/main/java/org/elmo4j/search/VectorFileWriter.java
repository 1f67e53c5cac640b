// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.search;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.ChannelWriter;
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
  private final ChannelWriter vectors;
  private final Column sentences;
  private final Column textEnds;
  private final Column tokens;
  private final Column texts;
  private long count;

  /** A temporary file of values that follow the vectors in the file. */
  private record Column(AtomicFile file, ChannelWriter out) {
    Column(AtomicFile file) throws IOException {
      this(file, new ChannelWriter(file));
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
      vectors = new ChannelWriter(file);
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
    vectors.floats(FloatBuffer.wrap(VectorFile.unit(vector)));
    texts.out.write(text.getBytes(StandardCharsets.UTF_8));
    sentences.out.longs(sentence);
    textEnds.out.longs(texts.out.position());
    tokens.out.ints(token);
    count++;
  }

  /** Completes the file, moves it to its place, and returns how many rows it has. */
  long finish() throws IOException {
    FileChannel channel = file.channel();
    for (Column column : new Column[] {sentences, textEnds, tokens, texts}) {
      column.out.flush();
      vectors.copy(column.file.channel(), column.out.position());
    }
    channel.position(0);
    AtomicFile.writeAll(channel, header(count, texts.out.position(), headerBytes));
    file.commit();
    return count;
  }

  /** Releases everything. A file that was not finished is deleted. */
  @Override
  public void close() throws IOException {
    file.close();
  }
}
