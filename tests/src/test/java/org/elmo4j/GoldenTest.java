// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.elmo4j.oracle.GoldenCase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Loads the golden models through the public API from files as users have them, and compares the
 * results with the numbers that another program computed.
 */
class GoldenTest {
  static List<GoldenCase> cases() {
    return GoldenCase.all();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void allSentencesInOneCall(GoldenCase golden) {
    try (ElmoModel model = ElmoModel.load(golden.folder())) {
      assertLayers(model, golden, IntStream.range(0, golden.sentences().size()).boxed().toList());
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void eachSentenceAlone(GoldenCase golden) {
    try (ElmoModel model = ElmoModel.load(golden.folder())) {
      for (int s = 0; s < golden.sentences().size(); s++) {
        assertLayers(model, golden, List.of(s));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void sentencesInAnyOrderAndAnyBatch(GoldenCase golden) {
    Random random = new Random(1);
    try (ElmoModel model = ElmoModel.load(golden.folder())) {
      int rounds = model.device().isCuda() ? 1 : 4; // The emulator is slow.
      for (int round = 0; round < rounds; round++) {
        List<Integer> order =
            new ArrayList<>(IntStream.range(0, golden.sentences().size()).boxed().toList());
        Collections.shuffle(order, random);
        int cut = 1 + random.nextInt(order.size() - 1);
        assertLayers(model, golden, order.subList(0, cut));
        assertLayers(model, golden, order.subList(cut, order.size()));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void stateCarriedBetweenBatchesOfThree(GoldenCase golden) {
    float[][][][] expected = golden.statefulLayers();
    int sentences = golden.sentences().size();
    try (ElmoModel model = ElmoModel.load(golden.folder());
        ElmoSession session = model.session()) {
      for (int start = 0; start < sentences; start += 3) {
        List<List<String>> batch =
            golden.sentences().subList(start, Math.min(start + 3, sentences));
        try (Embeddings embeddings = session.embed(batch, layers(golden))) {
          for (int row = 0; row < batch.size(); row++) {
            assertSentence(
                golden + " stateful", expected[start + row], embeddings, start + row, row);
          }
        }
      }
      assertEquals(3, session.rows());
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void mixOfAllLayers(GoldenCase golden) {
    float[][][] expected = golden.mixed();
    Layer elmo = Layer.elmo(golden.mix());
    try (ElmoModel model = ElmoModel.load(golden.folder());
        Embeddings embeddings = model.embed(golden.sentences(), elmo)) {
      for (int s = 0; s < expected.length; s++) {
        Expected.assertClose(
            golden + " mix, sentence " + s,
            expected[s],
            embeddings.get(elmo, s).toArray(),
            Expected.TOLERANCE);
      }
    }
  }

  @Test
  void theSmallEnglishModelWhoseWeightsAreStoredInHalfPrecision() {
    GoldenCase golden = GoldenCase.named("mini-en");
    float[][][][] expected = golden.layers();
    try (ElmoModel model = ElmoModel.miniEnglish();
        Embeddings embeddings =
            model.embed(golden.sentences(), Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2))) {
      for (int s = 0; s < expected.length; s++) {
        assertSentence("mini-en", expected[s], embeddings, s, s, 5e-3);
      }
    }
  }

  private static Layer[] layers(GoldenCase golden) {
    List<Layer> layers = new ArrayList<>(List.of(Layer.WORD_EMB));
    for (int k = 1; k <= golden.options().lstmLayers(); k++) {
      layers.add(Layer.lstm(k));
    }
    return layers.toArray(Layer[]::new);
  }

  /**
   * Embeds the sentences with these numbers in one call and compares their layers with the golden
   * ones.
   */
  private static void assertLayers(ElmoModel model, GoldenCase golden, List<Integer> numbers) {
    float[][][][] expected = golden.layers();
    List<List<String>> batch = numbers.stream().map(golden.sentences()::get).toList();
    try (Embeddings embeddings = model.embed(batch, layers(golden))) {
      for (int row = 0; row < batch.size(); row++) {
        int s = numbers.get(row);
        assertSentence(golden.toString(), expected[s], embeddings, s, row);
      }
    }
  }

  private static void assertSentence(
      String what, float[][][] expected, Embeddings embeddings, int sentence, int row) {
    assertSentence(what, expected, embeddings, sentence, row, Expected.TOLERANCE);
  }

  private static void assertSentence(
      String what,
      float[][][] expected,
      Embeddings embeddings,
      int sentence,
      int row,
      double tolerance) {
    for (int k = 0; k < expected.length; k++) {
      float[][] wanted = expected[k];
      Layer layer = Layer.WORD_EMB;
      if (k == 0) { // The file stores layer 0 as two equal halves.
        wanted =
            Arrays.stream(wanted).map(r -> Arrays.copyOf(r, r.length / 2)).toArray(float[][]::new);
      } else {
        layer = Layer.lstm(k);
      }
      Expected.assertClose(
          what + ", sentence " + sentence + ", " + layer,
          wanted,
          embeddings.get(layer, row).toArray(),
          tolerance);
    }
  }
}
