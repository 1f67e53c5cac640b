// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.PrintWriter;
import java.util.Locale;

/** One line on a terminal that says how far a long run is. For one thread. */
final class Progress implements AutoCloseable {
  private static final long SECOND = 1_000_000_000;

  private final PrintWriter out;
  private final long totalBytes;
  private final long start = System.nanoTime();
  private long shown = start + SECOND; // Nothing is shown in the first second.
  private int width;
  private long tokens;

  /**
   * @param out the terminal; null to be silent
   * @param totalBytes of the input; 0 where nobody knows
   */
  Progress(PrintWriter out, long totalBytes) {
    this.out = out;
    this.totalBytes = totalBytes;
  }

  /** Counts tokens that are done, those of the input's first {@code bytesDone} bytes. */
  void add(long newTokens, long bytesDone) {
    tokens += newTokens;
    long now = System.nanoTime();
    if (out == null || now - shown < SECOND / 5) {
      return;
    }
    shown = now;
    show(
        text(
            (now - start) / (double) SECOND,
            tokens,
            totalBytes == 0 ? 0 : bytesDone / (double) totalBytes));
  }

  static String text(double seconds, long tokens, double share) {
    String speed =
        String.format(Locale.ROOT, "%,d tokens, %,.0f tokens/s", tokens, tokens / seconds);
    if (share <= 0) {
      return speed;
    }
    double done = Math.min(1, share);
    int filled = (int) (20 * done);
    long left = Math.round(seconds / done - seconds);
    return String.format(
        Locale.ROOT,
        "[%s%s] %3.0f%%  %s, %d:%02d:%02d left",
        "#".repeat(filled),
        "-".repeat(20 - filled),
        100 * done,
        speed,
        left / 3600,
        left / 60 % 60,
        left % 60);
  }

  private void show(String text) {
    out.print("\r" + text + " ".repeat(Math.max(0, width - text.length())));
    out.flush();
    width = text.length();
  }

  /** Clears the line. */
  @Override
  public void close() {
    if (width > 0) {
      show("");
      out.print("\r");
      out.flush();
    }
  }
}
