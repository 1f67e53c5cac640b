// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.PrintWriter;
import java.util.Locale;
import org.elmo4j.hub.ModelHub;

/**
 * Says how a download goes: on a terminal a bar, elsewhere one line a file. Small files come
 * silently. For one thread.
 */
final class DownloadProgress implements ModelHub.Progress {
  private static final long SECOND = 1_000_000_000;
  private static final long SMALL = 1 << 20;

  private final PrintWriter err;
  private final StatusLine line;
  private final String model;
  private String file;
  private long start;
  private long startBytes;
  private long shown;

  /**
   * @param err standard error
   * @param terminal the same where it is a terminal; else null
   * @param model whose download it is
   */
  DownloadProgress(PrintWriter err, PrintWriter terminal, String model) {
    this.err = err;
    this.line = terminal == null ? null : new StatusLine(terminal);
    this.model = model;
  }

  @Override
  public void update(String name, long bytes, long total) {
    if (total > 0 && total < SMALL) {
      return;
    }
    long now = System.nanoTime();
    if (!name.equals(file)) {
      file = name;
      start = now;
      startBytes = bytes;
      if (line == null) {
        err.println(
            "elmo: downloading the model " + model + (total == 0 ? "" : ", " + size(total)));
      }
    }
    if (line == null) {
      return;
    }
    if (now - shown >= SECOND / 5) {
      shown = now;
      line.show(text((now - start) / (double) SECOND, bytes - startBytes, bytes, total));
    }
  }

  /** What the line says after so many seconds in which {@code fresh} bytes came. */
  String text(double seconds, long fresh, long bytes, long total) {
    double speed = fresh / Math.max(seconds, 1e-3);
    String amount = String.format(Locale.ROOT, "%s %s, %.1f MB/s", model, size(bytes), speed / 1e6);
    if (total <= 0 || speed == 0) {
      return amount;
    }
    long left = Math.round((total - bytes) / speed);
    return String.format(
        Locale.ROOT,
        "%s  %s, %d:%02d left",
        StatusLine.bar(Math.min(1, bytes / (double) total)),
        amount,
        left / 60,
        left % 60);
  }

  @Override
  public void waiting(String name) {
    err.println("elmo: waiting for another process that downloads the model " + name);
  }

  @Override
  public void ended() {
    if (line != null) {
      line.clear();
    }
  }

  /** Bytes for people to read. */
  static String size(long bytes) {
    return String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
  }
}
