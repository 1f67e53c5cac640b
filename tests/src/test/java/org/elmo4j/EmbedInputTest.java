// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tests the forms of input: lists of tokens, sentences in one string, padded arrays and running
 * text, and the input that each form refuses.
 */
class EmbedInputTest {
  private static final Layer[] LAYERS = {Layer.WORD_EMB, Layer.ELMO, Layer.DEFAULT};
  private static ElmoModel model;

  @BeforeAll
  static void load() {
    model = Models.random(Models.TINY, 1);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  /** Asserts that a result has the bits of the result for the same tokens as lists. */
  private static void assertSame(List<List<String>> tokens, Embeddings actual) {
    try (actual;
        Embeddings wanted = model.embed(tokens, LAYERS)) {
      assertEquals(tokens.size(), actual.batchSize());
      assertEquals(wanted.maxLength(), actual.maxLength());
      for (int s = 0; s < tokens.size(); s++) {
        assertEquals(tokens.get(s), actual.tokens(s));
        Expected.assertSameBits("sentence " + s, wanted, s, actual, s);
      }
      for (Layer layer : LAYERS) {
        assertArrayEquals(wanted.get(layer).shape(), actual.get(layer).shape());
      }
    }
  }

  /**
   * Asserts that the call throws an {@link ElmoException} whose message is one line with all these
   * parts.
   */
  private static void assertRefused(Executable call, String... parts) {
    ElmoException e = assertThrows(ElmoException.class, call);
    String message = e.getMessage();
    assertFalse(message.contains("\n"), message);
    for (String part : parts) {
      assertTrue(
          message.matches("(?i).*\\b" + part + "\\b.*"),
          () -> "no \"" + part + "\" in: " + message);
    }
    try (Embeddings after = model.embed(List.of(List.of("a")))) { // the model still works
      assertEquals(1, after.batchSize());
    }
  }

  @Test
  void sentencesAreSplitOnSingleSpacesAndEmptyPiecesDropped() {
    assertSame(
        List.of(
            List.of("I", "love", "NLP"), List.of("a", "b"), List.of(), List.of(), List.of("x\ty")),
        model.embedSentences(List.of("I love NLP", "  a   b ", "", "   ", "x\ty"), LAYERS));
  }

  @Test
  void noSentencesGiveAnEmptyBatch() {
    assertSame(List.of(), model.embedSentences(List.of(), LAYERS));
    assertSame(List.of(), model.embedPadded(new String[0][], new int[0], LAYERS));
  }

  @Test
  void paddedRowsAreReadToTheirLength() {
    String[][] tokens = {{"a", "b", "c"}, {"d", "", null}, {"e", "f", "g"}, {}};
    assertSame(
        List.of(List.of("a", "b", "c"), List.of("d", ""), List.of(), List.of()),
        model.embedPadded(tokens, new int[] {3, 2, 0, 0}, LAYERS));
  }

  @Test
  void paddedRowsGiveTheWidthThatCameIn() {
    String[][] tokens = {{"a", "b", "", "", ""}, {"c", "", "", ""}};
    try (Embeddings padded = model.embedPadded(tokens, new int[] {2, 1}, LAYERS);
        Embeddings bare = model.embed(List.of(List.of("a", "b"), List.of("c")), LAYERS)) {
      assertEquals(5, padded.maxLength());
      for (Layer layer : LAYERS) {
        Tensor wide = padded.get(layer);
        if (layer.kind() == Layer.Kind.MEAN) {
          assertArrayEquals(bare.get(layer).toArray(), wide.toArray());
          continue;
        }
        int dim = model.dim(layer);
        assertArrayEquals(new long[] {2, 5, dim}, wide.shape());
        for (int s = 0; s < 2; s++) {
          int length = 2 - s;
          assertArrayEquals(
              bare.get(layer, s).toArray(), padded.get(layer, s).toArray(), layer.toString());
          float[] all = wide.slice(s).toArray();
          assertArrayEquals(
              new float[(5 - length) * dim], Arrays.copyOfRange(all, length * dim, 5 * dim));
        }
      }
    }
    try (Embeddings none = model.embedPadded(new String[][] {{"x", "y"}}, new int[] {0})) {
      assertArrayEquals(new long[] {1, 2, model.dim(Layer.ELMO)}, none.get(Layer.ELMO).shape());
      assertArrayEquals(new float[2 * model.dim(Layer.ELMO)], none.get(Layer.ELMO).toArray());
    }
  }

  @Test
  void paddedRowsThatAreRefused() {
    String[][] tokens = {{"a", "b"}, {"c", null}};
    assertRefused(() -> model.embedPadded(tokens, new int[] {2, 3}), "1", "3", "2");
    assertRefused(() -> model.embedPadded(tokens, new int[] {2, -1}), "1", "-?1");
    assertRefused(() -> model.embedPadded(tokens, new int[] {2, 2}), "1", "null");
    assertRefused(() -> model.embedPadded(tokens, new int[] {2}), "2", "1");
    assertRefused(() -> model.embedPadded(tokens, new int[] {1, 1, 1}), "2", "3");
    assertRefused(() -> model.embedPadded(null, new int[0]), "null");
    assertRefused(() -> model.embedPadded(tokens, null), "null");
    assertRefused(
        () -> model.embedPadded(new String[][] {{"a"}, null}, new int[] {1, 1}), "1", "null");
  }

  @Test
  void runningTextIsSplitIntoSentencesAndTokens() {
    assertSame(
        List.of(List.of("I", "love", "NLP", "."), List.of("It", "rains", "today", "!")),
        model.embedText("I love NLP. It rains today!", LAYERS));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "\n\n\t "})
  void blankTextHasNoSentences(String text) {
    assertSame(List.of(), model.embedText(text, LAYERS));
  }

