// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.Arrays;
import java.util.List;

/**
 * A linear-chain conditional random field over the labels of a sentence (Lafferty et al. 2001). A
 * path is a sequence with one label for each token. Its score is the sum of the scores of its
 * labels and its transitions. Paths with a transition that the scheme forbids are excluded.
 * Immutable and thread-safe.
 *
 * <p>The parameters are [classes + 2, classes]. The first rows are the scores of transitions from
 * each label, the next row those from the sentence's start, and the last row those from each label
 * to the sentence's end.
 */
final class Crf {
  private static final double NEVER = Double.NEGATIVE_INFINITY;

  private final int classes;
  private final boolean[][] forbidden; // [classes + 2][classes]

  /**
   * @param scheme decides which transitions are forbidden; null to forbid none
   */
  Crf(List<String> labels, SpanScheme scheme) {
    classes = labels.size();
    forbidden = new boolean[classes + 2][classes];
    for (int from = 0; scheme != null && from <= classes; from++) {
      for (int to = 0; to < classes; to++) {
        String before = from == classes ? "O" : labels.get(from);
        forbidden[from][to] = !scheme.allows(before, labels.get(to));
        forbidden[classes + 1][to] = !scheme.allows(labels.get(to), "O");
      }
    }
  }

  static int size(int classes) {
    return (classes + 2) * classes;
  }

  /** Returns the scores of all transitions; negative infinity for forbidden ones. */
  private double[][] transitions(float[] parameters) {
    double[][] transitions = new double[classes + 2][classes];
    for (int from = 0; from < transitions.length; from++) {
      for (int to = 0; to < classes; to++) {
        transitions[from][to] = forbidden[from][to] ? NEVER : parameters[from * classes + to];
      }
    }
    return transitions;
  }

  private static double logSum(double[] terms) {
    double most = Arrays.stream(terms).max().orElse(NEVER);
    if (most == NEVER) {
      return NEVER;
    }
    double sum = 0;
    for (double term : terms) {
      sum += Math.exp(term - most);
    }
    return most + Math.log(sum);
  }

  /**
   * Returns [tokens][classes]: the logarithm of the sum of exp(score) over all paths from the
   * sentence's start to a token that has a label there.
   */
  private double[][] forward(float[] scores, int at, int tokens, double[][] transitions) {
    double[][] alpha = new double[tokens][classes];
    double[] terms = new double[classes];
    for (int t = 0; t < tokens; t++) {
      for (int c = 0; c < classes; c++) {
        if (t > 0) {
          for (int b = 0; b < classes; b++) {
            terms[b] = alpha[t - 1][b] + transitions[b][c];
          }
        }
        double before = t == 0 ? transitions[classes][c] : logSum(terms);
        alpha[t][c] = before + scores[(at + t) * classes + c];
      }
    }
    return alpha;
  }

  /**
   * Returns the same over all paths from a token that has a label to the sentence's end. The scores
   * of the token itself are not included.
   */
  private double[][] backward(float[] scores, int at, int tokens, double[][] transitions) {
    double[][] beta = new double[tokens][classes];
    double[] terms = new double[classes];
    for (int t = tokens - 1; t >= 0; t--) {
      for (int c = 0; c < classes; c++) {
        if (t == tokens - 1) {
          beta[t][c] = transitions[classes + 1][c];
          continue;
        }
        for (int a = 0; a < classes; a++) {
          terms[a] = transitions[c][a] + scores[(at + t + 1) * classes + a] + beta[t + 1][a];
        }
        beta[t][c] = logSum(terms);
      }
    }
    return beta;
  }

  private double total(double[] last, double[][] transitions) {
    double[] terms = new double[classes];
    Arrays.setAll(terms, c -> last[c] + transitions[classes + 1][c]);
    return logSum(terms);
  }

  /**
   * Returns the sum of the negative log-likelihoods of all sentences, and writes its gradients
   * divided by the number of rows. A sentence whose labels are not a permitted path adds nothing to
   * the loss or the gradients.
   *
   * @param scores [rows, classes], replaced by their gradients
   * @param lengths the number of rows of each sentence
   * @param labels the correct label of each row
   * @param parameters the scores of transitions
   * @param toParameters receives the gradients of {@code parameters}; null if they are not needed
   */
  double loss(
      float[] scores, int[] lengths, int[] labels, float[] parameters, float[] toParameters) {
    double[][] transitions = transitions(parameters);
    double[][] sum = new double[classes + 2][classes];
    double loss = 0;
    int at = 0;
    for (int tokens : lengths) {
      if (tokens > 0) {
        loss += sentence(scores, at, tokens, labels, transitions, sum);
        at += tokens;
      }
    }
    for (int i = 0; i < at * classes; i++) {
      scores[i] /= at;
    }
    if (toParameters != null) {
      for (int i = 0; i < toParameters.length; i++) {
        toParameters[i] = (float) (sum[i / classes][i % classes] / Math.max(1, at));
      }
    }
    return loss;
  }

