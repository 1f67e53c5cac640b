// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.elmo4j.internal.devices.Devices;
import org.elmo4j.oracle.GoldenCase;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compares the results for every kind of batch and output with the oracle's. {@link
 * ModelStructuresTest} tests the kinds of models.
 */
@Tag("long")
class ElmoModelTest {
  @Test
  void modelsAndResultsSayWhatTheyAre() {
    EmbedOptions asked = EmbedOptions.layers(Layer.lstm(1), Layer.ELMO, Layer.lstm(1));
    assertEquals(EmbedOptions.layers(Layer.lstm(1), Layer.ELMO), asked);
    assertEquals(EmbedOptions.layers(Layer.lstm(1), Layer.ELMO).hashCode(), asked.hashCode());
    assertNotEquals(EmbedOptions.layers(Layer.ELMO, Layer.lstm(1)), asked);
    assertNotEquals(asked.withBoundaries(true), asked);
    assertEquals("[lstm_outputs1, elmo] with boundaries", asked.withBoundaries(true).toString());
    ElmoModel model = Models.random(Models.TINY, 1);
    Embeddings embeddings = model.embed(List.of(List.of("a"), List.of()), asked);
    String before = model.toString();
    embeddings.close();
    model.close();
    assertEquals("Embeddings[lstm_outputs1, elmo] of 2 sentences", embeddings.toString());
    assertEquals(
        "ElmoModel random weights of seed 1 on [" + model.device() + "] in " + model.precision(),
        before);
    assertEquals(before, model.toString());
  }

