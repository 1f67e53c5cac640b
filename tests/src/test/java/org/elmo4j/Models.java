// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.oracle.ElmoOracle;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.ModelOptions.Activation;
import org.elmo4j.weights.ModelOptions.Filter;

/** Random models and sentences for tests. The same seed gives the same bits. */
public final class Models {
  /**
   * The structure of the published models, with the smallest sizes that still exercise every part.
   */
  public static final ModelOptions TINY =
      ModelOptions.builder()
          .charEmbeddingDim(4)
          .maxCharactersPerToken(50)
          .filters(List.of(new Filter(1, 3), new Filter(3, 6)))
          .activation(Activation.RELU)
          .highwayLayers(1)
          .lstmDim(9)
          .projectionDim(5)
          .lstmLayers(2)
          .skipConnections(true)
          .cellClip(3)
          .projectionClip(3)
          .build();

  /** Like {@link #TINY}, but a call takes long enough that the calls of several threads overlap. */
  public static final ModelOptions SMALL =
      TINY.toBuilder()
          .charEmbeddingDim(8)
          .filters(List.of(new Filter(1, 8), new Filter(2, 8), new Filter(4, 24)))
          .lstmDim(72)
          .projectionDim(40)
          .build();

  private Models() {}

  /** Loads a random model on the default device with the default number of threads. */
  static ElmoModel random(ModelOptions options, long seed) {
    return builder(options, seed).load();
  }

  /** Loads a random model with this number of threads. */
  static ElmoModel random(ModelOptions options, long seed, int threads) {
    return builder(options, seed).threads(threads).load();
  }

  private static ElmoModelBuilder builder(ModelOptions options, long seed) {
    return ElmoModel.builder().weights(new RandomWeights(options, seed)).mix(mix(options));
  }

  /** Returns what the model of this seed must compute. */
  static Expected expected(ModelOptions options, long seed) {
    return new Expected(ElmoOracle.of(new RandomWeights(options, seed)), options, mix(options));
  }

  /** Returns a mix far from even, so that a result that ignores the mix is wrong. */
  private static ScalarMix mix(ModelOptions options) {
    float[] weights = new float[options.lstmLayers() + 1];
    for (int k = 0; k < weights.length; k++) {
      weights[k] = 0.5f * k - 0.4f;
    }
    return new ScalarMix(weights, 1.25f);
  }

  /**
   * Returns a token of 1 to 12 code points of one to four bytes. One in twenty has 60 code points,
   * which the model cuts.
   */
  static String token(Random random) {
    int length = random.nextInt(20) == 0 ? 60 : 1 + random.nextInt(12);
    StringBuilder token = new StringBuilder();
    for (int i = 0; i < length; i++) {
      switch (random.nextInt(10)) {
        case 0 -> token.append((char) ('à' + random.nextInt(30)));
        case 1 -> token.append((char) ('日' + random.nextInt(100)));
        case 2 -> token.appendCodePoint(0x1F600 + random.nextInt(50));
        default -> token.append((char) ('a' + random.nextInt(26)));
      }
    }
    return token.toString();
  }

  /** Returns a sentence of {@code length} tokens. */
  static List<String> sentence(Random random, int length) {
    List<String> tokens = new ArrayList<>();
    for (int t = 0; t < length; t++) {
      tokens.add(token(random));
    }
    return tokens;
  }

  /** Returns sentences of 0 to {@code maxLength} tokens. */
  static List<List<String>> batch(Random random, int sentences, int maxLength) {
    List<List<String>> batch = new ArrayList<>();
    for (int s = 0; s < sentences; s++) {
      batch.add(sentence(random, random.nextInt(maxLength + 1)));
    }
    return batch;
  }
}
