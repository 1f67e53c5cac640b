// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.files.Json;

/**
 * How much each label's cross-entropy counts in training: the loss is {@code sum(w[label(i)] * -log
 * p(label(i))) / n} over n labels, so that rare labels are not drowned by frequent ones. The share
 * of right labels that decides which epoch is kept counts each label likewise: {@code
 * sum(w[label(i)] * right(i)) / sum(w[label(i)])}. Immutable; any thread may use it.
 */
public final class ClassWeights {
  private static final double LEAST = 1e-6;
  private static final double MOST = 1e6;
  private static final String BALANCED = "balanced";

  /** A label, which may hold commas and equals signs itself, and its weight. */
  private static final Pattern ENTRY = Pattern.compile("\\G(.+?)=([0-9][0-9.eE+-]*)(?:,(?!$)|$)");

  private final Map<String, Double> weights; // null for balanced

  private ClassWeights(Map<String, Double> weights) {
    this.weights = weights;
  }

  /**
   * Each label counts the same in sum: a label's weight is {@code n / (k * n_c)}, with n labels in
   * the training data, k different ones, and n_c times this one. This is scikit-learn's {@code
   * class_weight="balanced"}.
   */
  public static ClassWeights balanced() {
    return new ClassWeights(null);
  }

  /**
   * The weights of some labels; all others weigh 1.
   *
   * @throws ElmoException if a weight is not between 1e-6 and 1e6
   */
  public static ClassWeights of(Map<String, Double> weights) {
    Arguments.require(weights, "weights");
    Map<String, Double> copy = new LinkedHashMap<>();
    weights.forEach(
        (label, weight) -> {
          Arguments.require(label, "label of the class weights");
          if (weight == null || !(weight >= LEAST && weight <= MOST)) {
            throw new ElmoException(
                "class weight of "
                    + Json.brief(label)
                    + ": expected a number from 1e-6 to 1e6, found "
                    + weight);
          }
          copy.put(label, weight);
        });
    return new ClassWeights(copy);
  }

  /**
   * Reads {@code balanced}, or labels and weights: {@code LABEL=W,LABEL=W}.
   *
   * @throws ElmoException if the text is neither, names a label twice, or as {@link #of}
   */
  public static ClassWeights parse(String text) {
    Arguments.require(text, "class weights");
    if (text.equals(BALANCED)) {
      return balanced();
    }
    Map<String, Double> weights = new LinkedHashMap<>();
    Matcher entry = ENTRY.matcher(text);
    int end = 0;
    while (entry.find()) {
      Double weight = number(entry.group(2));
      if (weight == null || weights.put(entry.group(1), weight) != null) {
        break;
      }
      end = entry.end();
    }
    if (weights.isEmpty() || end < text.length()) {
      throw new ElmoException(
          "class weights: expected balanced or LABEL=W,..., each label once, found "
              + Json.brief(text));
    }
    return of(weights);
  }

  private static Double number(String text) {
    try {
      return Double.valueOf(text);
    } catch (NumberFormatException e) {
      return null;
    }
  }

  /**
   * The weights of all labels, in their order.
   *
   * @param targets the labels' numbers in the training data, a sentence each
   * @throws ElmoException if a label that has a weight is none of them
   */
  double[] of(List<String> labels, List<int[]> targets) {
    double[] all = new double[labels.size()];
    Arrays.fill(all, 1);
    if (weights == null) {
      long[] counts = new long[all.length];
      targets.forEach(target -> Arrays.stream(target).forEach(label -> counts[label]++));
      long n = Arrays.stream(counts).sum();
      long k = Arrays.stream(counts).filter(count -> count > 0).count();
      // A label that only the sentences held back have is never learned: its weight is not used.
      Arrays.setAll(all, c -> counts[c] == 0 ? 1 : n / ((double) k * counts[c]));
      return all;
    }
    weights.forEach(
        (label, weight) -> {
          int at = labels.indexOf(label);
          if (at < 0) {
            throw new ElmoException(
                "class weights: expected labels of the training data ("
                    + String.join(", ", labels.subList(0, Math.min(5, labels.size())))
                    + (labels.size() > 5 ? ", ..." : "")
                    + "), found "
                    + Json.brief(label));
          }
          all[at] = weight;
        });
    return all;
  }
}
