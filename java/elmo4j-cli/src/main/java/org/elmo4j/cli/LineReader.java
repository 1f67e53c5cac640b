// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;

/**
 * Reads lines of UTF-8, which end with a line feed, or a carriage return and a line feed. A byte
 * order mark at the start is skipped. Bytes that are not UTF-8 cause an error that names the line.
 * Not thread-safe.
 */
final class LineReader implements Closeable {
  private static final int MAX_LINE_BYTES = 1 << 28;

  /**
   * After this many characters, a piece of running text ends at the next blank line; without a
   * blank line it ends after 64 times as many.
   */
  private static final int PIECE_CHARACTERS = 1 << 14;

  private static final String COMMAND_LINE = "the command line";

  private final String source;
  private final InputStream in;
  private final byte[] buffer = new byte[1 << 16];
  private int position;
  private int limit;
  private byte[] line = new byte[1 << 10];
  private long lines;
  private long bytes;

  /** Lines to return before the stream: sentences of the command line, or lines read ahead. */
  private final Deque<String> before = new ArrayDeque<>();

  /** Reads texts that are independent: no sentence continues in the next text. */
  LineReader(List<String> texts) {
    this(COMMAND_LINE, InputStream.nullInputStream());
    before.addAll(texts);
  }

  /**
   * @param source the file's name, for messages
   * @param in the source of the bytes, which this reader closes
   */
  LineReader(String source, InputStream in) {
    this.source = source;
    this.in = in;
  }

  /** Opens a file. */
  static LineReader open(Path file) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(file.toString());
    }
    if (Files.isDirectory(file)) {
      throw new ElmoException(file + ": expected a file, found a folder");
    }
    return new LineReader(file.toString(), Files.newInputStream(file));
  }

  /** The name of the source in messages. */
  String source() {
    return source;
  }

  /** The file and the number of the last line read, for messages. */
  String where() {
    return source + ", line " + Math.max(1, lines - before.size());
  }

  /** Returns at most {@code most} of the next lines without consuming them. */
  List<String> head(int most) throws IOException {
    List<String> head = new ArrayList<>();
    while (head.size() < most) {
      String line = next();
      if (line == null) {
        break;
      }
      head.add(line);
    }
    for (int i = head.size() - 1; i >= 0; i--) {
      before.addFirst(head.get(i));
    }
    return head;
  }

  /** The number of bytes of the lines read so far. */
  long bytes() {
    return bytes;
  }

  /**
   * Returns the next line without its end, or null if there is none.
   *
   * @throws ElmoException if the line is not UTF-8 or is longer than 256 MiB
   */
  String next() throws IOException {
    String waiting = before.poll();
    if (waiting != null) {
      int end = waiting.indexOf('\n');
      if (end >= 0 && end + 1 < waiting.length()) {
        before.addFirst(waiting.substring(end + 1));
      }
      return end < 0 ? waiting : waiting.substring(0, end);
    }
    int length = 0;
    boolean ended = false;
    while (!ended) {
      if (position == limit) {
        limit = Math.max(0, fill());
        position = 0;
        if (limit == 0) {
          break;
        }
      }
      int end = position;
      while (end < limit && buffer[end] != '\n') {
        end++;
      }
      int step = end - position;
      if (length + step > MAX_LINE_BYTES) {
        throw new ElmoException(
            source + ", line " + (lines + 1) + ": expected a line of at most 256 MiB, found more");
      }
      if (length + step > line.length) {
        line = Arrays.copyOf(line, Math.max(length + step, 2 * line.length));
      }
      System.arraycopy(buffer, position, line, length, step);
      length += step;
      ended = end < limit;
      position = ended ? end + 1 : end;
    }
    if (length == 0 && !ended) {
      return null;
    }
    bytes += length + 1L;
    int start = lines == 0 && isMark(length) ? 3 : 0;
    if (start == length && !ended) {
      return null; // a byte order mark and nothing else
    }
    if (length > start && line[length - 1] == '\r') {
      length--;
    }
    String text = decode(start, length - start);
    lines++;
    return text;
  }

  /**
   * Returns the lines as characters, with a line feed after each. Closing it closes this reader.
   */
  Reader reader() {
    return new Reader() {
      private String line = "";
      private int at;

      @Override
      public int read(char[] to, int from, int count) throws IOException {
        if (at == line.length()) {
          String next = next();
          if (next == null) {
            return -1;
          }
          line = next + "\n";
          at = 0;
        }
        int some = Math.min(count, line.length() - at);
        line.getChars(at, at + some, to, from);
        at += some;
        return some;
      }

      @Override
      public void close() throws IOException {
        LineReader.this.close();
      }
    };
  }

  private boolean isMark(int length) {
    return length >= 3 && line[0] == -17 && line[1] == -69 && line[2] == -65;
  }

  private int fill() throws IOException {
    try {
      int read = in.read(buffer);
      String kind = bytes == 0 && lines == 0 && read > 0 ? FoundFile.kind(buffer, read) : null;
      if (kind != null) {
        throw new ElmoException(source + ": expected UTF-8 text, found " + kind);
      }
      return read;
    } catch (IOException e) {
      throw new IOException(source + ": " + e.getMessage(), e);
    }
  }

  /**
   * Returns the next lines of running text, each with its end, or null at the end. It returns many
   * lines, so that sentences across lines stay whole, but not all, so that memory does not grow
   * with the text.
   *
   * @throws ElmoException like {@link #next}
   */
  String nextText() throws IOException {
    StringBuilder text = new StringBuilder();
    if (source.equals(COMMAND_LINE) && !before.isEmpty()) {
      return before.poll() + "\n";
    }
    for (String next; (next = next()) != null; ) {
      text.append(next).append('\n');
      // A sentence does not go on after a blank line.
      if (text.length() >= (next.isBlank() ? PIECE_CHARACTERS : 64 * PIECE_CHARACTERS)) {
        break;
      }
    }
    return text.isEmpty() ? null : text.toString();
  }

  private String decode(int start, int length) {
    ByteBuffer encoded = ByteBuffer.wrap(line, start, length);
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .decode(encoded)
          .toString();
    } catch (CharacterCodingException e) {
      int at = encoded.position();
      throw new ElmoException(
          String.format(
              Locale.ROOT,
              "%s: expected UTF-8, found byte 0x%02x at byte %d of the line",
              source + ", line " + (lines + 1),
              line[at],
              at + 1),
          e);
    }
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
