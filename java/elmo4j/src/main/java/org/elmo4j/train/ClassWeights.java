// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.files.Json;

/**
 * The weight of each label in training, so that frequent labels do not dominate rare ones. The loss
 * over n labels is {@code sum(w[label(i)] * -log p(label(i))) / n}. The share of correct labels,
 * which decides which epoch is kept, is weighted too: {@code sum(w[label(i)] * right(i)) /
 * sum(w[label(i)])}. Immutable and thread-safe.
 */
public final class ClassWeights {
  private static final double LEAST = 1e-6;
  private static final double MOST = 1e6;
  private static final String BALANCED = "balanced";

  /** A label, which may contain commas and equals signs, and its weight. */
  private static final Pattern ENTRY = Pattern.compile("\\G(.+?)=([0-9][0-9.eE+-]*)(?:,(?!$)|$)");

  private final Map<String, Double> weights; // null for balanced

  private ClassWeights(Map<String, Double> weights) {
    this.weights = weights;
  }

  /**
   * Returns weights with which all labels have the same total weight in the training data. The
   * weight of a label is {@code n / (k * n_c)}, where n is the number of labels in the training
   * data, k is the number of different labels, and n_c is how often this label occurs. This is
   * scikit-learn's {@code class_weight="balanced"}.
   */
  public static ClassWeights balanced() {
    return new ClassWeights(null);
  }

  /**
   * Returns the given weights. Labels that are not given have the weight 1.
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
   * Parses {@code balanced}, or labels and weights as {@code LABEL=W,LABEL=W}.
   *
   * @throws ElmoException if the text is neither, contains a label twice, and like {@link #of}
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
   * Returns the weight of each label, in the order of {@code labels}.
   *
   * @param targets the indexes of the labels in the training data, one array for each sentence
   * @throws ElmoException if a label that has a weight is not among {@code labels}
   */
  double[] of(List<String> labels, List<int[]> targets) {
    double[] all = new double[labels.size()];
    Arrays.fill(all, 1);
    if (weights == null) {
      long[] counts = new long[all.length];
      targets.forEach(target -> Arrays.stream(target).forEach(label -> counts[label]++));
      long n = Arrays.stream(counts).sum();
      long k = Arrays.stream(counts).filter(count -> count > 0).count();
      // A label that occurs only in held-back sentences is never learned, so its weight is not
      // used.
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

  @Override
  public boolean equals(Object other) {
    return other instanceof ClassWeights o && Objects.equals(weights, o.weights);
  }

  @Override
  public int hashCode() {
    return Objects.hashCode(weights);
  }

  /** Returns the text that {@link #parse} takes. */
  @Override
  public String toString() {
    return weights == null
        ? BALANCED
        : weights.entrySet().stream()
            .map(entry -> entry.getKey() + "=" + entry.getValue())
            .collect(Collectors.joining(","));
  }
}
