// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.NullSource;

/** Compares the CRF with sums over all paths of a sentence, computed one by one. */
class CrfTest {
  private static final List<String> LABELS =
      List.of("B-A", "B-B", "E-A", "E-B", "I-A", "I-B", "O", "S-A");
  private static final int CLASSES = LABELS.size();
  private static final int[] LENGTHS = {3, 1, 0, 4};
  private static final int ROWS = 8;

  private final Random random = new Random(3);
  private final double[] scores = random.doubles(ROWS * CLASSES, -2, 2).toArray();
  private final double[] transitions = random.doubles(Crf.size(CLASSES), -2, 2).toArray();

  private static float[] floats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  private static List<String> labels(SpanScheme scheme) {
    return scheme == SpanScheme.BIOES || scheme == null
        ? LABELS
        : List.of("B-A", "B-B", "B-C", "B-D", "I-A", "I-B", "O", "I-D");
  }

  /** Returns every labelling of a sentence that the scheme allows. */
  private static List<int[]> paths(List<String> labels, SpanScheme scheme, int tokens) {
    List<int[]> paths = new ArrayList<>();
    for (int n = 0; n < Math.pow(CLASSES, tokens); n++) {
      int[] path = new int[tokens];
      String before = "O";
      boolean allowed = true;
      for (int t = 0, rest = n; t < tokens; t++, rest /= CLASSES) {
        path[t] = rest % CLASSES;
        allowed &= scheme == null || scheme.allows(before, labels.get(path[t]));
        before = labels.get(path[t]);
      }
      if (allowed && (scheme == null || scheme.allows(before, "O"))) {
        paths.add(path);
      }
    }
    return paths;
  }

  private double score(int[] path, int at) {
    double score = 0;
    for (int t = 0; t < path.length; t++) {
      int from = t == 0 ? CLASSES : path[t - 1];
      score += transitions[from * CLASSES + path[t]] + scores[(at + t) * CLASSES + path[t]];
    }
    return score + transitions[(CLASSES + 1) * CLASSES + path[path.length - 1]];
  }

  @ParameterizedTest
  @NullSource
  @EnumSource(SpanScheme.class)
  void lossGradientsBestPathAndProbabilitiesAreThoseOfAllPaths(SpanScheme scheme) {
    List<String> names = labels(scheme);
    Crf crf = new Crf(names, scheme);
    for (double[] values : List.of(scores, transitions)) {
      Arrays.setAll(values, i -> (float) values[i]);
    }
    List<List<int[]>> all = new ArrayList<>();
    int[] gold = new int[ROWS];
    int start = 0;
    for (int tokens : LENGTHS) {
      List<int[]> paths = tokens == 0 ? List.of() : paths(names, scheme, tokens);
      all.add(paths);
      if (tokens > 0) {
        System.arraycopy(paths.get(random.nextInt(paths.size())), 0, gold, start, tokens);
      }
      start += tokens;
    }
    DoubleSupplier loss =
        () -> {
          double sum = 0;
          int at = 0;
          for (int s = 0; s < LENGTHS.length; s++) {
            int from = at;
            if (LENGTHS[s] > 0) {
              double z = all.get(s).stream().mapToDouble(p -> Math.exp(score(p, from))).sum();
              sum += Math.log(z) - score(Arrays.copyOfRange(gold, at, at + LENGTHS[s]), at);
            }
            at += LENGTHS[s];
          }
          return sum;
        };
    float[] toScores = floats(scores);
    float[] toTransitions = new float[transitions.length];
    double got = crf.loss(toScores, LENGTHS, gold, floats(transitions), toTransitions);
    assertEquals(loss.getAsDouble(), got, 1e-9);
    for (int i = 0; i < scores.length; i++) {
      assertEquals(MixOracle.derivative(scores, i, loss) / ROWS, toScores[i], 1e-7, "score " + i);
    }
    for (int i = 0; i < transitions.length; i++) {
      assertEquals(
          MixOracle.derivative(transitions, i, loss) / ROWS,
          toTransitions[i],
          1e-7,
          "transition " + i);
    }

    int[] best = crf.best(floats(scores), LENGTHS, floats(transitions));
    int at = 0;
    for (int s = 0; s < LENGTHS.length; s++) {
      int tokens = LENGTHS[s];
      if (tokens > 0) {
        int from = at;
        int[] wanted =
            all.get(s).stream().max((a, b) -> Double.compare(score(a, from), score(b, from))).get();
        assertArrayEquals(wanted, Arrays.copyOfRange(best, at, at + tokens));
        float[] own = floats(Arrays.copyOfRange(scores, at * CLASSES, (at + tokens) * CLASSES));
        double[][] probabilities = crf.probabilities(own, tokens, floats(transitions));
        double z = all.get(s).stream().mapToDouble(p -> Math.exp(score(p, from))).sum();
        for (int t = 0; t < tokens; t++) {
          for (int c = 0; c < CLASSES; c++) {
            double sum = 0;
            for (int[] path : all.get(s)) {
              sum += path[t] == c ? Math.exp(score(path, from)) / z : 0;
            }
            assertEquals(sum, probabilities[t][c], 1e-9);
          }
        }
      }
      at += tokens;
    }
  }

  @ParameterizedTest
  @EnumSource(SpanScheme.class)
  void whatIsForbiddenNeverComesOutWhateverTheScores(SpanScheme scheme) {
    List<String> names = labels(scheme);
    Crf crf = new Crf(names, scheme);
    for (int n = 0; n < 500; n++) {
      float[] some = floats(random.doubles(12 * CLASSES, -50, 50).toArray());
      float[] between = floats(random.doubles(Crf.size(CLASSES), -50, 50).toArray());
      String before = "O";
      for (int label : crf.best(some, new int[] {12}, between)) {
        assertTrue(scheme.allows(before, names.get(label)), before + " " + names.get(label));
        before = names.get(label);
      }
      assertTrue(scheme.allows(before, "O"), before);
    }
  }

  @ParameterizedTest
  @EnumSource(SpanScheme.class)
  void aSentenceThatBreaksTheSchemeTeachesNothing(SpanScheme scheme) {
    List<String> names = labels(scheme);
    int[] gold = scheme == SpanScheme.IOB1 ? new int[] {6, 0} : new int[] {6, 4};
    float[] some = floats(Arrays.copyOf(scores, 2 * CLASSES));
    float[] to = new float[Crf.size(CLASSES)];
    double loss = new Crf(names, scheme).loss(some, new int[] {2}, gold, floats(transitions), to);
    assertEquals(0, loss);
    assertArrayEquals(new float[2 * CLASSES], some);
    assertArrayEquals(new float[Crf.size(CLASSES)], to);
  }
}
