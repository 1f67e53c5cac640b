// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Passes on UTF-8 for a terminal and escapes the characters that would control it, with the escapes
 * of Java and JSON such as {@code \u001b}: control characters except tab and line feed, characters
 * that change the direction of text, line and paragraph separators, and byte order marks. Not
 * thread-safe.
 */
final class EscapedStream extends FilterOutputStream {
  private final byte[] character = new byte[4];
  private int length; // bytes received of the current character

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

  /** Returns a text as one line: tabs and line feeds are escaped too. */
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
