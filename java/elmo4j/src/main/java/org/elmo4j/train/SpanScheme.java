// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Pattern;

/** How labels of tokens say where named entities, or other spans, begin and end. */
enum SpanScheme {
  /** IOB2: B begins every span, I goes on. */
  BIO,
  /** I begins a span and goes on; B begins one right behind another of its type. */
  IOB1,
  /** B begins, I goes on, E ends, S is a span of one token; also written L and U, with M for I. */
  BIOES;

  private static final Pattern LABEL = Pattern.compile("O|[BIESLUM]-.+");

  /** What stands before a sentence's first label and behind its last. */
  private static final String NONE = "O";

  /**
   * A span.
   *
   * @param from its first token
   * @param to behind its last
   */
  record Span(int from, int to, String type) {}

  /** Whether labels are of spans: O, or a letter and a type, and not all O. */
  static boolean areSpans(List<String> labels) {
    return labels.stream().allMatch(label -> LABEL.matcher(label).matches())
        && labels.stream().anyMatch(label -> !label.equals(NONE));
  }

  /** The scheme that most of the transitions of some labels keep to. */
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

  /** Whether a label may stand behind another; O stands for the sentence's ends too. */
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

  /** The letter of a label, one of B, I, O, E, S; O of an empty one. */
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
   * The spans of a sentence as conlleval sees them, whatever the scheme: labels that break it still
   * make spans.
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