  private double sentence(
      float[] scores, int at, int tokens, int[] labels, double[][] transitions, double[][] sum) {
    double path = 0;
    for (int t = 0; t < tokens; t++) {
      int label = labels[at + t];
      int before = t == 0 ? classes : labels[at + t - 1];
      boolean known = label >= 0 && label < classes && before >= 0 && before <= classes;
      path += known ? transitions[before][label] + scores[(at + t) * classes + label] : NEVER;
    }
    path += path == NEVER ? 0 : transitions[classes + 1][labels[at + tokens - 1]];
    if (path == NEVER) {
      Arrays.fill(scores, at * classes, (at + tokens) * classes, 0);
      return 0;
    }
    double[][] alpha = forward(scores, at, tokens, transitions);
    double[][] beta = backward(scores, at, tokens, transitions);
    double all = total(alpha[tokens - 1], transitions);
    for (int t = 0; t < tokens; t++) {
      for (int c = 0; c < classes; c++) {
        if (t > 0) {
          double behind = scores[(at + t) * classes + c] + beta[t][c] - all;
          for (int b = 0; b < classes; b++) {
            sum[b][c] += Math.exp(alpha[t - 1][b] + transitions[b][c] + behind);
          }
        }
      }
    }
    for (int t = tokens - 1; t >= 0; t--) {
      int label = labels[at + t];
      for (int c = 0; c < classes; c++) {
        double here = Math.exp(alpha[t][c] + beta[t][c] - all);
        sum[classes][c] += t == 0 ? here : 0;
        sum[classes + 1][c] += t == tokens - 1 ? here : 0;
      }
      sum[t == 0 ? classes : labels[at + t - 1]][label]--;
      sum[classes + 1][label] -= t == tokens - 1 ? 1 : 0;
    }
    for (int t = 0; t < tokens; t++) {
      for (int c = 0; c < classes; c++) {
        double here = Math.exp(alpha[t][c] + beta[t][c] - all);
        scores[(at + t) * classes + c] = (float) (here - (labels[at + t] == c ? 1 : 0));
      }
    }
    return all - path;
  }

  /** Returns the path with the highest score of each sentence, as one label for each row. */
  int[] best(float[] scores, int[] lengths, float[] parameters) {
    double[][] transitions = transitions(parameters);
    int[] best = new int[scores.length / classes];
    int at = 0;
    for (int tokens : lengths) {
      double[] score = new double[classes];
      int[][] from = new int[tokens][classes];
      for (int t = 0; t < tokens; t++) {
        double[] next = new double[classes];
        for (int c = 0; c < classes; c++) {
          int top = 0;
          for (int b = 1; t > 0 && b < classes; b++) {
            top = score[b] + transitions[b][c] > score[top] + transitions[top][c] ? b : top;
          }
          from[t][c] = top;
          double before = t == 0 ? transitions[classes][c] : score[top] + transitions[top][c];
          next[c] = before + scores[(at + t) * classes + c];
        }
        score = next;
      }
      int last = 0;
      for (int c = 1; c < classes; c++) {
        double[] end = transitions[classes + 1];
        last = score[c] + end[c] > score[last] + end[last] ? c : last;
      }
      for (int t = tokens - 1; t >= 0; t--) {
        best[at + t] = last;
        last = from[t][last];
      }
      at += tokens;
    }
    return best;
  }

  /**
   * Returns the marginal probability of each label at each row of one sentence: [rows][classes].
   */
  double[][] probabilities(float[] scores, int tokens, float[] parameters) {
    double[][] transitions = transitions(parameters);
    double[][] alpha = forward(scores, 0, tokens, transitions);
    double[][] beta = backward(scores, 0, tokens, transitions);
    for (int t = 0; t < tokens; t++) {
      double all = total(alpha[tokens - 1], transitions);
      for (int c = 0; c < classes; c++) {
        beta[t][c] = Math.exp(alpha[t][c] + beta[t][c] - all);
      }
    }
    return beta;
  }
}
