// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.Serializable;
import org.elmo4j.ElmoException;
import org.elmo4j.Layer;
import org.elmo4j.ScalarMix;

/**
 * A column that the stage adds.
 *
 * @param name the name of the column
 * @param layer a name that {@link Layer#parse} accepts, or a mean such as {@code mean(word_emb)}
 * @param mixWeights the weights of the mix, before the softmax; null for the model's own mix
 * @param mixGamma the factor of that mix; not used if {@code mixWeights} is null
 */
record OutputColumn(String name, String layer, float[] mixWeights, float mixGamma)
    implements Serializable {
  /**
   * Returns the layer that the model has to return.
   *
   * @throws ElmoException if there is no such layer
   */
  Layer toLayer() {
    boolean mean = layer.startsWith("mean(") && layer.endsWith(")");
    Layer parsed =
        Layer.parse(mean ? layer.substring("mean(".length(), layer.length() - 1) : layer);
    if (parsed.equals(Layer.DEFAULT)) {
      return mean ? Layer.mean(parsed) : Layer.mean(mixed(Layer.ELMO));
    }
    return mean ? Layer.mean(mixed(parsed)) : mixed(parsed);
  }

  private Layer mixed(Layer parsed) {
    return mixWeights != null && parsed.equals(Layer.ELMO)
        ? Layer.elmo(new ScalarMix(mixWeights, mixGamma))
        : parsed;
  }

  /**
   * Returns the layer with the given name.
   *
   * @throws ElmoException if there is no such layer
   */
  static Layer parse(String layer) {
    return new OutputColumn("", layer, null, 1).toLayer();
  }

  /** Returns Spark NLP's annotator type for the annotations of a layer. */
  static String annotatorType(Layer layer) {
    return layer.kind() == Layer.Kind.MEAN
        ? Annotations.SENTENCE_EMBEDDINGS
        : Annotations.WORD_EMBEDDINGS;
  }

  boolean isMean() {
    return toLayer().kind() == Layer.Kind.MEAN;
  }
}
