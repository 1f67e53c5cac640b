// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.DoubleFunction;
import org.elmo4j.hub.ModelHub;

/**
 * Shows the progress of a long run in one line of a terminal, which it overwrites. Not thread-safe.
 */
final class Progress implements AutoCloseable {
  private static final double SECOND = 1e9;

  /** The download of a file with fewer bytes is not shown. */
  private static final long SMALL = 1 << 20;

  private final PrintWriter terminal;
  private final long start = System.nanoTime();
  private double shown = 1 - 0.2; // Nothing is shown in the first second.
  private int width;

  /**
   * @param terminal the terminal, or null to show nothing
   */
  Progress(PrintWriter terminal) {
    this.terminal = terminal;
  }

  /**
   * Shows the progress, at most five times a second.
   *
   * @param share the finished share, up to 1; 0 if it is not known
   * @param amount returns a text for the finished amount, given the seconds since the start
   */
  void show(double share, DoubleFunction<String> amount) {
    double seconds = (System.nanoTime() - start) / SECOND;
    if (terminal != null && seconds - shown >= 0.2) {
      shown = seconds;
      write(text(seconds, share, amount.apply(seconds)));
    }
  }

  /** Returns a bar, the amount, and the estimated time left at the average speed so far. */
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
   * Returns an object that shows downloads: on a terminal their progress, elsewhere one message at
   * the start of each file.
   *
   * @param err standard error
   * @param terminal standard error if it is a terminal, otherwise null
   * @param model the name of the model that is downloaded
   */
  static ModelHub.Progress ofDownloads(PrintWriter err, PrintWriter terminal, String model) {
    return new ModelHub.Progress() {
      private String file;
      private long before; // bytes from an earlier attempt
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
