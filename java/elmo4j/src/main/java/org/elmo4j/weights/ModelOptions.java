// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.weights;

import java.util.List;

/**
 * The structure of a model, as {@code options.json} of AllenNLP and bilm-tf states it. Immutable.
 *
 * @param charEmbeddingDim size of a character's embedding (16 in the published models)
 * @param maxCharactersPerToken slots a token has, boundaries included (50)
 * @param filters the convolution's filters, in order
 * @param activation after the convolution's maximum
 * @param highwayLayers 0 or more
 * @param lstmDim cells of one LSTM layer and direction (4096)
 * @param projectionDim P: size of the token representation and of one direction's output (512)
 * @param lstmLayers 1 or more
 * @param skipConnections from the second layer on, add a layer's input to its output
 * @param cellClip bound of the cell state; 0 for none
 * @param projectionClip bound of the projected output; 0 for none
 */
public record ModelOptions(
    int charEmbeddingDim,
    int maxCharactersPerToken,
    List<Filter> filters,
    Activation activation,
    int highwayLayers,
    int lstmDim,
    int projectionDim,
    int lstmLayers,
    boolean skipConnections,
    float cellClip,
    float projectionClip) {

  /** {@code count} filters over {@code width} characters. */
  public record Filter(int width, int count) {}

  /** The function after the convolution's maximum. */
  public enum Activation {
    /** max(x, 0). */
    RELU,
    /** Hyperbolic tangent. */
    TANH
  }

  /** All filters together: the size of a token between the convolution and the projection. */
  public int filterCount() {
    return filters.stream().mapToInt(Filter::count).sum();
  }
}
