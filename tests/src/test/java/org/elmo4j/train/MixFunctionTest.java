// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.EmbedOptions;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.ScalarMix;
import org.elmo4j.ScalarMix.LayerNorm;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Tests mixes with layer norm: the model's results and those of the mix function, with its
 * gradients, are compared with {@link MixOracle}.
 */
class MixFunctionTest {
  private static final List<List<String>> SENTENCES =
      List.of(List.of("The", "bank", "of", "the", "river"), List.of(), List.of("I", "love", "you"));
  private static final float[] WEIGHTS = {0.5f, -0.25f, 1};
  private static final EmbedOptions ALL =
      EmbedOptions.layers(Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2)).withBoundaries(true);

  private static ElmoModel model;

  @BeforeAll
  static void load() {
    model = ElmoModel.miniEnglish();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static FloatBuffer buffer(int size) {
    return ByteBuffer.allocateDirect(4 * size).order(ByteOrder.nativeOrder()).asFloatBuffer();
  }

  /**
   * Returns an oracle with the rows of all sentences in order, and adds the numbers of the rows
   * that are tokens to {@code tokens}.
   */
  private static MixOracle oracle(Embeddings layers, LayerNorm norm, List<Integer> tokens) {
    MixOracle oracle = new MixOracle();
    oracle.weights = new double[] {WEIGHTS[0], WEIGHTS[1], WEIGHTS[2]};
    oracle.gamma = 1.5;
    oracle.layers = new double[3][][];
    List<Integer> boundaries = new ArrayList<>();
    for (int k = 0; k < 3; k++) {
      List<double[]> rows = new ArrayList<>();
      for (int s = 0; s < layers.batchSize(); s++) {
        float[] all = layers.get(k == 0 ? Layer.WORD_EMB : Layer.lstm(k), s).toArray();
        int width = all.length / layers.length(s);
        for (int t = 0; t < layers.length(s); t++) {
          boolean end = t == 0 || t == layers.length(s) - 1;
          if (k == 0) {
            (end ? boundaries : tokens).add(rows.size());
          }
          double[] row = new double[256];
          for (int c = 0; c < 256; c++) {
            row[c] = all[t * width + c % width];
          }
          rows.add(row);
        }
      }
      oracle.layers[k] = rows.toArray(new double[0][]);
    }
    List<Integer> norms = new ArrayList<>(tokens);
    if (norm == LayerNorm.ALLENNLP) {
      norms.addAll(boundaries);
    }
    oracle.normRows =
        norm == LayerNorm.NONE ? null : norms.stream().mapToInt(Integer::intValue).toArray();
    return oracle;
  }

  @ParameterizedTest
  @EnumSource(LayerNorm.class)
  void theModelMixesAsTheFormulaSays(LayerNorm norm) {
    ScalarMix mix = new ScalarMix(WEIGHTS, 1.5f, norm);
    List<Integer> tokens = new ArrayList<>();
    try (Embeddings layers = model.embed(SENTENCES, ALL);
        Embeddings embeddings =
            model.embed(SENTENCES, Layer.elmo(mix), Layer.mean(Layer.elmo(mix)), Layer.WORD_EMB);
        Embeddings ends =
            model.embed(SENTENCES, EmbedOptions.layers(Layer.elmo(mix)).withBoundaries(true));
        MixFunction function = new MixFunction(layers)) {
      MixOracle oracle = oracle(layers, norm, tokens);
      int[] rows = tokens.stream().mapToInt(Integer::intValue).toArray();
      double[][] wanted = oracle.mix(rows, null, false);
      FloatBuffer target = buffer(function.size());
      function.forward(mix, target);
      int at = 0;
      for (int s = 0; s < SENTENCES.size(); s++) {
        double[] mean = new double[256];
        int length = SENTENCES.get(s).size();
        for (int t = 0; t < function.maxLength(); t++) {
          for (int c = 0; c < 256; c++) {
            double value = t < length ? wanted[at][c] : 0;
            mean[c] += value / Math.max(1, length);
            assertEquals(value, embeddings.get(Layer.elmo(mix)).get(s, t, c), 1e-5);
            assertEquals(value, target.get((s * function.maxLength() + t) * 256 + c), 1e-5);
            if (t < length) {
              assertEquals(value, ends.get(Layer.elmo(mix)).get(s, t + 1, c), 1e-5);
            }
          }
          at += t < length ? 1 : 0;
        }
        for (int c = 0; c < 256; c++) {
          assertEquals(mean[c], embeddings.get(Layer.mean(Layer.elmo(mix))).get(s, c), 1e-5);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(LayerNorm.class)
  void gradientsAreThoseOfTheFormula(LayerNorm norm) {
    ScalarMix mix = new ScalarMix(WEIGHTS, 1.5f, norm);
    List<Integer> tokens = new ArrayList<>();
    try (Embeddings layers = model.embed(SENTENCES, ALL);
        MixFunction function = new MixFunction(layers)) {
      MixOracle oracle = oracle(layers, norm, tokens);
      int[] rows = tokens.stream().mapToInt(Integer::intValue).toArray();
      FloatBuffer gradient = buffer(function.size());
      for (int i = 0; i < gradient.capacity(); i++) {
        gradient.put(i, (float) Math.sin(i));
      }
      List<FloatBuffer> toLayers = new ArrayList<>();
      for (Layer layer : ALL.layers()) {
        toLayers.add(buffer((int) layers.get(layer).size()));
      }
      ScalarMix.Gradient got = function.backward(mix, gradient, toLayers);
      java.util.function.DoubleSupplier f =
          () -> {
            double[][] target = oracle.mix(rows, null, false);
            double sum = 0;
            int at = 0;
            for (int s = 0; s < SENTENCES.size(); s++) {
              for (int t = 0; t < SENTENCES.get(s).size(); t++, at++) {
                for (int c = 0; c < 256; c++) {
                  sum += target[at][c] * gradient.get((s * function.maxLength() + t) * 256 + c);
                }
              }
            }
            return sum;
          };
      for (int k = 0; k < 3; k++) {
        double wanted = MixOracle.derivative(oracle.weights, k, f);
        assertEquals(wanted, got.weights()[k], 1e-4 * Math.abs(wanted) + 1e-5, "weight " + k);
      }
      ScalarMix.Gradient alone = function.backward(mix, gradient, null);
      assertArrayEquals(got.weights(), alone.weights(), "without the layers' gradients");
      assertEquals(got.gamma(), alone.gamma());
      // These are a boundary and a token of the last sentence, in the first and the last layer.
      int last = layers.maxLength();
      for (int t = 0; t < 2; t++) {
        int row = 7 + 2 + t;
        double wanted = MixOracle.derivative(oracle.layers[2][row], 200, f);
        float found = toLayers.get(2).get((2 * last + t) * 256 + 200);
        assertEquals(wanted, found, 1e-4 * Math.abs(wanted) + 1e-5, "layer 2, row " + t);
        wanted =
            MixOracle.derivative(oracle.layers[0][row], 5, f)
                + MixOracle.derivative(oracle.layers[0][row], 133, f);
        found = toLayers.get(0).get((2 * last + t) * 128 + 5);
        assertEquals(wanted, found, 1e-4 * Math.abs(wanted) + 1e-5, "layer 0, row " + t);
      }
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    try (Embeddings without = model.embed(SENTENCES, Layer.WORD_EMB, Layer.lstm(1));
        Embeddings layers = model.embed(SENTENCES, ALL);
        MixFunction function = new MixFunction(layers)) {
      assertThrows(ElmoException.class, () -> new MixFunction(without));
      ScalarMix mix = ScalarMix.even(3);
      FloatBuffer target = buffer(function.size());
      assertThrows(ElmoException.class, () -> function.forward(ScalarMix.even(2), target));
      assertThrows(
          ElmoException.class, () -> function.forward(mix, FloatBuffer.allocate(function.size())));
      assertThrows(ElmoException.class, () -> function.forward(mix, buffer(5)));
      assertThrows(ElmoException.class, () -> function.backward(mix, target, List.of(target)));
    }
  }
}
