// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Pattern;

/** The meaning of labels of tokens that mark where named entities or other spans begin and end. */
enum SpanScheme {
  /** IOB2: the first token of a span is B, its other tokens are I. */
  BIO,
  /**
   * The tokens of a span are I. If it directly follows a span of the same type, its first token is
   * B.
   */
  IOB1,
  /**
   * The first token of a span is B, the last is E, and those between are I; a span of one token is
   * S. L is also read for E, U for S, and M for I.
   */
  BIOES;

  private static final Pattern LABEL = Pattern.compile("O|[BIESLUM]-.+");

  /** The label outside of spans. It also stands for the positions before and after a sentence. */
  private static final String NONE = "O";

  /**
   * A span.
   *
   * @param from the index of its first token
   * @param to the index after its last token
   */
  record Span(int from, int to, String type) {}

  /**
   * Returns whether labels are of spans: each is O, or a letter, a hyphen and a type, and at least
   * one is not O.
   */
  static boolean areSpans(List<String> labels) {
    return labels.stream().allMatch(label -> LABEL.matcher(label).matches())
        && labels.stream().anyMatch(label -> !label.equals(NONE));
  }

  /**
   * Returns the scheme of some labels: BIOES if it occurs, else the scheme that forbids fewer of
   * their transitions.
   */
  static SpanScheme of(List<List<String>> sentences) {
    boolean ends =
        sentences.stream().flatMap(List::stream).anyMatch(label -> "ES".indexOf(part(label)) >= 0);
    if (ends) {
      return BIOES;
    }
    return Arrays.stream(new SpanScheme[] {BIO, IOB1})
        .min(Comparator.comparingLong(scheme -> scheme.breaches(sentences)))
        .get();
  }

  private long breaches(List<List<String>> sentences) {
    long breaches = 0;
    for (List<String> labels : sentences) {
      String before = NONE;
      for (String label : labels) {
        breaches += allows(before, label) ? 0 : 1;
        before = label;
      }
    }
    return breaches;
  }

  /** Returns whether a label may follow another. O also stands for the sentence's start and end. */
  boolean allows(String before, String label) {
    char from = part(before);
    char to = part(label);
    boolean same = type(before).equals(type(label));
    return switch (this) {
      case BIO -> to != 'I' || (from != 'O' && same);
      case IOB1 -> to != 'B' || (from != 'O' && same);
      case BIOES -> {
        boolean open = from == 'B' || from == 'I';
        boolean goesOn = to == 'I' || to == 'E';
        yield open == goesOn && (!open || same);
      }
    };
  }

  /** Returns the letter of a label: B, I, O, E or S. It is O if the label is empty. */
  private static char part(String label) {
    char letter = label.isEmpty() ? 'O' : label.charAt(0);
    return switch (letter) {
      case 'L' -> 'E';
      case 'U' -> 'S';
      case 'M' -> 'I';
      default -> letter;
    };
  }

  private static String type(String label) {
    return label.length() < 2 ? "" : label.substring(2);
  }

  /**
   * Returns the spans of a sentence like conlleval does, for any scheme. Labels that violate the
   * scheme also form spans.
   */
  static List<Span> spans(List<String> labels) {
    List<Span> spans = new ArrayList<>();
    String before = NONE;
    int start = -1;
    for (int i = 0; i <= labels.size(); i++) {
      String label = i < labels.size() ? labels.get(i) : NONE;
      if (start >= 0 && ends(before, label)) {
        spans.add(new Span(start, i, type(before)));
        start = -1;
      }
      if (begins(before, label)) {
        start = i;
      }
      before = label;
    }
    return spans;
  }

  private static boolean ends(String before, String label) {
    char from = part(before);
    char to = part(label);
    return from == 'E'
        || from == 'S'
        || ((from == 'B' || from == 'I') && (to == 'B' || to == 'S' || to == 'O'))
        || (from != 'O' && !type(before).equals(type(label)));
  }

  private static boolean begins(String before, String label) {
    char from = part(before);
    char to = part(label);
    return to == 'B'
        || to == 'S'
        || ((from == 'E' || from == 'S' || from == 'O') && (to == 'E' || to == 'I'))
        || (to != 'O' && !type(before).equals(type(label)));
  }
}
