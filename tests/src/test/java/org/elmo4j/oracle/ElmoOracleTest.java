// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.oracle;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compares the oracle's results with golden numbers that another program, in another language,
 * computed.
 */
class ElmoOracleTest {
  private static final double TOLERANCE = 2e-6;

  static List<GoldenCase> cases() {
    return GoldenCase.all();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void layersFromZeroState(GoldenCase golden) {
    ElmoOracle oracle = new ElmoOracle(golden.options(), golden.weights());
    float[][][][] expected = golden.layers();
    for (int s = 0; s < expected.length; s++) {
      double[][][] layers = oracle.layers(golden.sentences().get(s), oracle.zeroState());
      assertEquals(expected[s].length, layers.length);
      for (int k = 0; k < layers.length; k++) {
        assertRows(golden + " sentence " + s + " layer " + k, expected[s][k], layers[k]);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void layersWithStateCarriedBetweenBatchesOfThree(GoldenCase golden) {
    ElmoOracle oracle = new ElmoOracle(golden.options(), golden.weights());
    List<ElmoOracle.State> rows =
        List.of(oracle.zeroState(), oracle.zeroState(), oracle.zeroState());
    float[][][][] expected = golden.statefulLayers();
    for (int s = 0; s < expected.length; s++) {
      double[][][] layers = oracle.layers(golden.sentences().get(s), rows.get(s % 3));
      for (int k = 0; k < layers.length; k++) {
        assertRows(golden + " stateful sentence " + s + " layer " + k, expected[s][k], layers[k]);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void mixOfAllLayers(GoldenCase golden) {
    ElmoOracle oracle = new ElmoOracle(golden.options(), golden.weights());
    float[][][] expected = golden.mixed();
    for (int s = 0; s < expected.length; s++) {
      double[][][] layers = oracle.layers(golden.sentences().get(s), oracle.zeroState());
      assertRows(
          golden + " mix of sentence " + s, expected[s], ElmoOracle.mix(layers, golden.mix()));
    }
  }

  @Test
  void theGoldenSentencesAreAllThere() {
    for (GoldenCase golden : cases()) {
      List<Integer> lengths = new ArrayList<>();
      golden.sentences().forEach(sentence -> lengths.add(sentence.size()));
      assertEquals(List.of(3, 11, 7, 6, 1, 3, 5, 3, 16, 70), lengths, golden.toString());
    }
  }

  @Test
  void aTokenIsItsUtf8BytesBetweenWordBoundaries() {
    assertArrayEquals(new int[] {258, 259, 260, 260, 260, 260}, ElmoOracle.characterIds("", 6));
    assertArrayEquals(new int[] {258, 256, 259, 260, 260, 260}, ElmoOracle.characterIds("<S>", 6));
    assertArrayEquals(new int[] {258, 257, 259, 260, 260, 260}, ElmoOracle.characterIds("</S>", 6));
    assertArrayEquals(new int[] {258, 0xC3, 0xA9, 259, 260, 260}, ElmoOracle.characterIds("é", 6));
    assertArrayEquals(
        new int[] {258, 0xF0, 0x9F, 0x98, 0x80, 259}, ElmoOracle.characterIds("😀", 6));
    assertArrayEquals(
        new int[] {258, 'a', 0xE6, 0x97, 0xA5, 259}, ElmoOracle.characterIds("a日b", 6));
    assertArrayEquals(
        new int[] {258, 'a', 'b', 0xE6, 0x97, 259}, ElmoOracle.characterIds("ab日", 6));
    assertArrayEquals(
        new int[] {258, 'a', 'b', 259, 260, 260}, ElmoOracle.characterIds("a\uD83Db", 6));
  }

  private static void assertRows(String what, float[][] expected, double[][] actual) {
    assertEquals(expected.length, actual.length, what);
    for (int t = 0; t < actual.length; t++) {
      assertEquals(expected[t].length, actual[t].length, what);
      for (int n = 0; n < actual[t].length; n++) {
        assertEquals(expected[t][n], actual[t][n], TOLERANCE, what + " token " + t + " index " + n);
      }
    }
  }
}
