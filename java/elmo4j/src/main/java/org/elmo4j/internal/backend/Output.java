// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.util.Arrays;
import java.util.List;
import org.elmo4j.ElmoException;
import org.elmo4j.Layer;

/**
 * One tensor to compute: {@code sum_k scale[k] * layer_k}. Layer 0 is the token representation.
 *
 * @param halves 2 for [forward; backward], 1 for the token representation alone
 * @param scales one for each layer
 * @param mean whether the output is the mean over each sentence's tokens
 * @param boundaries whether the rows of the sentence boundaries are kept
 * @param maxLength rows of each sentence in a shared target; the rows behind a sentence's end
 *     become zero
 * @param targets either one for all sentences, [sentences, maxLength, halves * P] or, for a mean,
 *     [sentences, halves * P]; or one for each sentence, [length, halves * P] or, for a mean,
 *     [halves * P]
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

  /**
   * The number of steps, 0 or 1, that each direction of a sentence may leave out at its end. The
   * last step of a direction is at a boundary, so only a boundary's row and a carried state have
   * its result.
   *
   * @param state the state that is carried, or null
   */
  public static int unreadSteps(List<Output> outputs, LstmState state) {
    boolean read = state != null;
    for (int i = 0; i < outputs.size(); i++) { // No stream here either: see terms().
      read |= outputs.get(i).boundaries;
    }
    return read ? 0 : 1;
  }

  /**
   * The layers in the sum, in rising order: those whose scale is not 0, or layer 0 if all are 0.
   */
  public int[] terms() {
    int top = topLayer();
    int[] terms = new int[top + 1];
    int count = 0;
    for (int k = 0; k <= top; k++) { // No streams here, since this runs for each of many sentences.
      if (scales[k] != 0 || top == 0) {
        terms[count++] = k;
      }
    }
    return count == terms.length ? terms : Arrays.copyOf(terms, count);
  }

  /**
   * Makes the exception for a layer that is not finite although the weights are.
   *
   * @param source the file of the weights
   * @param layer the lowest such layer, or the number of layers if only their sum is not finite
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
