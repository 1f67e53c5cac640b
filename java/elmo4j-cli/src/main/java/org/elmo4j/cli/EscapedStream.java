// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * UTF-8 on its way to a person. Characters that a terminal obeys, rather than shows, are written as
 * the escapes of Java and JSON, such as {@code \u001b}: control characters but for tab and line
 * feed, what changes the direction of text, and separators of lines. Not thread-safe.
 */
final class EscapedStream extends FilterOutputStream {
  private final byte[] character = new byte[4];
  private int length; // bytes of a character that is not complete

  EscapedStream(OutputStream out) {
    super(out);
  }

  @Override
  public void write(int b) throws IOException {
    character[length++] = (byte) b;
    if (length < size(character[0])) {
      return;
    }
    String text = new String(character, 0, length, StandardCharsets.UTF_8);
    if (b != '\n' && b != '\t' && isObeyed(text.codePointAt(0))) {
      out.write(escape(text).getBytes(StandardCharsets.UTF_8));
    } else {
      out.write(character, 0, length);
    }
    length = 0;
  }

  private static int size(byte first) {
    int bits = first & 0xff;
    return bits < 0xc0 ? 1 : bits < 0xe0 ? 2 : bits < 0xf0 ? 3 : 4;
  }

  /** A text of one line, its tabs and line feeds escaped too. */
  static String escape(String text) {
    StringBuilder shown = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (isObeyed(c)) {
        shown.append(
            switch (c) {
              case '\n' -> "\\n";
              case '\r' -> "\\r";
              case '\t' -> "\\t";
              default -> String.format(Locale.ROOT, "\\u%04x", (int) c);
            });
      } else {
        shown.append(c);
      }
    }
    return shown.toString();
  }

  private static boolean isObeyed(int c) {
    return Character.isISOControl(c)
        || c == 0x061c
        || c == 0x200e
        || c == 0x200f
        || (c >= 0x2028 && c <= 0x202e)
        || (c >= 0x2066 && c <= 0x2069)
        || c == 0xfeff;
  }
}