  @Test
  void nullsAreRefusedWithTheirPlace() {
    List<List<String>> batch = new ArrayList<>(Models.batch(new Random(1), 9, 3));
    batch.set(7, Arrays.asList("a", "b", "c", "d", null, "e"));
    assertRefused(() -> model.embed(batch), "sentence", "7", "token", "4", "null");
    batch.set(3, null);
    assertRefused(() -> model.embed(batch), "sentence", "3", "null");
    assertRefused(() -> model.embed(null), "sentences", "null");
    assertRefused(() -> model.embedSentences(null), "sentences", "null");
    assertRefused(() -> model.embedSentences(Arrays.asList("a", null)), "sentence", "1", "null");
    assertRefused(() -> model.embedText(null), "text", "null");
  }

  @Test
  void aNullLayerIsRefused() {
    assertRefused(() -> model.embed(List.of(), Layer.ELMO, null), "layers?", "null");
    assertRefused(() -> model.embed(List.of(), (EmbedOptions) null), "options", "null");
  }

  @Test
  void aNullArrayOfLayersIsRefused() {
    assertRefused(() -> model.embed(List.of(), (Layer[]) null), "layers?", "null");
  }

  @Test
  void aLayerThatDoesNotExistIsRefused() {
    assertRefused(() -> model.embed(List.of(), Layer.lstm(3)), "lstm_outputs3", "lstm_outputs2");
    assertRefused(
        () -> model.embed(List.of(List.of("a")), Layer.mean(Layer.lstm(9))), "lstm_outputs9");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void aMixWithTheWrongNumberOfWeightsIsRefused(int weights) {
    Layer elmo = Layer.elmo(ScalarMix.even(weights));
    assertRefused(() -> model.embed(List.of(List.of("a")), elmo), "3", "" + weights);
    assertRefused(() -> model.embed(List.of(), Layer.mean(elmo)), "3", "" + weights);
  }

  @Test
  void aLayerThatWasNotAskedForIsRefused() {
    try (Embeddings embeddings = model.embed(List.of(List.of("a")), Layer.ELMO)) {
      assertRefused(() -> embeddings.get(Layer.WORD_EMB), "word_emb", "elmo");
      assertRefused(() -> embeddings.get(Layer.DEFAULT, 0), "default", "elmo");
      assertThrows(IndexOutOfBoundsException.class, () -> embeddings.get(Layer.ELMO, 1));
      assertThrows(IndexOutOfBoundsException.class, () -> embeddings.get(Layer.ELMO, -1));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, Integer.MIN_VALUE})
  void aModelNeedsAThread(int threads) {
    assertRefused(
        () -> Models.random(Models.TINY, 1, threads).close(),
        "threads",
        "-?" + Math.abs((long) threads));
  }
}
