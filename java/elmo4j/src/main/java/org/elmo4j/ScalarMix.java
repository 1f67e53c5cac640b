// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.Arrays;

/**
 * The weights of the sum over layers that makes one {@code elmo} output: {@code gamma * sum_k softmax(w)_k * layer_k},
 * layer 0 being the token representation twice over (Peters et al. 2018, equation 1). Immutable; any thread may use it.
 */
public final class ScalarMix {
  private final float[] weights;
  private final float gamma;

  /**
   * @param weights one a layer, before the softmax, the token representation first; finite
   * @param gamma the factor in front; finite
   * @throws ElmoException if there are no weights or one of the numbers is not finite
   */
  public ScalarMix(float[] weights, float gamma) {
    if (weights.length == 0) {
      throw new ElmoException("mix weights: expected one a layer, found none");
    }
    for (float w : weights) {
      if (!Float.isFinite(w)) {
        throw new ElmoException("mix weights: expected finite numbers, found " + Arrays.toString(weights));
      }
    }
    if (!Float.isFinite(gamma)) {
      throw new ElmoException("mix gamma: expected a finite number, found " + gamma);
    }
    this.weights = weights.clone();
    this.gamma = gamma;
  }

  /** All layers alike, gamma 1: where training starts. */
  public static ScalarMix even(int layers) {
    return new ScalarMix(new float[layers], 1);
  }

  /** The weights before the softmax, a copy. */
  public float[] weights() {
    return weights.clone();
  }

  /** The factor in front of the sum. */
  public float gamma() {
    return gamma;
  }

  /** {@code gamma * softmax(weights)}: what each layer is multiplied by. */
  public float[] scales() {
    double max = Double.NEGATIVE_INFINITY;
    for (float w : weights) {
      max = Math.max(max, w);
    }
    double sum = 0;
    for (float w : weights) {
      sum += Math.exp(w - max);
    }
    float[] scales = new float[weights.length];
    for (int k = 0; k < scales.length; k++) {
      scales[k] = (float) (gamma * (Math.exp(weights[k] - max) / sum));
    }
    return scales;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ScalarMix
        && Arrays.equals(((ScalarMix) other).weights, weights)
        && ((ScalarMix) other).gamma == gamma;
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(weights) + Float.hashCode(gamma);
  }

  @Override
  public String toString() {
    return "ScalarMix" + Arrays.toString(weights) + " * " + gamma;
  }
}
