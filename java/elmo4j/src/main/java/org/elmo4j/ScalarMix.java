// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.Arrays;
import java.util.Locale;

/**
 * The weights of the sum over layers that makes one {@code elmo} output: {@code gamma * sum_k
 * softmax(w)_k * layer_k}, layer 0 being the token representation twice over (Peters et al. 2018,
 * equation 1). {@link org.elmo4j.train.MixTrainer} learns them; {@link
 * org.elmo4j.weights.WeightStores} reads and writes files of them. Immutable; any thread may use
 * it.
 */
public final class ScalarMix {
  /**
   * Whether each layer is normalized before it is summed: one mean and one variance a layer, over
   * all numbers of all real tokens of the batch (section 3.2), epsilon 1e-12. So a sentence's
   * vectors then depend on what it is batched with.
   */
  public enum LayerNorm {
    /** Not at all: the default. */
    NONE,
    /**
     * As bilm-tf's {@code weight_layers}: sentence boundaries are left out of mean and variance.
     */
    BILM_TF,
    /** As AllenNLP's {@code ScalarMix}: boundaries count in mean and variance. */
    ALLENNLP;

    /** {@code none}, {@code bilm-tf}, {@code allennlp}. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /**
     * Reads a name as {@link #toString} gives it.
     *
     * @throws ElmoException if it is another
     */
    public static LayerNorm parse(String name) {
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
   * The gradient of a loss to a mix.
   *
   * @param weights to the weights before the softmax
   * @param gamma to gamma
   */
  public record Gradient(double[] weights, double gamma) {}

  private final float[] weights;
  private final float gamma;
  private final LayerNorm layerNorm;

  /**
   * Without layer norm.
   *
   * @param weights one a layer, before the softmax, the token representation first; finite
   * @param gamma the factor in front; finite
   * @throws ElmoException if there are no weights or one of the numbers is not finite
   */
  public ScalarMix(float[] weights, float gamma) {
    this(weights, gamma, LayerNorm.NONE);
  }

  /** As {@link #ScalarMix(float[], float)}, with layer norm. */
  public ScalarMix(float[] weights, float gamma, LayerNorm layerNorm) {
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
    if (layerNorm == null) {
      throw new ElmoException("mix layer norm: expected a value, found null");
    }
    this.weights = weights.clone();
    this.gamma = gamma;
    this.layerNorm = layerNorm;
  }

  /** All layers alike, gamma 1, no layer norm: where training starts. */
  public static ScalarMix even(int layers) {
    return new ScalarMix(new float[layers], 1);
  }

  /** The weights before the softmax, a copy. */
  public float[] weights() {
    return weights.clone();
  }

  /** How many layers it mixes. */
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

  /** {@code softmax(weights)}: each layer's share, together 1. */
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

  /** {@code gamma * softmax(weights)}: what each layer is multiplied by. */
  public float[] scales() {
    double[] shares = shares();
    float[] scales = new float[shares.length];
    for (int k = 0; k < scales.length; k++) {
      scales[k] = (float) (gamma * shares[k]);
    }
    return scales;
  }

  /**
   * From the gradient of a loss to {@link #scales} to that to weights and gamma.
   *
   * @param scales one a layer
   */
  public Gradient gradient(double[] scales) {
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
