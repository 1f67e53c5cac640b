// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.elmo4j.ElmoException;
import org.elmo4j.train.Evaluation.Counts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class EvaluationTest {
  private static List<String> labels(String line) {
    return line.isEmpty() ? List.of() : List.of(line.split(" "));
  }

  private static String spans(String line) {
    return SpanScheme.spans(labels(line)).stream()
        .map(span -> span.from() + "-" + span.to() + span.type())
        .collect(Collectors.joining(" "));
  }

  /** A tagger that gives a token no label leaves its label empty. */
  @ParameterizedTest
  @EnumSource(SpanScheme.class)
  void anEmptyLabelIsLikeO(SpanScheme scheme) {
    assertEquals(List.of(), SpanScheme.spans(List.of("", "")));
    assertEquals(
        SpanScheme.spans(List.of("B-A", "O", "I-A")), SpanScheme.spans(List.of("B-A", "", "I-A")));
    for (String label : List.of("O", "", "B-A", "I-A", "E-A", "S-A")) {
      assertEquals(scheme.allows("O", label), scheme.allows("", label), "before " + label);
      assertEquals(scheme.allows(label, "O"), scheme.allows(label, ""), "behind " + label);
    }
  }

  /** The cases were made by hand from conlleval's tables of where a chunk ends and begins. */
  @ParameterizedTest
  @CsvSource({
    "'', ''",
    "O O, ''",
    "B-A, 0-1A",
    "I-A, 0-1A",
    "B-A I-A O, 0-2A",
    "I-A I-A O I-A, 0-2A 3-4A",
    "B-A B-A, 0-1A 1-2A",
    "I-A B-A I-A, 0-1A 1-3A",
    "B-A I-B, 0-1A 1-2B",
    "I-A I-B I-B, 0-1A 1-3B",
    "O I-A O, 1-2A",
    "B-A O I-A, 0-1A 2-3A",
    "S-A S-A, 0-1A 1-2A",
    "B-A I-A E-A, 0-3A",
    "B-A E-A S-B O, 0-2A 2-3B",
    "E-A, 0-1A",
    "E-A E-A, 0-1A 1-2A",
    "O E-A I-A, 1-2A 2-3A",
    "B-A S-A E-A, 0-1A 1-2A 2-3A",
    "B-A I-A L-A U-B, 0-3A 3-4B",
    "B-A-1 I-A-1, 0-2A-1",
    "B-A E-B, 0-1A 1-2B",
  })
  void spansAreThoseOfConlleval(String line, String wanted) {
    assertEquals(wanted, spans(line));
  }

  /**
   * The cases were made by hand. The columns are the right, found and wanted spans, and precision,
   * recall and F1 in per cent. Another program computed them; it reads both columns at once, as the
   * description of conlleval (Tjong Kim Sang 2000) says: a span is right if it begins at the same
   * label in both columns, goes on in both, and ends at the same one.
   */
  @ParameterizedTest
  @CsvSource({
    "B-PER I-PER O B-LOC, B-PER I-PER O B-LOC, 2 2 2, 100.00 100.00 100.00",
    "B-PER I-PER O B-LOC, B-PER I-PER O B-ORG, 1 2 2, 50.00 50.00 50.00",
    "B-ORG I-ORG I-ORG O, B-ORG I-ORG O O, 0 1 1, 0.00 0.00 0.00",
    "B-ORG I-ORG I-ORG O, O I-ORG I-ORG O, 0 1 1, 0.00 0.00 0.00",
    "B-PER B-PER O, B-PER I-PER O, 0 1 2, 0.00 0.00 0.00",
    "B-PER I-PER O, B-PER B-PER O, 0 2 1, 0.00 0.00 0.00",
    "O O B-LOC, B-LOC O B-LOC, 1 2 1, 50.00 100.00 66.67",
    "B-LOC O O, O O O, 0 0 1, 0.00 0.00 0.00",
    "O O O, O B-LOC O, 0 1 0, 0.00 0.00 0.00",
    "O O O, O O O, 0 0 0, 0.00 0.00 0.00",
    "B-LOC I-LOC B-LOC I-LOC, I-LOC I-LOC B-LOC I-LOC, 2 2 2, 100.00 100.00 100.00",
    "I-PER I-PER O I-LOC, B-PER I-PER O B-LOC, 2 2 2, 100.00 100.00 100.00",
    "I-PER B-PER O, I-PER I-PER O, 0 1 2, 0.00 0.00 0.00",
    "B-PER I-LOC I-LOC O, B-PER B-LOC I-LOC O, 2 2 2, 100.00 100.00 100.00",
    "B-PER E-PER O S-LOC, B-PER E-PER O S-LOC, 2 2 2, 100.00 100.00 100.00",
    "B-PER I-PER E-PER S-LOC, B-PER E-PER S-PER S-LOC, 1 3 2, 33.33 50.00 40.00",
    "S-PER S-PER O, B-PER E-PER O, 0 1 2, 0.00 0.00 0.00",
    "B-PER I-PER L-PER U-LOC, B-PER I-PER E-PER S-LOC, 2 2 2, 100.00 100.00 100.00",
    "B-MISC I-MISC O B-PER O B-LOC I-LOC, B-MISC O O B-PER O B-LOC I-LOC, 2 3 3, 66.67 66.67 66.67",
    "B-ORG O B-ORG O B-ORG O, B-ORG O B-ORG O O B-ORG, 2 3 3, 66.67 66.67 66.67",
    "B-PER I-PER I-PER O B-ORG, B-PER I-PER I-ORG O B-ORG, 1 3 2, 33.33 50.00 40.00",
    "O I-LOC I-LOC B-LOC O, O B-LOC I-LOC I-LOC O, 0 1 2, 0.00 0.00 0.00",
  })
  void countsAndF1AreThoseOfConlleval(String wanted, String found, String counts, String scores) {
    Evaluation evaluation = Evaluation.of(List.of(labels(wanted)), List.of(labels(found)));
    Counts all = evaluation.all();
    if (evaluation.ofSpans()) {
      assertEquals(counts, all.right() + " " + all.found() + " " + all.wanted());
      assertEquals(
          scores,
          String.format(
              Locale.ROOT,
              "%.2f %.2f %.2f",
              100 * all.precision(),
              100 * all.recall(),
              100 * all.f1()));
    } else {
      // If all labels are O, the data have no spans and labels are counted.
      assertEquals("O O O O O O", wanted + " " + found);
    }
  }

  private static void counts(Counts counts, long right, long found, long wanted) {
    assertEquals(
        right + " " + found + " " + wanted,
        counts.right() + " " + counts.found() + " " + counts.wanted());
  }

  /** The wanted numbers follow conlleval's definition: F1 is 2PR / (P + R) of whole spans. */
  @Test
  void precisionRecallAndF1AreOfWholeSpans() {
    List<List<String>> wanted =
        List.of(labels("B-PER I-PER O B-LOC"), labels("B-ORG I-ORG I-ORG"), labels("O O B-LOC"));
    List<List<String>> found =
        List.of(labels("B-PER I-PER O B-ORG"), labels("B-ORG I-ORG O"), labels("B-LOC O B-LOC"));
    Evaluation evaluation = Evaluation.of(wanted, found);
    assertTrue(evaluation.ofSpans());
    counts(evaluation.all(), 2, 5, 4);
    assertEquals(0.4, evaluation.all().precision());
    assertEquals(0.5, evaluation.all().recall());
    assertEquals(4 / 9.0, evaluation.all().f1(), 1e-15);
    assertEquals(7 / 10.0, evaluation.accuracy(), 1e-15);
    assertEquals(
        List.of("LOC", "ORG", "PER"), evaluation.each().stream().map(Counts::name).toList());
    counts(evaluation.each().get(0), 1, 2, 2);
    counts(evaluation.each().get(1), 0, 2, 1);
    counts(evaluation.each().get(2), 1, 1, 1);
    assertEquals((0.5 + 0 + 1) / 3, evaluation.macroF1(), 1e-15);
    assertEquals(Map.of(), evaluation.confusion());
  }

  @Test
  void nothingFoundOrWantedIsNoDivisionByZero() {
    Evaluation none = Evaluation.of(List.of(labels("B-A O")), List.of(labels("O O")));
    assertEquals(0, none.all().precision() + none.all().recall() + none.all().f1());
    assertEquals(0.5, none.accuracy());
    assertEquals(0, Evaluation.of(List.of(), List.of()).macroF1());
  }

  @Test
  void otherLabelsAreCountedOneByOneAndConfused() {
    Evaluation evaluation =
        Evaluation.of(
            List.of(labels("good"), labels("good"), labels("bad"), labels("so-so")),
            List.of(labels("good"), labels("bad"), labels("bad"), labels("bad")));
    assertFalse(evaluation.ofSpans());
    assertEquals(0.5, evaluation.accuracy());
    assertEquals(0.5, evaluation.all().f1());
    counts(evaluation.each().get(0), 1, 3, 1);
    assertEquals((0.5 + 2 / 3.0 + 0) / 3, evaluation.macroF1(), 1e-15);
    assertEquals(
        Map.of(
            "good", Map.of("good", 1L, "bad", 1L),
            "bad", Map.of("bad", 1L),
            "so-so", Map.of("bad", 1L)),
        evaluation.confusion());
  }

  @Test
  void numbersOfLabelsMustAgree() {
    ElmoException e =
        assertThrows(
            ElmoException.class, () -> Evaluation.of(List.of(labels("A B")), List.of(labels("A"))));
    assertEquals("labels of sentence 0: expected 2, found 1", e.getMessage());
    e = assertThrows(ElmoException.class, () -> Evaluation.of(List.of(labels("A")), List.of()));
    assertEquals("labels: expected those of 1 sentences, found 0", e.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "B-A I-A O B-B, BIO",
    "I-A I-A O I-B B-B, IOB1",
    "I-A O, IOB1",
    "B-A O, BIO",
    "B-A E-A S-B, BIOES",
    "B-A L-A U-B, BIOES",
    // One label of many is a mistake of an annotator.
    "B-A I-A O B-B O B-A I-A O I-A, BIO",
  })
  void theSchemeIsTheOneThatLabelsKeepTo(String line, SpanScheme wanted) {
    assertEquals(wanted, SpanScheme.of(List.of(labels(line))));
  }

  @Test
  void wordsThatLookLikeLabelsAreNone() {
    assertFalse(SpanScheme.areSpans(List.of("NOUN", "O")));
    assertFalse(SpanScheme.areSpans(List.of("O")));
    assertFalse(SpanScheme.areSpans(List.of("B-", "O")));
    assertTrue(SpanScheme.areSpans(List.of("B-PER", "O")));
  }

  @ParameterizedTest
  @CsvSource({
    "BIO, O>I-A B-B>I-A I-B>I-A",
    "IOB1, O>B-A B-B>B-A I-B>B-A",
    "BIOES,"
        + " O>I-A O>E-A B-A>O B-A>B-A B-A>S-A I-A>O I-A>B-B E-A>I-A E-A>E-A S-A>I-A S-A>E-A"
        + " B-A>I-B B-A>E-B I-A>E-B",
  })
  void aSchemeForbidsTransitions(SpanScheme scheme, String forbidden) {
    for (String pair : forbidden.split(" ")) {
      assertFalse(scheme.allows(pair.split(">")[0], pair.split(">")[1]), pair);
    }
    String allowed =
        switch (scheme) {
          case BIO -> "O>B-A B-A>I-A I-A>I-A I-A>B-A I-A>O B-A>B-B";
          case IOB1 -> "O>I-A I-A>I-A I-A>I-B I-A>B-A B-A>B-A B-A>I-A I-A>O";
          case BIOES -> "O>B-A O>S-A B-A>I-A B-A>E-A I-A>E-A E-A>O E-A>B-A S-A>S-B S-A>O";
        };
    Arrays.stream(allowed.split(" "))
        .forEach(pair -> assertTrue(scheme.allows(pair.split(">")[0], pair.split(">")[1]), pair));
  }
}
