// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.oracle;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.elmo4j.ScalarMix;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;

/**
 * Computes ELMo in scalar Java and double precision. The tests compare the backends with it. It
 * shares no code with them and is as simple as possible, which makes it slow. Not thread-safe.
 *
 * <p>The model is that of Peters et al. 2018, "Deep contextualized word representations"; the
 * character CNN is that of Kim et al. 2016, the LSTM with projection that of Sak et al. 2014.
 */
public final class ElmoOracle {
  private static final int BEGIN_OF_SENTENCE = 256; // smaller ids are the UTF-8 bytes
  private static final int END_OF_SENTENCE = 257;
  private static final int BEGIN_OF_WORD = 258;
  private static final int END_OF_WORD = 259;
  private static final int PADDING = 260;

  private final ModelOptions options;
  private final Map<String, double[]> weights;
  private final Map<String, double[]> words = new HashMap<>();

  /**
   * @param weights the tensors, row-major, by their names in the AllenNLP / bilm-tf form
   */
  public ElmoOracle(ModelOptions options, Map<String, double[]> weights) {
    this.options = options;
    this.weights = weights;
  }

  /** Returns an oracle for the model in a store. */
  public static ElmoOracle of(WeightStore store) {
    Map<String, double[]> weights = new HashMap<>();
    for (String name : store.names()) {
      long size = Arrays.stream(store.shape(name)).reduce(1, Math::multiplyExact);
      FloatBuffer floats = FloatBuffer.allocate(Math.toIntExact(size));
      store.read(name, floats);
      double[] doubles = new double[floats.capacity()];
      Arrays.setAll(doubles, floats::get);
      weights.put(name, doubles);
    }
    return new ElmoOracle(store.options(), weights);
  }

  /**
   * The LSTM state of one row of a batch: {@code h[direction][layer]} [P] and {@code
   * c[direction][layer]} [cells].
   */
  public static final class State {
    public final double[][][] h;
    public final double[][][] c;

    State(ModelOptions options) {
      h = new double[2][options.lstmLayers()][options.projectionDim()];
      c = new double[2][options.lstmLayers()][options.lstmDim()];
    }
  }

  /** Returns the state at the beginning of a sentence. */
  public State zeroState() {
    return new State(options);
  }

  /**
   * Returns the character ids of a token, one for each slot, without the addition of one that frees
   * id 0 for masked positions.
   */
  static int[] characterIds(String token, int slots) {
    List<Integer> ids = new ArrayList<>();
    ids.add(BEGIN_OF_WORD);
    if (token.equals("<S>")) {
      ids.add(BEGIN_OF_SENTENCE);
    } else if (token.equals("</S>")) {
      ids.add(END_OF_SENTENCE);
    } else {
      List<Integer> bytes = utf8(token, slots - 2);
      ids.addAll(bytes.subList(0, Math.min(bytes.size(), slots - 2)));
    }
    ids.add(END_OF_WORD);
    while (ids.size() < slots) {
      ids.add(PADDING);
    }
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  /**
   * Returns the UTF-8 bytes of a string without lone surrogates. Stops after the code point with
   * which there are {@code enough} bytes.
   */
  private static List<Integer> utf8(String text, int enough) {
    List<Integer> bytes = new ArrayList<>();
    for (int i = 0, c; i < text.length() && bytes.size() < enough; i += Character.charCount(c)) {
      c = text.codePointAt(i);
      if (c < 0x80) {
        bytes.add(c);
      } else if (c < 0x800) {
        bytes.addAll(List.of(0xC0 | c >> 6, 0x80 | c & 0x3F));
      } else if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
        continue;
      } else if (c < 0x10000) {
        bytes.addAll(List.of(0xE0 | c >> 12, 0x80 | c >> 6 & 0x3F, 0x80 | c & 0x3F));
      } else {
        bytes.addAll(
            List.of(0xF0 | c >> 18, 0x80 | c >> 12 & 0x3F, 0x80 | c >> 6 & 0x3F, 0x80 | c & 0x3F));
      }
    }
    return bytes;
  }

  /**
   * Returns the token representation [P]: embedding, convolutions, maximum over positions,
   * activation, highway layers, projection.
   */
  public double[] tokenRepresentation(String token) {
    return words.computeIfAbsent(token, this::computeTokenRepresentation);
  }

  private double[] computeTokenRepresentation(String token) {
    int slots = options.maxCharactersPerToken();
    int dim = options.charEmbeddingDim();
    int[] ids = characterIds(token, slots);
    double[] table = weights.get("char_embed");
    double[] x = new double[options.filterCount()];
    int at = 0;
    for (int i = 0; i < options.filters().size(); i++) {
      ModelOptions.Filter filter = options.filters().get(i);
      double[] kernel = weights.get("CNN/W_cnn_" + i);
      double[] bias = weights.get("CNN/b_cnn_" + i);
      for (int n = 0; n < filter.count(); n++) {
        double max = Double.NEGATIVE_INFINITY;
        for (int position = 0; position + filter.width() <= slots; position++) {
          double sum = bias[n];
          for (int w = 0; w < filter.width(); w++) {
            for (int e = 0; e < dim; e++) {
              sum +=
                  table[ids[position + w] * dim + e] * kernel[(w * dim + e) * filter.count() + n];
            }
          }
          max = Math.max(max, sum);
        }
        x[at++] =
            options.activation() == ModelOptions.Activation.RELU
                ? Math.max(max, 0)
                : Math.tanh(max);
      }
    }
    for (int k = 0; k < options.highwayLayers(); k++) {
      String p = "CNN_high_" + k + "/";
      double[] carry = affine(x, weights.get(p + "W_carry"), weights.get(p + "b_carry"));
      double[] transform =
          affine(x, weights.get(p + "W_transform"), weights.get(p + "b_transform"));
      for (int n = 0; n < x.length; n++) {
        double g = sigmoid(carry[n]);
        x[n] = g * Math.max(transform[n], 0) + (1 - g) * x[n];
      }
    }
    double[] projection = weights.get("CNN_proj/W_proj"); // absent if the filters sum to P
    return projection == null ? x : affine(x, projection, weights.get("CNN_proj/b_proj"));
  }