  /**
   * A micro kernel processes 6 to 14 rows at once. The sizes leave every remainder, with no full
   * block and with several.
   */
  @ParameterizedTest
  @MethodSource("org.elmo4j.Isa#all")
  void everyBatchSizeFrom1To130(String isa) {
    Random random = new Random(3);
    List<List<String>> sentences = new ArrayList<>();
    for (int s = 0; s < 130; s++) {
      sentences.add(Models.sentence(random, s % 3)); // rows also end at different steps
    }
    EmbedOptions asked = EmbedOptions.layers(Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2));
    Expected expected = Models.expected(Models.SMALL, 5);
    Isa.with(
        isa,
        () -> {
          try (ElmoModel model = Models.random(Models.SMALL, 5)) {
            for (int size = 1; size <= sentences.size(); size++) {
              List<List<String>> batch = sentences.subList(0, size);
              try (Embeddings embeddings = model.embed(batch, asked)) {
                expected.assertMatches(embeddings, batch, asked);
              }
            }
          }
        });
  }

  @Test
  void anySubsetOfLayersGivesTheSameBitsAsAllOfThem() {
    List<List<String>> batch = Models.batch(new Random(2), 5, 6);
    Layer[] all = ModelStructuresTest.allLayers(Models.TINY);
    try (ElmoModel model = Models.random(Models.TINY, 1);
        Embeddings full = model.embed(batch, all)) {
      for (int subset = 1; subset < 1 << all.length; subset++) {
        List<Layer> layers = new ArrayList<>();
        for (int k = 0; k < all.length; k++) {
          if ((subset >> k & 1) == 1) {
            layers.add(all[k]);
          }
        }
        Collections.reverse(layers);
        try (Embeddings some = model.embed(batch, layers.toArray(Layer[]::new))) {
          assertEquals(layers, some.layers());
          for (Layer layer : layers) {
            assertArrayEquals(
                full.get(layer).toArray(),
                some.get(layer).toArray(),
                () -> layer + " of " + layers);
          }
        }
      }
    }
  }

  @Test
  void mixesThatLeaveLayersOut() {
    List<List<String>> batch = Models.batch(new Random(2), 5, 6);
    EmbedOptions asked =
        EmbedOptions.layers(
            Layer.elmo(new ScalarMix(new float[] {1, 2, 3}, 0)),
            Layer.elmo(new ScalarMix(new float[] {500, 0, 0}, 1)), // the softmax underflows to 0
            Layer.elmo(new ScalarMix(new float[] {0, 500, 0}, 1)),
            Layer.elmo(new ScalarMix(new float[] {0, 0, 500}, 1)),
            Layer.mean(Layer.elmo(new ScalarMix(new float[] {500, 0, 0}, 2))));
    try (ElmoModel model = Models.random(Models.TINY, 1);
        Embeddings embeddings = model.embed(batch, asked)) {
      Models.expected(Models.TINY, 1).assertMatches(embeddings, batch, asked);
    }
  }

  @Test
  void elmoIsWhatComesWhereNoLayerIsNamed() {
    List<List<String>> batch = List.of(List.of("a", "b"));
    try (ElmoModel model = Models.random(Models.TINY, 1);
        Embeddings embeddings = model.embed(batch)) {
      Models.expected(Models.TINY, 1)
          .assertMatches(embeddings, batch, EmbedOptions.layers(Layer.ELMO));
    }
  }

  @Test
  void aLayerNamedTwiceComesOnce() {
    try (ElmoModel model = Models.random(Models.TINY, 1);
        Embeddings embeddings =
            model.embed(List.of(List.of("a")), Layer.lstm(1), Layer.ELMO, Layer.lstm(1))) {
      assertEquals(List.of(Layer.lstm(1), Layer.ELMO), embeddings.layers());
    }
  }

  @Test
  void aBatchOfNoSentencesGivesEmptyTensors() {
    try (ElmoModel model = Models.random(Models.TINY, 1);
        Embeddings embeddings = model.embed(List.of(), Layer.WORD_EMB, Layer.ELMO, Layer.DEFAULT)) {
      assertEquals(0, embeddings.batchSize());
      assertEquals(0, embeddings.maxLength());
      assertArrayEquals(new int[0], embeddings.lengths());
      assertArrayEquals(new long[] {0, 0, 5}, embeddings.get(Layer.WORD_EMB).shape());
      assertArrayEquals(new long[] {0, 0, 10}, embeddings.get(Layer.ELMO).shape());
      assertArrayEquals(new long[] {0, 10}, embeddings.get(Layer.DEFAULT).shape());
      assertEquals(0, embeddings.get(Layer.ELMO).toArray().length);
      assertEquals(0, embeddings.get(Layer.ELMO).floatBuffer().remaining());
    }
  }

  @Test
  void sentencesWithoutTokensGiveNoRowsAndMeansOfZero() {
    List<List<String>> batch = List.of(List.of(), List.of(), List.of());
    EmbedOptions asked = EmbedOptions.layers(ModelStructuresTest.allLayers(Models.TINY));
    Expected expected = Models.expected(Models.TINY, 1);
    try (ElmoModel model = Models.random(Models.TINY, 1);
        Embeddings rows = model.embed(batch, asked);
        Embeddings withBoundaries = model.embed(batch, asked.withBoundaries(true))) {
      expected.assertMatches(rows, batch, asked);
      assertArrayEquals(new long[] {3, 0, 10}, rows.get(Layer.ELMO).shape());
      assertArrayEquals(new float[30], rows.get(Layer.DEFAULT).toArray());
      expected.assertMatches(withBoundaries, batch, asked.withBoundaries(true));
      assertArrayEquals(new float[30], withBoundaries.get(Layer.DEFAULT).toArray());
    }
  }

  @Test
  void oddTokensAreTokens() {
    String huge = "é".repeat(5_000_000); // 10 MB of UTF-8, which the model cuts to 48 bytes
    String justFits = "x".repeat(48);
    List<List<String>> batch =
        List.of(
            List.of("", "", "a"),
            List.of("\uD83D", "\uDE00", "a\uD83Db", "\uDE00\uD83D", "x\uD83D"),
            List.of("\0", "a\0b", "\0\0\0"),
            List.of(huge, huge.substring(0, 24), huge.substring(0, 23) + "a", "a" + huge),
            List.of(justFits, justFits + "y", justFits.substring(1)),
            List.of(" ", "a b", "\n", "\t", "\u00A0", "\u3000", "\uFFFF", "\uFEFF"),
            List.of("<S>", "</S>", "<s>", "<S> "));
    EmbedOptions asked = EmbedOptions.layers(Layer.WORD_EMB, Layer.ELMO);
    try (ElmoModel model = Models.random(Models.TINY, 1);
        Embeddings embeddings = model.embed(batch, asked)) {
      Models.expected(Models.TINY, 1).assertMatches(embeddings, batch, asked);
      Tensor words = embeddings.get(Layer.WORD_EMB, 1);
      float[] empty = embeddings.get(Layer.WORD_EMB, 0).slice(0).toArray();
      assertArrayEquals(empty, words.slice(0).toArray(), "a lone surrogate is dropped");
      assertArrayEquals(
          embeddings.get(Layer.WORD_EMB, 4).slice(0).toArray(),
          embeddings.get(Layer.WORD_EMB, 4).slice(1).toArray(),
          "a token is cut to 48 bytes");
    }
  }

  @Test
  void aSentenceOfTenThousandTokens() {
    List<List<String>> batch = List.of(Models.sentence(new Random(1), 10_000), List.of("a"));
    EmbedOptions asked = EmbedOptions.layers(Layer.lstm(2), Layer.DEFAULT);
    try (ElmoModel model = Models.random(Models.TINY, 1);
        Embeddings embeddings = model.embed(batch, asked)) {
      Models.expected(Models.TINY, 1).assertMatches(embeddings, batch, asked);
    }
  }

  @Test
  void aBatchOfTwentyThousandSentences() {
    Random random = new Random(1);
    List<List<String>> pool = Models.batch(random, 300, 4);
    List<List<String>> batch = new ArrayList<>();
    for (int s = 0; s < 20_000; s++) {
      batch.add(pool.get(random.nextInt(pool.size())));
    }
    EmbedOptions asked = EmbedOptions.layers(Layer.ELMO, Layer.WORD_EMB);
    try (ElmoModel model = Models.random(Models.TINY, 1);
        Embeddings embeddings = model.embed(batch, asked)) {
      Models.expected(Models.TINY, 1).assertMatches(embeddings, batch, asked);
    }
  }

  @Test
  void anInterruptedThreadGetsItsNumbersAndStaysInterrupted() {
    List<List<String>> batch = Models.batch(new Random(2), 20, 6);
    EmbedOptions asked = EmbedOptions.layers(Layer.ELMO);
    try (ElmoModel model = Models.random(Models.TINY, 1)) {
      Thread.currentThread().interrupt();
      try (Embeddings embeddings = model.embed(batch, asked)) {
        assertTrue(Thread.interrupted());
        Models.expected(Models.TINY, 1).assertMatches(embeddings, batch, asked);
      }
    }
  }

  @Test
  void theListGivenMayChangeAfterwards() {
    List<String> tokens = new ArrayList<>(List.of("a", "b"));
    List<List<String>> batch = new ArrayList<>(List.of(tokens));
    try (ElmoModel model = Models.random(Models.TINY, 1);
        Embeddings embeddings = model.embed(batch)) {
      tokens.set(0, "z");
      batch.clear();
      assertEquals(List.of("a", "b"), embeddings.tokens(0));
    }
  }

  @Test
  void aModelTellsItsStructure() {
    try (ElmoModel model = Models.random(Models.TINY, 1)) {
      assertEquals(Models.TINY, model.options());
      assertEquals(Devices.resolve(Device.auto()), model.device());
      assertArrayEquals(new float[] {-0.4f, 0.1f, 0.6f}, model.mix().weights(), 1e-7f);
      assertEquals(1.25f, model.mix().gamma());
      assertEquals(5, model.dim(Layer.WORD_EMB));
      assertEquals(10, model.dim(Layer.lstm(2)));
      assertEquals(10, model.dim(Layer.ELMO));
      assertEquals(10, model.dim(Layer.DEFAULT));
      assertEquals(5, model.dim(Layer.mean(Layer.WORD_EMB)));
      // characters: 261 x 4; filters: 1 x 4 x 3 + 3 and 3 x 4 x 6 + 6; highway: 2 (9 x 9 + 9);
      // projection: 9 x 5 + 5; four LSTMs: (5 + 5) x 36 + 36 and 9 x 5 each
      assertEquals(1044 + 15 + 78 + 180 + 50 + 4 * (396 + 45), model.parameters());
      assertTrue(
          model.weightBytes() >= Float.BYTES * model.parameters(), () -> "" + model.weightBytes());
    }
  }

  @Test
  void theOriginalModelsMixIsEvenWhereTheFileHasNone() {
    try (ElmoModel model = ElmoModel.load(GoldenCase.named("relu-skip").folder())) {
      assertEquals(ScalarMix.even(3), model.mix());
    }
  }
}
