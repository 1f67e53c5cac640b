// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
  /** Sentences of at most 16 tokens; the tenth has 70, which takes long on the emulator. */
  private static final int SHORT = 9;

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
      for (int s = 0; s < some(golden); s++) {
        assertLayers(model, golden, List.of(s));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void sentencesInAnyOrderAndAnyBatch(GoldenCase golden) {
    Random random = new Random(1);
    try (ElmoModel model = ElmoModel.load(golden.folder())) {
      int rounds = Cuda.emulated() ? 1 : 4;
      for (int round = 0; round < rounds; round++) {
        List<Integer> order = new ArrayList<>(IntStream.range(0, some(golden)).boxed().toList());
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
        Embeddings embeddings = model.embed(golden.sentences().subList(0, some(golden)), elmo)) {
      for (int s = 0; s < embeddings.batchSize(); s++) {
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
    int sentences = golden.sentences().size();
    try (ElmoModel model = ElmoModel.miniEnglish()) {
      int longest = Cuda.emulated() ? 6 : Integer.MAX_VALUE;
      List<Integer> numbers =
          IntStream.range(0, sentences)
              .filter(s -> golden.sentences().get(s).size() <= longest)
              .boxed()
              .toList();
      assertTrue(numbers.size() >= 5);
      assertLayers(model, golden, numbers, 5e-3);
    }
  }

  /** Returns how many sentences to embed: not all on the emulator. */
  private static int some(GoldenCase golden) {
    return Cuda.emulated() ? SHORT : golden.sentences().size();
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
    assertLayers(model, golden, numbers, Expected.TOLERANCE);
  }

  private static void assertLayers(
      ElmoModel model, GoldenCase golden, List<Integer> numbers, double tolerance) {
    float[][][][] expected = golden.layers();
    List<List<String>> batch = numbers.stream().map(golden.sentences()::get).toList();
    try (Embeddings embeddings = model.embed(batch, layers(golden))) {
      for (int row = 0; row < batch.size(); row++) {
        int s = numbers.get(row);
        assertSentence(golden.toString(), expected[s], embeddings, s, row, tolerance);
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
