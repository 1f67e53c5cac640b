// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.train.LabeledData.Task;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tests the values of class weights and their effect on training. GradientTest tests their
 * gradients.
 */
class ClassWeightsTest {
  private static final List<String> LABELS = List.of(",", "A", "B", "a=b");

  private static double[] weights(String text, int[]... targets) {
    return ClassWeights.parse(text).of(LABELS, List.of(targets));
  }

  /**
   * The wanted numbers are those of scikit-learn 1.x: compute_class_weight("balanced", y=[1] * 6 +
   * [2] * 2 + [3] * 4).
   */
  @Test
  void balancedIsAllOverTheNumberOfLabelsTimesThisOnes() {
    int[] first = {1, 1, 1, 2, 3, 3};
    assertArrayEquals(
        new double[] {1, 12 / 18.0, 12 / 6.0, 12 / 12.0},
        weights("balanced", first, new int[] {1, 1, 1, 2, 3, 3}),
        1e-15);
  }

  @Test
  void namedLabelsGetTheirWeightsAndAllOthersOne() {
    assertArrayEquals(new double[] {1, 1, 2.5, 1}, weights("B=2.5"));
    // Labels may contain the separators.
    assertArrayEquals(new double[] {3, 1, 2e-1, 4}, weights("B=2e-1,,=3,a=b=4"));
    assertArrayEquals(
        new double[] {1, 7, 1, 1}, ClassWeights.of(Map.of("A", 7.0)).of(LABELS, List.of()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "A", "A=", "A=x", "A=1,", "A=1,B", "A=1,A=2", "A=1e", "=1", "even"})
  void otherTextsAreRefused(String text) {
    ElmoException e = assertThrows(ElmoException.class, () -> ClassWeights.parse(text), text);
    assertEquals(
        "class weights: expected balanced or LABEL=W,..., each label once, found \"" + text + "\"",
        e.getMessage());
  }

  @Test
  void equalWeightsAreEqualAndTheirTextIsParsed() {
    ClassWeights weights = ClassWeights.of(Map.of("A", 7.0, "B", 0.5));
    assertEquals(weights, ClassWeights.parse("B=0.5,A=7"));
    assertEquals(weights.hashCode(), ClassWeights.parse("B=0.5,A=7").hashCode());
    assertEquals(weights, ClassWeights.parse(weights.toString()));
    assertNotEquals(weights, ClassWeights.parse("A=7"));
    assertEquals(ClassWeights.balanced(), ClassWeights.parse(ClassWeights.balanced().toString()));
    assertNotEquals(weights, ClassWeights.balanced());
  }

  private static String failure(Runnable call) {
    return assertThrows(ElmoException.class, call::run).getMessage();
  }

  @Test
  void weightsAndLabelsThatCannotBeAreRefused() {
    for (String zero : List.of("0", "1e7", "1e-7")) {
      assertEquals(
          "class weight of \"A\": expected a number from 1e-6 to 1e6, found "
              + Double.parseDouble(zero),
          failure(() -> ClassWeights.parse("A=" + zero)));
    }
    assertEquals(
        "class weights: expected labels of the training data (,, A, B, a=b), found \"C\"",
        failure(() -> weights("C=1")));
  }

  /**
   * All sentences have the same text, 95 with one label and 5 with the other, so a classifier can
   * learn only the share of each label.
   */
  @Test
  void rareLabelsAreFoundMoreOften() {
    List<LabeledSentence> all = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      all.add(
          new LabeledSentence(List.of("the", "dog"), List.of(i % 20 == 0 ? "rare" : "frequent")));
    }
    LabeledData data = LabeledData.of("data", Task.SENTENCES, all);
    try (ElmoModel model = ElmoModel.miniEnglish()) {
      MixTrainer trainer = new MixTrainer().compare(false).dropout(0).epochs(60).patience(60);
      List<List<String>> one = List.of(List.of("the", "dog"));
      // The loss is smallest if the probability is the weighted share: 0.05, 0.5 and 0.75.
      double plain = rare(trainer, data, model, one);
      double balanced = rare(trainer.classWeights(ClassWeights.balanced()), data, model, one);
      double more =
          rare(trainer.classWeights(ClassWeights.of(Map.of("rare", 57.0))), data, model, one);
      assertEquals(0.05, plain, 0.03);
      assertEquals(0.5, balanced, 0.1);
      assertEquals(0.75, more, 0.1);
      assertTrue(
          failure(() -> trainer.crf(true).fit(model, data, data))
              .contains("found labels of sentences"));
      LabeledData tokens =
          LabeledData.of(
              "tokens",
              Task.TOKENS,
              List.of(new LabeledSentence(List.of("a", "b"), List.of("rare", "B"))));
      assertEquals(
          "class weights: expected a linear head, found a CRF",
          failure(() -> trainer.fit(model, tokens, tokens)));
    }
  }

  private static double rare(
      MixTrainer trainer, LabeledData data, ElmoModel model, List<List<String>> one) {
    return trainer
        .fit(model, data, data)
        .classifier()
        .predictWithScores(model, one)
        .get(0)
        .get(0)
        .probabilities()
        .get("rare");
  }
}
