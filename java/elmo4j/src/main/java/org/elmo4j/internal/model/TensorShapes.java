// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.model;

import java.util.LinkedHashMap;
import java.util.Map;
import org.elmo4j.weights.ModelOptions;

/** The names and shapes of the tensors that a model with given options has. */
public final class TensorShapes {
  private TensorShapes() {}

  /**
   * All tensors, in the order of the computation. The projection after the convolution is left out
   * if the number of filters equals the projection dimension and the model has no dictionaries; a
   * file may contain one even then.
   */
  public static Map<String, long[]> of(ModelOptions options) {
    return of(options, needsProjection(options));
  }

  /** Like {@link #of(ModelOptions)}, with or without the projection after the convolution. */
  public static Map<String, long[]> of(ModelOptions options, boolean projection) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    int embedding = options.charEmbeddingDim();
    long features = options.filterCount();
    int wordDim = options.wordDim();
    int cells = options.lstmDim();
    int p = options.projectionDim();
    if (wordDim > 0) {
      shapes.put(TensorNames.WORD_EMBED, shape(options.words(), wordDim));
    }
    shapes.put(TensorNames.CHAR_EMBED, shape(options.characters(), embedding));
    for (int i = 0; i < options.filters().size(); i++) {
      ModelOptions.Filter filter = options.filters().get(i);
      shapes.put(TensorNames.filter(i), shape(1, filter.width(), embedding, filter.count()));
      shapes.put(TensorNames.filterBias(i), shape(filter.count()));
    }
    for (int i = 0; i < options.highwayLayers(); i++) {
      shapes.put(TensorNames.carry(i), shape(features, features));
      shapes.put(TensorNames.carryBias(i), shape(features));
      shapes.put(TensorNames.transform(i), shape(features, features));
      shapes.put(TensorNames.transformBias(i), shape(features));
    }
    if (projection) {
      shapes.put(TensorNames.PROJECTION, shape(wordDim + features, p));
      shapes.put(TensorNames.PROJECTION_BIAS, shape(p));
    }
    for (int direction = 0; direction < 2; direction++) {
      for (int layer = 0; layer < options.lstmLayers(); layer++) {
        shapes.put(TensorNames.gates(direction, layer), shape(2L * p, 4L * cells));
        shapes.put(TensorNames.gatesBias(direction, layer), shape(4L * cells));
        shapes.put(TensorNames.lstmProjection(direction, layer), shape(cells, p));
      }
    }
    return shapes;
  }

  private static long[] shape(long... dimensions) {
    return dimensions;
  }

  /** Whether a model must have a projection after the convolution. */
  public static boolean needsProjection(ModelOptions options) {
    return options.dictionary().isPresent() || options.filterCount() != options.projectionDim();
  }

  /** The number of elements of a shape. The caller makes sure that it fits into a long. */
  public static long count(long[] shape) {
    long count = 1;
    for (long n : shape) {
      count *= n;
    }
    return count;
  }

  /** The number of parameters: the elements of all tensors of {@link #of(ModelOptions)}. */
  public static long parameters(ModelOptions options) {
    return of(options).values().stream().mapToLong(TensorShapes::count).sum();
  }
}
