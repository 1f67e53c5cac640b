// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.List;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.weights.ModelOptions;

/**
 * Describes how a model's layers are computed: their sizes, and the weighted sums over the model's
 * layers that backends compute. Immutable and thread-safe.
 *
 * @param source the file or folder of the model, for messages
 * @param mix the mix behind {@link Layer#ELMO}
 */
record LayerPlan(String source, ModelOptions options, ScalarMix mix) {
  /** Checks that a layer of a sentence does not depend on the other sentences in the batch. */
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

  /**
   * The layer whose rows this layer consists of: for a mean the layer it is taken of, otherwise the
   * layer itself.
   */
  static Layer rows(Layer layer) {
    return layer.of().orElse(layer);
  }

  /** Checks that this model has a layer. */
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

  /** The weight of each model layer in the sum that makes up a layer, which was checked before. */
  float[] scales(Layer layer) {
    ScalarMix used = mix(layer);
    if (used != null) {
      return used.scales();
    }
    float[] scales = new float[options.lstmLayers() + 1];
    scales[layer.kind() == Layer.Kind.LSTM ? layer.index() : 0] = 1;
    return scales;
  }

  /** The mix of an {@code elmo} layer; null for other layers. */
  ScalarMix mix(Layer layer) {
    return layer.kind() == Layer.Kind.ELMO ? layer.mix().orElse(mix) : null;
  }

  /**
   * The number of elements in one row of a layer, where P is the projection size: P for {@code
   * word_emb} and its mean, 2P for the others.
   */
  int dim(Layer layer) {
    return options.projectionDim() * (rows(layer).kind() == Layer.Kind.WORD_EMB ? 1 : 2);
  }
}
