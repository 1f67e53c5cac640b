// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.Arrays;
import java.util.Locale;
import org.elmo4j.internal.Arguments;

/**
 * The weights of the sum of layers that makes an {@code elmo} output: {@code gamma * sum_k
 * softmax(w)_k * layer_k} (Peters et al. 2018, equation 1). Layer 0 is the token representation,
 * repeated once to have the width of the other layers. {@link org.elmo4j.train.MixTrainer} learns a
 * mix; {@link org.elmo4j.weights.WeightStores} reads and writes it. Immutable; any thread may use
 * it.
 */
public final class ScalarMix {
  /**
   * Whether each layer is normalized before the sum. Each layer has one mean and one variance over
   * all numbers of all tokens of the batch, padding excluded, with epsilon 1e-12 (section 3.2). The
   * vectors of a sentence then depend on the other sentences of its batch.
   */
  public enum LayerNorm {
    /** No layer norm. The default. */
    NONE,
    /**
     * Layer norm as in bilm-tf's {@code weight_layers}: mean and variance exclude the sentence
     * boundaries.
     */
    BILM_TF,
    /**
     * Layer norm as in AllenNLP's {@code ScalarMix}: mean and variance include the sentence
     * boundaries.
     */
    ALLENNLP;

    /** {@code none}, {@code bilm-tf}, {@code allennlp}. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /**
     * Reads a name that {@link #toString} returns.
     *
     * @throws ElmoException if it is any other name
     */
    public static LayerNorm parse(String name) {
      Arguments.require(name, "name");
      for (LayerNorm norm : values()) {
        if (norm.toString().equals(name)) {
          return norm;
        }
      }
      throw new ElmoException(
          "layer norm: expected none, bilm-tf or allennlp, found \"" + name + "\"");
    }
  }

  /**
   * The gradient of a loss with respect to a mix.
   *
   * @param weights with respect to the weights before the softmax
   * @param gamma with respect to gamma
   */
  public record Gradient(double[] weights, double gamma) {}

  private final float[] weights;
  private final float gamma;
  private final LayerNorm layerNorm;

  /**
   * Makes a mix without layer norm.
   *
   * @param weights one finite number for each layer, before the softmax, the token representation
   *     first
   * @param gamma the finite factor in front of the sum
   * @throws ElmoException if there are no weights or one of the numbers is not finite
   */
  public ScalarMix(float[] weights, float gamma) {
    this(weights, gamma, LayerNorm.NONE);
  }

  /** Makes a mix like {@link #ScalarMix(float[], float)}, with layer norm. */
  public ScalarMix(float[] weights, float gamma, LayerNorm layerNorm) {
    Arguments.require(weights, "mix weights");
    Arguments.require(layerNorm, "mix layer norm");
    if (weights.length == 0) {
      throw new ElmoException("mix weights: expected one a layer, found none");
    }
    for (float w : weights) {
      if (!Float.isFinite(w)) {
        throw new ElmoException(
            "mix weights: expected finite numbers, found " + w + " among " + weights.length);
      }
    }
    if (!Float.isFinite(gamma)) {
      throw new ElmoException("mix gamma: expected a finite number, found " + gamma);
    }
    this.weights = weights.clone();
    this.gamma = gamma;
    this.layerNorm = layerNorm;
  }

  /** The mix that training starts with: the same weight for all layers, gamma 1, no layer norm. */
  public static ScalarMix even(int layers) {
    return new ScalarMix(new float[layers], 1);
  }

  /** The weights before the softmax, as a copy. */
  public float[] weights() {
    return weights.clone();
  }

  /** The number of layers. */
  public int layers() {
    return weights.length;
  }

  /** The factor in front of the sum. */
  public float gamma() {
    return gamma;
  }

  /** Whether and how each layer is normalized. */
  public LayerNorm layerNorm() {
    return layerNorm;
  }

  /** {@code softmax(weights)}: the share of each layer. The shares add up to 1. */
  public double[] shares() {
    double max = Double.NEGATIVE_INFINITY;
    for (float w : weights) {
      max = Math.max(max, w);
    }
    double[] shares = new double[weights.length];
    double sum = 0;
    for (int k = 0; k < shares.length; k++) {
      shares[k] = StrictMath.exp(weights[k] - max);
      sum += shares[k];
    }
    for (int k = 0; k < shares.length; k++) {
      shares[k] /= sum;
    }
    return shares;
  }

  /** {@code gamma * softmax(weights)}: the factor of each layer in the sum. */
  public float[] scales() {
    double[] shares = shares();
    float[] scales = new float[shares.length];
    for (int k = 0; k < scales.length; k++) {
      scales[k] = (float) (gamma * shares[k]);
    }
    return scales;
  }

  /**
   * Turns the gradient of a loss with respect to {@link #scales} into the gradient with respect to
   * the weights and gamma.
   *
   * @param scales one number for each layer
   */
  public Gradient gradient(double[] scales) {
    Arguments.require(scales, "scales");
    double[] shares = shares();
    double toGamma = 0;
    for (int k = 0; k < shares.length; k++) {
      toGamma += shares[k] * scales[k];
    }
    double[] toWeights = new double[shares.length];
    for (int k = 0; k < shares.length; k++) {
      toWeights[k] = gamma * shares[k] * (scales[k] - toGamma);
    }
    return new Gradient(toWeights, toGamma);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ScalarMix mix
        && Arrays.equals(mix.weights, weights)
        && mix.gamma == gamma
        && mix.layerNorm == layerNorm;
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(weights) + Float.hashCode(gamma) + layerNorm.ordinal();
  }

  @Override
  public String toString() {
    return "ScalarMix"
        + Arrays.toString(weights)
        + " * "
        + gamma
        + (layerNorm == LayerNorm.NONE ? "" : ", layer norm " + layerNorm);
  }
}
