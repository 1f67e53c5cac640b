// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.List;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.weights.ModelOptions;

/**
 * What a model's layers are made of: their sizes, and the sums over layers that backends compute.
 * Immutable; any thread may use it.
 *
 * @param mix the one behind {@link Layer#ELMO}
 */
record LayerPlan(String source, ModelOptions options, ScalarMix mix) {
  /** A sentence's result must not depend on what it happens to be merged with. */
  void checkAlone(Layer layer) {
    ScalarMix used = mix(rows(layer));
    if (used != null && used.layerNorm() != ScalarMix.LayerNorm.NONE) {
      throw new ElmoException(
          "layer "
              + layer
              + ": expected a mix without layer norm, which takes its mean from a whole batch,"
              + " found "
              + used.layerNorm());
    }
  }

  Output output(Layer layer, boolean boundaries, int maxLength, List<Memory> targets) {
    boolean mean = layer.kind() == Layer.Kind.MEAN;
    Layer rows = rows(layer);
    return new Output(
        rows.kind() == Layer.Kind.WORD_EMB ? 1 : 2,
        scales(rows),
        mean,
        boundaries && !mean,
        maxLength,
        targets);
  }

  /** The layer whose rows make up this one: what a mean is of, or the layer itself. */
  static Layer rows(Layer layer) {
    return layer.kind() == Layer.Kind.MEAN ? layer.of() : layer;
  }

  /** Refuses a layer that this model does not have. */
  void check(Layer layer) {
    int layers = options.lstmLayers() + 1;
    if (layer.kind() == Layer.Kind.LSTM && layer.index() >= layers) {
      throw new ElmoException(
          "layer "
              + layer
              + ": expected at most lstm_outputs"
              + options.lstmLayers()
              + " in "
              + source);
    }
    ScalarMix used = mix(layer);
    if (used != null && used.layers() != layers) {
      throw new ElmoException(
          "mix weights: expected one a layer, "
              + layers
              + " in "
              + source
              + ", found "
              + used.layers());
    }
  }

  /** A layer that was checked as a weighted sum of all layers. */
  float[] scales(Layer layer) {
    ScalarMix used = mix(layer);
    if (used != null) {
      return used.scales();
    }
    float[] scales = new float[options.lstmLayers() + 1];
    scales[layer.kind() == Layer.Kind.LSTM ? layer.index() : 0] = 1;
    return scales;
  }

  /** What an {@code elmo} layer is mixed with; null for other layers. */
  ScalarMix mix(Layer layer) {
    return layer.kind() != Layer.Kind.ELMO ? null : layer.mix() == null ? mix : layer.mix();
  }

  /** Numbers in one row of a layer: P for {@code word_emb} and its mean, 2P for the others. */
  int dim(Layer layer) {
    return options.projectionDim() * (rows(layer).kind() == Layer.Kind.WORD_EMB ? 1 : 2);
  }
}