  /**
   * Returns all layers of a sentence with its two boundaries: [LSTM layers + 1][tokens + 2][2 P].
   * Layer 0 is two copies of the token representation, the others are [forward; backward].
   *
   * @param state the state to begin with, which is updated to the state at the sentence's end
   */
  public double[][][] layersWithBoundaries(List<String> tokens, State state) {
    List<String> sentence = new ArrayList<>();
    sentence.add("<S>");
    sentence.addAll(tokens);
    sentence.add("</S>");
    int steps = sentence.size();
    int p = options.projectionDim();
    double[][][] layers = new double[options.lstmLayers() + 1][steps][2 * p];
    for (int direction = 0; direction < 2; direction++) {
      for (int t = 0; t < steps; t++) {
        System.arraycopy(tokenRepresentation(sentence.get(t)), 0, layers[0][t], direction * p, p);
      }
      for (int layer = 0; layer < options.lstmLayers(); layer++) {
        for (int step = 0; step < steps; step++) {
          int t = direction == 0 ? step : steps - 1 - step;
          double[] x = Arrays.copyOfRange(layers[layer][t], direction * p, direction * p + p);
          double[] h = lstmStep(direction, layer, x, state);
          for (int n = 0; n < p; n++) {
            boolean skip = layer > 0 && options.skipConnections();
            layers[layer + 1][t][direction * p + n] = skip ? h[n] + x[n] : h[n];
          }
        }
      }
    }
    return layers;
  }

  /**
   * Computes one time step of one layer and direction and returns h [P]. Stores h and c in the
   * state.
   */
  private double[] lstmStep(int direction, int layer, double[] x, State state) {
    String p = "RNN_" + direction + "/RNN/MultiRNNCell/Cell" + layer + "/LSTMCell/";
    int cells = options.lstmDim();
    double[] c = state.c[direction][layer];
    double[] xh = Arrays.copyOf(x, 2 * x.length);
    System.arraycopy(state.h[direction][layer], 0, xh, x.length, x.length);
    double[] gates = affine(xh, weights.get(p + "W_0"), weights.get(p + "B"));
    double[] m = new double[cells];
    for (int n = 0; n < cells; n++) {
      double i = gates[n];
      double j = gates[cells + n];
      double f = gates[2 * cells + n];
      double o = gates[3 * cells + n];
      c[n] = clip(sigmoid(f + 1) * c[n] + sigmoid(i) * Math.tanh(j), options.cellClip());
      m[n] = sigmoid(o) * Math.tanh(c[n]);
    }
    double[] h = affine(m, weights.get(p + "W_P_0"), new double[x.length]);
    for (int n = 0; n < h.length; n++) {
      h[n] = clip(h[n], options.projectionClip());
    }
    state.h[direction][layer] = h;
    return h;
  }

  /** Returns all layers of a sentence's tokens: [LSTM layers + 1][tokens][2 P]. */
  public double[][][] layers(List<String> tokens, State state) {
    double[][][] layers = layersWithBoundaries(tokens, state);
    for (int k = 0; k < layers.length; k++) {
      layers[k] = Arrays.copyOfRange(layers[k], 1, layers[k].length - 1);
    }
    return layers;
  }

  /** Returns {@code gamma * sum_k softmax(weights)_k * layer_k}: [rows][2 P]. */
  public static double[][] mix(double[][][] layers, ScalarMix mix) {
    double[] scale = new double[layers.length];
    double sum = 0;
    for (int k = 0; k < layers.length; k++) {
      scale[k] = Math.exp(mix.weights()[k]);
      sum += scale[k];
    }
    double[][] result = new double[layers[0].length][];
    for (int t = 0; t < result.length; t++) {
      result[t] = new double[layers[0][t].length];
      for (int k = 0; k < layers.length; k++) {
        for (int n = 0; n < result[t].length; n++) {
          result[t][n] += mix.gamma() * scale[k] / sum * layers[k][t][n];
        }
      }
    }
    return result;
  }

  /** Returns the mean over rows: [dim]. It is zero if there are none. */
  public static double[] mean(double[][] rows, int dim) {
    double[] mean = new double[dim];
    for (double[] row : rows) {
      for (int n = 0; n < dim; n++) {
        mean[n] += row[n] / rows.length;
      }
    }
    return mean;
  }

  /** Returns {@code x W + b}, W [x.length, b.length]. */
  private static double[] affine(double[] x, double[] w, double[] b) {
    double[] y = b.clone();
    for (int i = 0; i < x.length; i++) {
      for (int n = 0; n < y.length; n++) {
        y[n] += x[i] * w[i * y.length + n];
      }
    }
    return y;
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  /** Clips to [-bound, bound]. A bound of 0 means no clip. */
  private static double clip(double x, double bound) {
    return bound == 0 ? x : Math.max(-bound, Math.min(bound, x));
  }
}
