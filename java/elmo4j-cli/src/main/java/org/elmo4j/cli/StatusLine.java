// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.PrintWriter;
import java.util.Locale;

/** One line on a terminal that is written over and over. For one thread. */
final class StatusLine {
  private final PrintWriter out;
  private int width;

  StatusLine(PrintWriter out) {
    this.out = out;
  }

  void show(String line) {
    String text = EscapedStream.escape(line);
    out.print("\r" + text + " ".repeat(Math.max(0, width - text.length())));
    out.flush();
    width = text.length();
  }

  void clear() {
    if (width > 0) {
      show("");
      out.print("\r");
      out.flush();
    }
  }

  /** A bar of twenty characters and a percentage; {@code done} is a share of 1. */
  static String bar(double done) {
    int filled = (int) (20 * done);
    return String.format(
        Locale.ROOT, "[%s%s] %3.0f%%", "#".repeat(filled), "-".repeat(20 - filled), 100 * done);
  }
}
