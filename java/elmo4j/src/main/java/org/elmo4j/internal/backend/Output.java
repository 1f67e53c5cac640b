// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.util.Arrays;
import java.util.List;
import org.elmo4j.ElmoException;
import org.elmo4j.Layer;

/**
 * One tensor to compute: {@code sum_k scale[k] * layer_k}, layer 0 being the token representation.
 *
 * @param halves 2 for [forward; backward], 1 for one half: the token representation alone
 * @param scales one a layer
 * @param mean whether to take the mean over each sentence's tokens rather than the rows themselves
 * @param boundaries whether to keep the rows of the sentence boundaries
 * @param maxLength rows of each sentence in a shared target; those past its end become zero
 * @param targets one shared by all sentences, [sentences, maxLength, halves * P], or [sentences,
 *     halves * P] for a mean; or one for each sentence, [length, halves * P] or [halves * P]
 */
public record Output(
    int halves,
    float[] scales,
    boolean mean,
    boolean boundaries,
    int maxLength,
    List<Memory> targets) {

  /** The highest layer that the sum needs. */
  public int topLayer() {
    int top = 0;
    for (int k = 0; k < scales.length; k++) {
      if (scales[k] != 0) {
        top = k;
      }
    }
    return top;
  }

  /** The highest layer that any of several sums needs. */
  public static int topLayer(List<Output> outputs) {
    int top = 0;
    for (Output output : outputs) {
      top = Math.max(top, output.topLayer());
    }
    return top;
  }

  /** The layers that the sum adds up, rising: those whose scale is not 0, or layer 0 for none. */
  public int[] terms() {
    int top = topLayer();
    int[] terms = new int[top + 1];
    int count = 0;
    for (int k = 0; k <= top; k++) { // No streams: this is done for each sentence of many.
      if (scales[k] != 0 || top == 0) {
        terms[count++] = k;
      }
    }
    return count == terms.length ? terms : Arrays.copyOf(terms, count);
  }

  /**
   * That a layer of some sentence is not finite, though its weights are.
   *
   * @param source of the weights
   * @param layer the lowest such layer; above all layers if only their sum is not finite
   */
  public static ElmoException notFinite(String source, int layer, int layers) {
    return new ElmoException(
        source
            + ": "
            + (layer == 0 ? Layer.WORD_EMB : layer > layers ? Layer.ELMO : Layer.lstm(layer))
            + ": expected finite numbers, found some beyond a float's range: the weights are too"
            + " large for these tokens");
  }
}
