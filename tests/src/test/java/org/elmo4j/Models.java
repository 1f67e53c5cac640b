// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.elmo4j.oracle.ElmoOracle;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.ModelOptions.Activation;
import org.elmo4j.weights.ModelOptions.Filter;
import org.elmo4j.weights.WeightStore;

/** Random models and sentences for tests: the same seed gives the same bits. */
final class Models {
  /** The published structure with the smallest sizes at which every part still does something. */
  static final ModelOptions TINY =
      new ModelOptions(
          4,
          50,
          List.of(new Filter(1, 3), new Filter(3, 6)),
          Activation.RELU,
          1,
          9,
          5,
          2,
          true,
          3,
          3);

  /** As {@link #TINY}, with enough work in a call that calls of several threads overlap. */
  static final ModelOptions SMALL =
      new ModelOptions(
          8,
          50,
          List.of(new Filter(1, 8), new Filter(2, 8), new Filter(4, 24)),
          Activation.RELU,
          1,
          72,
          40,
          2,
          true,
          3,
          3);

  private Models() {}

  /** A random model on the CPU, with as many threads as it takes by default. */
  static ElmoModel random(ModelOptions options, long seed) {
    return ElmoModel.builder().weights(new RandomWeights(options, seed)).load();
  }

  /** The same with a number of threads. */
  static ElmoModel random(ModelOptions options, long seed, int threads) {
    return ElmoModel.builder().weights(new RandomWeights(options, seed)).threads(threads).load();
  }

  /** What the model of that seed must compute. */
  static Expected expected(ModelOptions options, long seed) {
    RandomWeights weights = new RandomWeights(options, seed);
    return new Expected(ElmoOracle.of(weights), options, weights.mix());
  }

  /** A token of 1 to 12 code points of one to four bytes; now and then one that is cut. */
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

  /** A sentence of that many tokens. */
  static List<String> sentence(Random random, int length) {
    List<String> tokens = new ArrayList<>();
    for (int t = 0; t < length; t++) {
      tokens.add(token(random));
    }
    return tokens;
  }

  /** Sentences of 0 to maxLength tokens. */
  static List<List<String>> batch(Random random, int sentences, int maxLength) {
    List<List<String>> batch = new ArrayList<>();
    for (int s = 0; s < sentences; s++) {
      batch.add(sentence(random, random.nextInt(maxLength + 1)));
    }
    return batch;
  }

  /** Weights so spread that activations neither vanish nor saturate. */
  private static final class RandomWeights implements WeightStore {
    private final ModelOptions options;
    private final Random random;
    private final Map<String, long[]> shapes = new LinkedHashMap<>();
    private final Map<String, float[]> values = new LinkedHashMap<>();

    RandomWeights(ModelOptions options, long seed) {
      this.options = options;
      this.random = new Random(seed);
      int e = options.charEmbeddingDim();
      add("char_embed", 1, 261, e);
      for (int i = 0; i < options.filters().size(); i++) {
        Filter filter = options.filters().get(i);
        add("CNN/W_cnn_" + i, spread(filter.width() * e), 1, filter.width(), e, filter.count());
        add("CNN/b_cnn_" + i, 0.2, filter.count());
      }
      int f = options.filterCount();
      for (int i = 0; i < options.highwayLayers(); i++) {
        for (String part : List.of("carry", "transform")) {
          add("CNN_high_" + i + "/W_" + part, spread(f), f, f);
          add("CNN_high_" + i + "/b_" + part, 0.2, f);
        }
      }
      int p = options.projectionDim();
      if (f != p) {
        add("CNN_proj/W_proj", spread(f), f, p);
        add("CNN_proj/b_proj", 0.2, p);
      }
      int cells = options.lstmDim();
      for (int direction = 0; direction < 2; direction++) {
        for (int layer = 0; layer < options.lstmLayers(); layer++) {
          String prefix = "RNN_" + direction + "/RNN/MultiRNNCell/Cell" + layer + "/LSTMCell/";
          add(prefix + "W_0", spread(2 * p), 2 * p, 4 * cells);
          add(prefix + "B", 0.2, 4 * cells);
          add(prefix + "W_P_0", 2 * spread(cells), cells, p);
        }
      }
    }

    /**
     * Half-width of a uniform distribution under which a sum of n products keeps its input's
     * variance.
     */
    private static double spread(int n) {
      return Math.sqrt(3.0 / n);
    }

    private void add(String name, double spread, long... shape) {
      int size = 1;
      for (long n : shape) {
        size *= (int) n;
      }
      float[] floats = new float[size];
      for (int i = 0; i < size; i++) {
        floats[i] = (float) (spread * (2 * random.nextDouble() - 1));
      }
      shapes.put(name, shape);
      values.put(name, floats);
    }

    @Override
    public String source() {
      return "random";
    }

    @Override
    public ModelOptions options() {
      return options;
    }

    /** Far from even, so that a mix that ignores it is seen. */
    @Override
    public ScalarMix mix() {
      float[] weights = new float[options.lstmLayers() + 1];
      for (int k = 0; k < weights.length; k++) {
        weights[k] = 0.5f * k - 0.4f;
      }
      return new ScalarMix(weights, 1.25f);
    }

    @Override
    public Set<String> names() {
      return shapes.keySet();
    }

    @Override
    public long[] shape(String name) {
      return shapes.get(name);
    }

    @Override
    public void read(String name, FloatBuffer target) {
      target.put(values.get(name));
    }

    @Override
    public void close() {}
  }
}
