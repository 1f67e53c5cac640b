// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.Objects;
import java.util.Optional;
import org.elmo4j.internal.Arguments;

/**
 * One output of the model. P is the projection dimension (512 in the original model). For a batch
 * the outputs are:
 *
 * <table>
 *   <caption>shapes</caption>
 *   <tr><td>{@link #WORD_EMB}</td><td>[batch, max_length, P]</td><td>the token representation</td></tr>
 *   <tr><td>{@link #lstm(int)}</td><td>[batch, max_length, 2P]</td><td>an LSTM layer, [forward; backward]</td></tr>
 *   <tr><td>{@link #ELMO}, {@link #elmo(ScalarMix)}</td><td>[batch, max_length, 2P]</td><td>the sum of all layers</td></tr>
 *   <tr><td>{@link #DEFAULT}, {@link #mean(Layer)}</td><td>[batch, 2P or P]</td><td>the mean over a sentence's tokens</td></tr>
 * </table>
 *
 * <p>ELMoForManyLangs numbers its outputs ({@code output_layer}): 0 is {@link #WORD_EMB}, which it
 * writes twice side by side; 1, 2 and so on are {@link #lstm(int)}; -1, the plain mean of all
 * layers, is {@link #ELMO}; -2 stands for all layers.
 *
 * <p>Two objects for the same output are equal. Immutable and thread-safe.
 */
public final class Layer {
  /** The kinds of outputs. */
  public enum Kind {
    /** The token representation. */
    WORD_EMB,
    /** An LSTM layer. */
    LSTM,
    /** A mix of all layers. */
    ELMO,
    /** A mean over tokens of another layer. */
    MEAN
  }

  /** The token representation: characters only, no context. */
  public static final Layer WORD_EMB = new Layer(Kind.WORD_EMB, 0, null, null);

  /**
   * The sum of all layers with the mix of the model file. If the file has no mix, all layers have
   * the same weight, and gamma is 1.
   */
  public static final Layer ELMO = new Layer(Kind.ELMO, 0, null, null);

  /**
   * The mean of {@link #ELMO} over the tokens of each sentence; zeros for a sentence without
   * tokens.
   */
  public static final Layer DEFAULT = mean(ELMO);

  private final Kind kind;
  private final int index;
  private final ScalarMix mix;
  private final Layer of;

  private Layer(Kind kind, int index, ScalarMix mix, Layer of) {
    this.kind = kind;
    this.index = index;
    this.mix = mix;
    this.of = of;
  }

  /**
   * The output of one LSTM layer.
   *
   * @param layer from 1
   * @throws ElmoException if it is less than 1
   */
  public static Layer lstm(int layer) {
    if (layer < 1) {
      throw new ElmoException("LSTM layer: expected 1 or more, found " + layer);
    }
    return new Layer(Kind.LSTM, layer, null, null);
  }

  /**
   * The sum of all layers with the given mix. The model runs once for a call, however many mixes
   * the call requests.
   */
  public static Layer elmo(ScalarMix mix) {
    return new Layer(Kind.ELMO, 0, Arguments.require(mix, "mix"), null);
  }

  /**
   * The mean of another layer over the tokens of each sentence; zeros for a sentence without
   * tokens.
   *
   * @throws ElmoException if that layer is itself a mean
   */
  public static Layer mean(Layer of) {
    Arguments.require(of, "layer");
    if (of.kind == Kind.MEAN) {
      throw new ElmoException("mean: expected a layer with one row a token, found " + of);
    }
    return new Layer(Kind.MEAN, 0, null, of);
  }

  /**
   * Reads a name that the original tools use: {@code word_emb}, {@code lstm_outputs1} and so on,
   * {@code elmo}, {@code default}.
   *
   * @throws ElmoException if it is any other name
   */
  public static Layer parse(String name) {
    Arguments.require(name, "name");
    switch (name) {
      case "word_emb":
        return WORD_EMB;
      case "elmo":
        return ELMO;
      case "default":
        return DEFAULT;
      default:
        if (name.matches("lstm_outputs[1-9][0-9]?")) {
          return lstm(Integer.parseInt(name.substring("lstm_outputs".length())));
        }
        throw new ElmoException(
            "layer: expected word_emb, lstm_outputs1, lstm_outputs2 ..., elmo or default, found \""
                + name
                + "\"");
    }
  }

  /** What kind of output it is. */
  public Kind kind() {
    return kind;
  }

  /** The number of an LSTM layer, starting with 1; 0 for the other kinds. */
  public int index() {
    return index;
  }

  /**
   * The mix of an {@code elmo} layer; empty if it is the mix of the model, and for the other kinds.
   */
  public Optional<ScalarMix> mix() {
    return Optional.ofNullable(mix);
  }

  /** The layer that a mean is taken of; empty for the other kinds. */
  public Optional<Layer> of() {
    return Optional.ofNullable(of);
  }

  @Override
  public boolean equals(Object other) {
    if (!(other instanceof Layer)) {
      return false;
    }
    Layer that = (Layer) other;
    return kind == that.kind
        && index == that.index
        && Objects.equals(mix, that.mix)
        && Objects.equals(of, that.of);
  }

  @Override
  public int hashCode() {
    // Not Objects.hash, which makes an array: results are kept by layer.
    int hash = 31 * kind.hashCode() + index;
    return 31 * (31 * hash + Objects.hashCode(mix)) + Objects.hashCode(of);
  }

  /**
   * The name that {@link #parse} reads. For a given mix or a mean, the details follow in brackets.
   */
  @Override
  public String toString() {
    switch (kind) {
      case WORD_EMB:
        return "word_emb";
      case LSTM:
        return "lstm_outputs" + index;
      case ELMO:
        return mix == null ? "elmo" : "elmo(" + mix + ")";
      default:
        return equals(DEFAULT) ? "default" : "mean(" + of + ")";
    }
  }
}
