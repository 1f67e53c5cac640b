// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.model;

/**
 * The names of a model's tensors, as AllenNLP's and bilm-tf's weight files have them. Direction 0
 * reads forward, 1 backward; layers, filters and highways count from 0.
 */
public final class TensorNames {
  /** Words' own embeddings [words, word dim], of ELMoForManyLangs models alone. */
  public static final String WORD_EMBED = "word_embed";

  /** Characters' embeddings [characters, dim]; the row of id 0 is not stored. */
  public static final String CHAR_EMBED = "char_embed";

  /** The projection after the highways, [features, projection dim]. */
  public static final String PROJECTION = "CNN_proj/W_proj";

  public static final String PROJECTION_BIAS = "CNN_proj/b_proj";

  private TensorNames() {}

  /** Weights of a convolution's filters, [1, width, embedding dim, filters]. */
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

  /** An LSTM layer's projection of its outputs, [cells, projection dim]. */
  public static String lstmProjection(int direction, int layer) {
    return lstm(direction, layer) + "W_P_0";
  }

  /** Whether a name is one of {@link #lstmProjection}. */
  public static boolean isLstmProjection(String name) {
    return name.endsWith("/W_P_0");
  }

  private static String lstm(int direction, int layer) {
    return "RNN_" + direction + "/RNN/MultiRNNCell/Cell" + layer + "/LSTMCell/";
  }
}
