// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Prints a table with each token and the first numbers of its vector. Not thread-safe. */
final class TableWriter implements SentenceWriter {
  private static final int COLUMNS = 6;
  private static final int WIDEST_TOKEN = 24;

  private final PrintWriter out;
  private final List<String> blocks;

  /**
   * @param out where to print
   * @param blocks the headings: one for each index of the first dimension if there are three
   *     dimensions, otherwise one
   */
  TableWriter(PrintWriter out, List<String> blocks) {
    this.out = out;
    this.blocks = blocks;
  }

  @Override
  public void write(Sentence sentence) throws IOException {
    long[] shape = sentence.shape();
    int dim = (int) shape[shape.length - 1];
    List<String> labels = new ArrayList<>();
    if (shape.length == 1) {
      labels.add("(mean)");
    } else {
      sentence.tokens().forEach(token -> labels.add(label(token)));
    }
    int rows = labels.size();
    float[] first = new float[blocks.size() * rows * COLUMNS];
    long[] at = {0};
    sentence
        .values()
        .writeTo(
            piece -> {
              for (; piece.hasRemaining(); at[0]++) {
                float value = piece.get();
                if (at[0] % dim < COLUMNS) {
                  first[(int) (at[0] / dim * COLUMNS + at[0] % dim)] = value;
                }
              }
            });
    int width = "token".length();
    for (String label : labels) {
      width = Math.max(width, label.codePointCount(0, label.length()));
    }
    if (sentence.index() > 0) {
      out.println();
    }
    for (int block = 0; block < blocks.size(); block++) {
      out.println(pad("token", width) + "  " + blocks.get(block) + " [" + dim + "]");
      for (int row = 0; row < rows; row++) {
        StringBuilder line = new StringBuilder(pad(labels.get(row), width)).append(' ');
        for (int i = 0; i < Math.min(COLUMNS, dim); i++) {
          line.append(
              String.format(Locale.ROOT, " %8.4f", first[(block * rows + row) * COLUMNS + i]));
        }
        out.println(dim > COLUMNS ? line.append(" ...") : line);
      }
    }
    finish();
  }

  /** Returns the token, shortened and with escaped control characters. */
  private static String label(String token) {
    String shown = EscapedStream.escape(token);
    return shown.codePointCount(0, shown.length()) <= WIDEST_TOKEN
        ? shown
        : shown.substring(0, shown.offsetByCodePoints(0, WIDEST_TOKEN - 1)) + "…";
  }

  private static String pad(String text, int width) {
    return text + " ".repeat(width - text.codePointCount(0, text.length()));
  }

  @Override
  public void finish() throws IOException {
    if (out.checkError()) {
      throw new IOException("cannot be written");
    }
  }

  @Override
  public void close() {}
}
