// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.Arguments;

/**
 * The quality of predicted labels. Labels of spans, such as {@code O}, {@code B-PER} and {@code
 * I-PER}, are evaluated by spans like conlleval: a span is correct if both its ends and its type
 * are. Other labels are evaluated one by one. Immutable and thread-safe.
 */
public final class Evaluation {
  /**
   * Counts for one type of span or one label.
   *
   * @param name the type or label
   * @param right the number of correct predictions (true positives)
   * @param found the number of predictions
   * @param wanted the number in the data
   */
  public record Counts(String name, long right, long found, long wanted) {
    /** The share of the predictions that are correct, 0 to 1; 0 if there are none. */
    public double precision() {
      return found == 0 ? 0 : right / (double) found;
    }

    /** The share of those in the data that were predicted, 0 to 1; 0 if there are none. */
    public double recall() {
      return wanted == 0 ? 0 : right / (double) wanted;
    }

    /** The harmonic mean of precision and recall; 0 if no prediction is correct. */
    public double f1() {
      return right == 0 ? 0 : 2.0 * right / (found + wanted);
    }

    private Counts plus(long moreRight, long moreFound, long moreWanted) {
      return new Counts(name, right + moreRight, found + moreFound, wanted + moreWanted);
    }
  }

  private final boolean spans;
  private final Counts labels;
  private final Counts all;
  private final List<Counts> each;
  private final Map<String, Map<String, Long>> confusion = new TreeMap<>();

  /**
   * Compares labels.
   *
   * @param wanted the correct labels of each sentence
   * @param found the predicted labels of each sentence
   * @throws ElmoException if the numbers of sentences or labels differ
   */
  public static Evaluation of(List<List<String>> wanted, List<List<String>> found) {
    Arguments.require(wanted, "wanted");
    Arguments.require(found, "found");
    Set<String> names = new HashSet<>();
    wanted.forEach(names::addAll);
    found.forEach(names::addAll);
    return new Evaluation(wanted, found, SpanScheme.areSpans(List.copyOf(names)));
  }

  Evaluation(List<List<String>> wanted, List<List<String>> found, boolean spans) {
    this.spans = spans;
    if (wanted.size() != found.size()) {
      throw new ElmoException(
          "labels: expected those of " + wanted.size() + " sentences, found " + found.size());
    }
    Map<String, Counts> counts = new TreeMap<>();
    long right = 0;
    long size = 0;
    for (int s = 0; s < wanted.size(); s++) {
      List<String> gold = wanted.get(s);
      List<String> got = found.get(s);
      if (gold.size() != got.size()) {
        throw new ElmoException(
            "labels of sentence " + s + ": expected " + gold.size() + ", found " + got.size());
      }
      for (int i = 0; i < gold.size(); i++) {
        right += gold.get(i).equals(got.get(i)) ? 1 : 0;
        if (!spans) {
          count(counts, List.of(gold.get(i)), List.of(got.get(i)));
          confusion
              .computeIfAbsent(gold.get(i), key -> new TreeMap<>())
              .merge(got.get(i), 1L, Long::sum);
        }
      }
      size += gold.size();
      if (spans) {
        spans(counts, SpanScheme.spans(gold), SpanScheme.spans(got));
      }
    }
    labels = new Counts("labels", right, size, size);
    each = List.copyOf(counts.values());
    Counts sum = new Counts("all", 0, 0, 0);
    for (Counts one : each) {
      sum = sum.plus(one.right, one.found, one.wanted);
    }
    all = sum;
  }

  private static void count(Map<String, Counts> counts, List<String> gold, List<String> got) {
    boolean same = gold.equals(got);
    gold.forEach(name -> counts.merge(name, new Counts(name, same ? 1 : 0, 0, 1), Evaluation::sum));
    got.forEach(name -> counts.merge(name, new Counts(name, 0, 1, 0), Evaluation::sum));
  }

  private static void spans(
      Map<String, Counts> counts,
      Collection<SpanScheme.Span> gold,
      Collection<SpanScheme.Span> got) {
    Set<SpanScheme.Span> there = new HashSet<>(gold);
    gold.forEach(
        span -> counts.merge(span.type(), new Counts(span.type(), 0, 0, 1), Evaluation::sum));
    got.forEach(
        span ->
            counts.merge(
                span.type(),
                new Counts(span.type(), there.contains(span) ? 1 : 0, 1, 0),
                Evaluation::sum));
  }

  private static Counts sum(Counts a, Counts b) {
    return a.plus(b.right, b.found, b.wanted);
  }

  /** Whether spans were evaluated, not single labels. */
  public boolean ofSpans() {
    return spans;
  }

  /** The share of labels that are correct, 0 to 1, also if spans were evaluated. */
  public double accuracy() {
    return labels.precision();
  }

  /**
   * The counts of all spans or labels together. Their F1 is conlleval's for spans, and the accuracy
   * for other labels.
   */
  public Counts all() {
    return all;
  }

  /**
   * The counts of each type of span or each label that occurs in the data or predictions, sorted by
   * name.
   */
  public List<Counts> each() {
    return each;
  }

  /** The unweighted mean of the F1 of all types or labels. */
  public double macroF1() {
    return each.stream().mapToDouble(Counts::f1).average().orElse(0);
  }

  /**
   * How often a correct label (first key) was predicted as a label (second key); empty if spans
   * were evaluated.
   */
  public Map<String, Map<String, Long>> confusion() {
    return Collections.unmodifiableMap(confusion);
  }

  /** The score by which training selects an epoch: the F1 of spans, else the accuracy. */
  double score() {
    return spans ? all.f1() : accuracy();
  }
}
