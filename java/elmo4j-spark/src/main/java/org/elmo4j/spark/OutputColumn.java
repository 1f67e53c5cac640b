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
 * @param name of the column
 * @param layer as {@link Layer#parse} reads it, or a mean of such a one: {@code mean(word_emb)}
 * @param mixWeights in place of the model's own mix; null for that
 * @param mixGamma its factor
 */
record OutputColumn(String name, String layer, float[] mixWeights, float mixGamma)
    implements Serializable {
  /**
   * What to ask the model for.
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
   * The layer of that name.
   *
   * @throws ElmoException if there is none
   */
  static Layer parse(String layer) {
    return new OutputColumn("", layer, null, 1).toLayer();
  }

  /** Spark NLP's name of a layer's annotations. */
  static String annotatorType(Layer layer) {
    return layer.kind() == Layer.Kind.MEAN
        ? Annotations.SENTENCE_EMBEDDINGS
        : Annotations.WORD_EMBEDDINGS;
  }

  boolean isMean() {
    return toLayer().kind() == Layer.Kind.MEAN;
  }
}
