// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.DoubleFunction;
import org.elmo4j.hub.ModelHub;

/**
 * One line on a terminal, written over and over, that says how far a long run is. Not thread-safe.
 */
final class Progress implements AutoCloseable {
  private static final double SECOND = 1e9;

  /** A file of fewer bytes comes silently. */
  private static final long SMALL = 1 << 20;

  private final PrintWriter terminal;
  private final long start = System.nanoTime();
  private double shown = 1 - 0.2; // Nothing is shown in the first second.
  private int width;

  /**
   * @param terminal null to be silent
   */
  Progress(PrintWriter terminal) {
    this.terminal = terminal;
  }

  /**
   * Shows where it is, at most five times a second.
   *
   * @param share what is done of 1; 0 where nobody knows
   * @param amount says how much is done after so many seconds
   */
  void show(double share, DoubleFunction<String> amount) {
    double seconds = (System.nanoTime() - start) / SECOND;
    if (terminal != null && seconds - shown >= 0.2) {
      shown = seconds;
      write(text(seconds, share, amount.apply(seconds)));
    }
  }

  /** A bar, the amount, and the time that is left if it goes on so. */
  static String text(double seconds, double share, String amount) {
    if (share <= 0) {
      return amount;
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
        amount,
        left / 3600,
        left / 60 % 60,
        left % 60);
  }

  private void write(String line) {
    String text = EscapedStream.escape(line);
    terminal.print("\r" + text + " ".repeat(Math.max(0, width - text.length())));
    terminal.flush();
    width = text.length();
  }

  /** Clears the line. */
  @Override
  public void close() {
    if (width > 0) {
      write("");
      terminal.print("\r");
      terminal.flush();
    }
  }

  /** Formats a number of bytes for people. */
  static String size(long bytes) {
    return String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
  }

  /**
   * How downloads go: on a terminal a line, elsewhere one said at the start of each file.
   *
   * @param err standard error
   * @param terminal the same where it is a terminal; else null
   * @param model whose files they are
   */
  static ModelHub.Progress ofDownloads(PrintWriter err, PrintWriter terminal, String model) {
    return new ModelHub.Progress() {
      private String file;
      private long before; // bytes of an earlier attempt
      private Progress line;

      @Override
      public void update(String name, long bytes, long total) {
        if (total > 0 && total < SMALL) {
          return;
        }
        if (!name.equals(file)) {
          ended();
          file = name;
          before = bytes;
          line = new Progress(terminal);
          if (terminal == null) {
            err.println(
                "elmo: downloading the model " + model + (total == 0 ? "" : ", " + size(total)));
          }
        }
        line.show(
            total <= before ? 0 : (bytes - before) / (double) (total - before),
            seconds ->
                String.format(
                    Locale.ROOT,
                    "%s %s%s, %.1f MB/s",
                    model,
                    size(bytes),
                    total > 0 ? " of " + size(total) : "",
                    (bytes - before) / seconds / 1e6));
      }

      @Override
      public void waiting(String name) {
        err.println("elmo: waiting for another process that downloads the model " + name);
      }

      @Override
      public void ended() {
        if (line != null) {
          line.close();
        }
      }
    };
  }
}
