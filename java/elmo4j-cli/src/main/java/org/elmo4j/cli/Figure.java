// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.elmo4j.train.Epoch;

/**
 * Draws panels one below the other in an SVG without scripts, fonts or links to other files. Not
 * thread-safe.
 */
final class Figure {
  private static final int MARGIN = 24;

  /** The colours for a light or a dark background. */
  private record Palette(String ink, String faint, String paper, String frame, String edge) {
    static final Palette LIGHT = new Palette("#222222", "#777777", "#ffffff", "#fafafa", "#cccccc");
    static final Palette DARK = new Palette("#e6edf3", "#8d96a0", "#0d1117", "#161b22", "#30363d");
  }

  private final Palette palette;

  private final StringBuilder body = new StringBuilder();
  private int width = 480;
  private int y = MARGIN;

  Figure(boolean dark) {
    palette = dark ? Palette.DARK : Palette.LIGHT;
  }

  /** Estimates the width of a text in pixels for a font size. */
  private static int textWidth(String text, int size) {
    return (int) Math.ceil(text.codePointCount(0, text.length()) * size * 0.62);
  }

  private static String escape(String text) {
    StringBuilder safe = new StringBuilder();
    EscapedStream.escape(text)
        .codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '&' -> safe.append("&amp;");
                case '<' -> safe.append("&lt;");
                case '>' -> safe.append("&gt;");
                case '"' -> safe.append("&quot;");
                default -> {
                  // XML does not allow surrogates and non-characters.
                  boolean bad = (c >= 0xD800 && c < 0xE000) || (c & 0xFFFE) == 0xFFFE;
                  safe.appendCodePoint(bad ? '?' : c);
                }
              }
            });
    return safe.toString();
  }

  private void add(String format, Object... values) {
    body.append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  private void text(
      double x, double atY, int size, String anchor, String color, String more, String text) {
    add(
        "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" text-anchor=\"%s\" fill=\"%s\"%s>%s</text>",
        x, atY, size, anchor, color, more, escape(text));
  }

  private void title(String title, String below) {
    y += 16;
    text(MARGIN, y, 16, "start", palette.ink, " font-weight=\"bold\"", title);
    y += 18;
    text(MARGIN, y, 12, "start", palette.faint, "", below);
    width = Math.max(width, MARGIN + textWidth(below, 12));
    y += 14;
  }

  /** Draws a horizontal bar for each share from 0 to 1. */
  void bars(String title, String below, List<String> names, double[] shares) {
    title(title, below);
    int left = MARGIN;
    for (String name : names) {
      left = Math.max(left, MARGIN + textWidth(name, 13) + 10);
    }
    double most = 0;
    for (double share : shares) {
      most = Math.max(most, share);
    }
    int room = 300;
    for (int k = 0; k < shares.length; k++) {
      double length = room * shares[k] / Math.max(most, 1e-9);
      text(left - 8, y + 15, 13, "end", palette.ink, "", names.get(k));
      add(
          "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"20\" fill=\"#2f6db3\"/>",
          left, y, Math.max(1, length));
      text(
          left + length + 6,
          y + 15,
          12,
          "start",
          palette.ink,
          "",
          String.format(Locale.ROOT, "%.3f", shares[k]));
      y += 26;
    }
    width = Math.max(width, left + room + 60);
    y += MARGIN;
  }

  private static final String[] LINES = {
    "#2f6db3", "#d1702b", "#2e8b57", "#a3489b", "#8a6d1f", "#4aa3a8"
  };

  /** Draws a line for each run, with one value for each epoch. */
  void curves(
      String title, String below, Map<String, List<Epoch>> runs, ToDoubleFunction<Epoch> value) {
    title(title, below);
    double low = Double.MAX_VALUE;
    double high = -Double.MAX_VALUE;
    int epochs = 1;
    for (List<Epoch> run : runs.values()) {
      for (Epoch epoch : run) {
        low = Math.min(low, value.applyAsDouble(epoch));
        high = Math.max(high, value.applyAsDouble(epoch));
        epochs = Math.max(epochs, epoch.epoch());
      }
    }
    int left = MARGIN + 52;
    int room = 360;
    int height = 160;
    add(
        "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\" stroke=\"%s\"/>",
        left, y, room, height, palette.frame, palette.edge);
    text(left - 6, y + 10, 11, "end", palette.faint, "", String.format(Locale.ROOT, "%.3f", high));
    text(
        left - 6,
        y + height,
        11,
        "end",
        palette.faint,
        "",
        String.format(Locale.ROOT, "%.3f", low));
    text(left, y + height + 14, 11, "start", palette.faint, "", "epoch 1");
    text(left + room, y + height + 14, 11, "end", palette.faint, "", String.valueOf(epochs));
    int number = 0;
    for (Map.Entry<String, List<Epoch>> run : runs.entrySet()) {
      String color = LINES[number % LINES.length];
      StringBuilder line = new StringBuilder();
      StringBuilder dot = new StringBuilder();
      for (Epoch epoch : run.getValue()) {
        double across = left + 8 + (room - 16.0) * (epoch.epoch() - 1) / Math.max(1, epochs - 1);
        double up = (value.applyAsDouble(epoch) - low) / Math.max(1e-12, high - low);
        double down = y + 8 + (height - 16) * (1 - up);
        line.append(String.format(Locale.ROOT, "%.1f,%.1f ", across, down));
        if (epoch.kept()) {
          dot.append(
              String.format(
                  Locale.ROOT,
                  "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n",
                  across,
                  down,
                  color));
        }
      }
      add(
          "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>",
          line.toString().strip(), color);
      body.append(dot);
      int at = y + 12 + 18 * number++;
      add(
          "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"4\" fill=\"%s\"/>",
          left + room + 16, at - 6, color);
      text(left + room + 34, at, 12, "start", palette.ink, "", run.getKey());
      width = Math.max(width, left + room + 34 + textWidth(run.getKey(), 12));
    }
    y += Math.max(height + 14, 18 * number) + MARGIN;
  }

  /** Returns a colour from white, for 0 and below, to dark blue, for 1 and above. */
  private static String shade(double value) {
    double v = Math.max(0, Math.min(1, value));
    return String.format(
        Locale.ROOT,
        "#%02x%02x%02x",
        (int) Math.round(247 - v * 239),
        (int) Math.round(251 - v * 203),
        (int) Math.round(255 - v * 148));
  }

  /** Draws a heat map for each name: the similarity of every pair of tokens, from -1 to 1. */
  void heatMaps(
      String title, String below, List<String> tokens, List<String> names, List<double[][]> maps) {
    title(title, below);
    int n = tokens.size();
    int cell = n <= 14 ? 28 : n <= 24 ? 20 : 14;
    int font = cell >= 20 ? 12 : 10;
    int label = 0;
    for (String token : tokens) {
      label = Math.max(label, Math.min(120, textWidth(token, font)));
    }
    label += 8;
    // Slanted labels rise above the cells by three quarters of their length, and extend as far to
    // the right.
    int rise = (int) (label * 0.75) + 4;
    int square = n * cell;
    int step = label + square + (int) (label * 0.75) + 16;
    int perRow = Math.max(1, Math.min(maps.size(), 1100 / step));
    for (int m = 0; m < maps.size(); m++) {
      int left = MARGIN + (m % perRow) * step + label;
      int top = y + 20 + rise;
      text(left, y + 14, 13, "start", palette.ink, " font-weight=\"bold\"", names.get(m));
      for (int i = 0; i < n; i++) {
        double middle = (i + 0.5) * cell;
        text(left - 5, top + middle + 4, font, "end", palette.ink, "", cut(tokens.get(i)));
        String turn =
            String.format(
                Locale.ROOT, " transform=\"rotate(-45 %.1f %d)\"", left + middle, top - 5);
        text(left + middle, top - 5, font, "start", palette.ink, turn, cut(tokens.get(i)));
        for (int j = 0; j < n; j++) {
          double value = maps.get(m)[i][j];
          add(
              "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"><title>%s, %s:"
                  + " %.3f</title></rect>",
              left + j * cell,
              top + i * cell,
              cell - 1,
              cell - 1,
              shade(value),
              escape(tokens.get(i)),
              escape(tokens.get(j)),
              value);
          if (cell >= 28) {
            text(
                left + middleOf(j, cell),
                top + middle + 3,
                9,
                "middle",
                value > 0.55 ? "#ffffff" : "#222222",
                "",
                value >= 0.995 ? "1" : number(value));
          }
        }
      }
      width = Math.max(width, left + square + (int) (label * 0.75) + 16);
      if (m % perRow == perRow - 1 || m == maps.size() - 1) {
        y = top + square + 16;
      }
    }
    legend();
    y += MARGIN;
  }

  /** Formats a number with two decimals and no zero before the point. */
  private static String number(double value) {
    String text = String.format(Locale.ROOT, "%.2f", value);
    return text.equals("-0.00") ? ".00" : text.replaceFirst("^(-?)0\\.", "$1.");
  }

  private static double middleOf(int index, int cell) {
    return (index + 0.5) * cell - 0.5;
  }

  private static String cut(String token) {
    return token.codePointCount(0, token.length()) <= 16
        ? token
        : token.substring(0, token.offsetByCodePoints(0, 15)) + "…";
  }

  private void legend() {
    text(MARGIN, y + 11, 11, "start", palette.faint, "", "0 or less");
    for (int i = 0; i < 40; i++) {
      add(
          "<rect x=\"%d\" y=\"%d\" width=\"4\" height=\"12\" fill=\"%s\"/>",
          MARGIN + 60 + 4 * i, y + 1, shade((i + 0.5) / 40));
    }
    text(MARGIN + 228, y + 11, 11, "start", palette.faint, "", "1");
    y += 14;
  }

  /** Returns a colour for an angle, so that points in similar directions have similar colours. */
  private static String hue(double angle) {
    int[] mixed = new int[3];
    for (int i = 0; i < 3; i++) {
      mixed[i] = (int) Math.round(115 + 90 * Math.cos(angle - 2 * Math.PI / 3 * i));
    }
    return String.format(Locale.ROOT, "#%02x%02x%02x", mixed[0], mixed[1], mixed[2]);
  }

  /**
   * Draws points in a plane, numbered and coloured by their direction from the middle, and a legend
   * with a text for each number.
   *
   * @param points two coordinates for each point
   * @param before for each point the text before the word, the word, and the text after it
   */
  void points(String title, String below, double[][] points, List<List<String>> before) {
    title(title, below);
    int n = points.length;
    Integer[] order = new Integer[n];
    double[] low = {Double.MAX_VALUE, Double.MAX_VALUE};
    double[] high = {-Double.MAX_VALUE, -Double.MAX_VALUE};
    for (int i = 0; i < n; i++) {
      order[i] = i;
      for (int d = 0; d < 2; d++) {
        low[d] = Math.min(low[d], points[i][d]);
        high[d] = Math.max(high[d], points[i][d]);
      }
    }
    double middleX = (low[0] + high[0]) / 2;
    double middleY = (low[1] + high[1]) / 2;
    double[] angle = new double[n];
    for (int i = 0; i < n; i++) {
      angle[i] = Math.atan2(points[i][1] - middleY, points[i][0] - middleX);
    }
    Arrays.sort(order, Comparator.comparingDouble(i -> angle[i]));
    int room = 400;
    int pad = 24;
    // Both axes have the same scale, so that distances are correct.
    double extent = Math.max(1e-9, Math.max(high[0] - low[0], high[1] - low[1]));
    double scale = (room - 2 * pad) / extent;
    double height = Math.max(140, scale * (high[1] - low[1]) + 2 * pad);
    double[][] at = new double[n][];
    for (int i = 0; i < n; i++) {
      at[i] =
          new double[] {
            MARGIN + room / 2.0 + scale * (points[i][0] - middleX),
            y + height / 2 - scale * (points[i][1] - middleY)
          };
    }
    double[][] shown = apart(at, 21);
    add(
        "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%.1f\" fill=\"%s\" stroke=\"%s\"/>",
        MARGIN, y, room, height, palette.frame, palette.edge);
    int listLeft = MARGIN + room + 20;
    double line = y + 14;
    for (int rank = 0; rank < n; rank++) {
      int i = order[rank];
      String color = hue(angle[i]);
      add(
          "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>",
          at[i][0], at[i][1], shown[i][0], shown[i][1], color);
      String number = String.valueOf(rank + 1);
      dot(shown[i][0], shown[i][1], color, number);
      dot(listLeft + 10, line, color, number);
      List<String> parts = before.get(i);
      body.append(
          String.format(
              Locale.ROOT,
              "<text x=\"%d\" y=\"%.1f\" font-size=\"12\" fill=\"%s\">%s<tspan"
                  + " font-weight=\"bold\">%s</tspan>%s</text>%n",
              listLeft + 28,
              line + 4,
              palette.ink,
              escape(parts.get(0)),
              escape(parts.get(1)),
              escape(parts.get(2))));
      width = Math.max(width, listLeft + 28 + textWidth(String.join("", parts), 12));
      line += 24;
    }
    y = (int) Math.max(y + height, line) + MARGIN;
  }

  private void dot(double x, double atY, String color, String number) {
    add("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"10\" fill=\"%s\"/>", x, atY, color);
    text(x, atY + 4, 11, "middle", "#ffffff", "", number);
  }

  /** Moves overlapping points apart in small steps. */
  private static double[][] apart(double[][] points, double distance) {
    double[][] moved = new double[points.length][];
    for (int i = 0; i < moved.length; i++) {
      // A small offset for each point, so that identical points move in different directions.
      moved[i] =
          new double[] {points[i][0] + 0.01 * Math.cos(i), points[i][1] + 0.01 * Math.sin(i)};
    }
    for (int round = 0; round < 200; round++) {
      for (int i = 0; i < moved.length; i++) {
        for (int j = 0; j < i; j++) {
          double dx = moved[i][0] - moved[j][0];
          double dy = moved[i][1] - moved[j][1];
          double d = Math.max(1e-6, Math.hypot(dx, dy));
          if (d < distance) {
            double push = (distance - d) / 4 / d;
            moved[i][0] += push * dx;
            moved[i][1] += push * dy;
            moved[j][0] -= push * dx;
            moved[j][1] -= push * dy;
          }
        }
      }
    }
    return moved;
  }

  /** Returns the SVG document. */
  String svg() {
    return String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%1$d\" height=\"%2$d\" viewBox=\"0 0"
                + " %1$d %2$d\" font-family=\"Helvetica, Arial, sans-serif\">%n<rect"
                + " width=\"100%%\" height=\"100%%\" fill=\"%3$s\"/>%n",
            width + MARGIN,
            y,
            palette.paper)
        + body
        + "</svg>\n";
  }

  /** Returns an HTML page with the SVG. */
  String html() {
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>elmo4j</title>"
        + "</head><body style=\"margin:0\">\n"
        + svg()
        + "</body></html>\n";
  }
}
