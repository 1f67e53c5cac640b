// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the names of layers and of their mixes and means, and how they are parsed. */
class LayerTest {
  @ParameterizedTest
  @ValueSource(strings = {"word_emb", "lstm_outputs1", "lstm_outputs12", "elmo", "default"})
  void theOriginalNamesAreReadAndWritten(String name) {
    assertEquals(name, Layer.parse(name).toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "ELMO",
        "lstm_outputs",
        "lstm_outputs0",
        "lstm_outputs-1",
        "lstm_outputs100",
        "mean(elmo)"
      })
  void otherNamesAreRefused(String name) {
    ElmoException e = assertThrows(ElmoException.class, () -> Layer.parse(name));
    assertEquals(
        "layer: expected word_emb, lstm_outputs1, lstm_outputs2 ..., elmo or default, found \""
            + name
            + "\"",
        e.getMessage());
  }

  @Test
  void layersForTheSameOutputAreEqual() {
    Layer mixed = Layer.elmo(new ScalarMix(new float[] {1, 2}, 3));
    Layer again = Layer.elmo(new ScalarMix(new float[] {1, 2}, 3));
    assertEquals(mixed, again);
    assertEquals(mixed.hashCode(), again.hashCode());
    assertEquals(Layer.DEFAULT, Layer.mean(Layer.ELMO));
    assertEquals(Layer.DEFAULT.hashCode(), Layer.mean(Layer.ELMO).hashCode());
    assertEquals(Layer.lstm(2), Layer.parse("lstm_outputs2"));
    List<Layer> different =
        List.of(
            Layer.WORD_EMB,
            Layer.ELMO,
            Layer.DEFAULT,
            Layer.lstm(1),
            Layer.lstm(2),
            mixed,
            Layer.elmo(new ScalarMix(new float[] {1, 2}, 4)),
            Layer.elmo(new ScalarMix(new float[] {1, 3}, 3)),
            Layer.mean(mixed),
            Layer.mean(Layer.lstm(1)));
    for (int a = 0; a < different.size(); a++) {
      for (int b = 0; b < a; b++) {
        assertNotEquals(different.get(a), different.get(b));
      }
    }
  }

  @Test
  void layersThatCannotBeAreRefused() {
    assertThrows(ElmoException.class, () -> Layer.lstm(0));
    assertThrows(ElmoException.class, () -> Layer.lstm(-3));
    assertThrows(ElmoException.class, () -> Layer.mean(Layer.DEFAULT));
  }

  @Test
  void scalesAreTheSoftmaxTimesGamma() {
    double e = Math.exp(1);
    assertArrayEquals(
        new float[] {
          (float) (2 / (1 + 2 * e)), (float) (2 * e / (1 + 2 * e)), (float) (2 * e / (1 + 2 * e))
        },
        new ScalarMix(new float[] {-1, 0, 0}, 2).scales(),
        1e-6f);
    assertArrayEquals(new float[] {0, 1}, new ScalarMix(new float[] {-3e38f, 3e38f}, 1).scales());
    assertArrayEquals(new float[] {0.25f, 0.25f, 0.25f, 0.25f}, ScalarMix.even(4).scales());
  }

  @Test
  void aMixKeepsItsOwnNumbers() {
    float[] weights = {1, 2};
    ScalarMix mix = new ScalarMix(weights, 1);
    weights[0] = 9;
    mix.weights()[1] = 9;
    assertArrayEquals(new float[] {1, 2}, mix.weights());
  }

  @Test
  void mixesThatCannotBeAreRefused() {
    assertThrows(ElmoException.class, () -> new ScalarMix(new float[0], 1));
    assertThrows(ElmoException.class, () -> new ScalarMix(new float[] {1, Float.NaN}, 1));
    assertThrows(
        ElmoException.class, () -> new ScalarMix(new float[] {1, Float.NEGATIVE_INFINITY}, 1));
    assertThrows(
        ElmoException.class, () -> new ScalarMix(new float[] {1}, Float.POSITIVE_INFINITY));
  }
}
