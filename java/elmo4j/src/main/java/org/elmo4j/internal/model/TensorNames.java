// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.model;

/**
 * The names of a model's tensors in the weight files of AllenNLP and bilm-tf. Direction 0 is
 * forward, 1 is backward; layers, filters and highways are numbered from 0.
 */
public final class TensorNames {
  /** Embeddings of words, [words, word dim]. Only ELMoForManyLangs models have them. */
  public static final String WORD_EMBED = "word_embed";

  /** Embeddings of characters, [characters, dim]. Id 0 has no row. */
  public static final String CHAR_EMBED = "char_embed";

  /** The projection after the highways, [features, projection dim]. */
  public static final String PROJECTION = "CNN_proj/W_proj";

  public static final String PROJECTION_BIAS = "CNN_proj/b_proj";

  private TensorNames() {}

  /** Weights of a convolution, [1, width, embedding dim, filters]. */
  public static String filter(int filter) {
    return "CNN/W_cnn_" + filter;
  }

  public static String filterBias(int filter) {
    return "CNN/b_cnn_" + filter;
  }

  /** A highway's carry gate, [features, features]. */
  public static String carry(int highway) {
    return "CNN_high_" + highway + "/W_carry";
  }

  public static String carryBias(int highway) {
    return "CNN_high_" + highway + "/b_carry";
  }

  /** A highway's candidate, [features, features]. */
  public static String transform(int highway) {
    return "CNN_high_" + highway + "/W_transform";
  }

  public static String transformBias(int highway) {
    return "CNN_high_" + highway + "/b_transform";
  }

  /** The four gates of an LSTM layer, [2 * projection dim, 4 * cells], in the order i, j, f, o. */
  public static String gates(int direction, int layer) {
    return lstm(direction, layer) + "W_0";
  }

  public static String gatesBias(int direction, int layer) {
    return lstm(direction, layer) + "B";
  }

  /** The projection of an LSTM layer's output, [cells, projection dim]. */
  public static String lstmProjection(int direction, int layer) {
    return lstm(direction, layer) + "W_P_0";
  }

  /** Whether {@link #lstmProjection} returns this name for any layer. */
  public static boolean isLstmProjection(String name) {
    return name.endsWith("/W_P_0");
  }

  private static String lstm(int direction, int layer) {
    return "RNN_" + direction + "/RNN/MultiRNNCell/Cell" + layer + "/LSTMCell/";
  }
}
