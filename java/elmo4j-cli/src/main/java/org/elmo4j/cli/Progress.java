// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.PrintWriter;
import java.util.Locale;

/** One line on a terminal that says how far a long run is. For one thread. */
final class Progress implements AutoCloseable {
  private static final long SECOND = 1_000_000_000;

  private final StatusLine line;
  private final long totalBytes;
  private final long start = System.nanoTime();
  private long shown = start + SECOND; // Nothing is shown in the first second.
  private long tokens;

  /**
   * @param out the terminal; null to be silent
   * @param totalBytes of the input; 0 where nobody knows
   */
  Progress(PrintWriter out, long totalBytes) {
    line = out == null ? null : new StatusLine(out);
    this.totalBytes = totalBytes;
  }

  /** Counts tokens that are done, those of the input's first {@code bytesDone} bytes. */
  void add(long newTokens, long bytesDone) {
    tokens += newTokens;
    long now = System.nanoTime();
    if (line == null || now - shown < SECOND / 5) {
      return;
    }
    shown = now;
    line.show(
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
    long left = Math.round(seconds / done - seconds);
    return String.format(
        Locale.ROOT,
        "%s  %s, %d:%02d:%02d left",
        StatusLine.bar(done),
        speed,
        left / 3600,
        left / 60 % 60,
        left % 60);
  }

  /** Clears the line. */
  @Override
  public void close() {
    if (line != null) {
      line.clear();
    }
  }
}
