// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.weights;

import java.nio.FloatBuffer;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import org.elmo4j.ScalarMix;

/**
 * Weights as some file holds them, under the names and shapes of the AllenNLP / bilm-tf form
 * whatever the file's own: {@code char_embed}, {@code CNN/W_cnn_0}, {@code
 * RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell/W_0} and so on, {@code word_embed} where words have
 * embeddings of their own. What they are multiplied into is the same for all: a form whose
 * arithmetic differs in order or sign gives its weights reordered, negated, shifted. Nothing is
 * read until {@link #read} asks for it. For one thread at a time.
 */
public interface WeightStore extends AutoCloseable {
  /** The file or folder, for messages. */
  String source();

  /** The model's structure. */
  ModelOptions options();

  /** The mix the file carries, or null where it has none. */
  default ScalarMix mix() {
    return null;
  }

  /** The dimensions of each tensor, to be read only, in the order of the computation. */
  Map<String, long[]> shapes();

  /** All tensors. */
  default Set<String> names() {
    return Collections.unmodifiableSet(shapes().keySet());
  }

  /** The dimensions of a tensor, a copy; null where there is no such tensor. */
  default long[] shape(String name) {
    long[] shape = shapes().get(name);
    return shape == null ? null : shape.clone();
  }

  /**
   * Reads one tensor, row-major, as 32-bit floats.
   *
   * @param name one of {@link #names}
   * @param target filled from its position on; must have room for the whole tensor
   * @throws org.elmo4j.ElmoException if the file is damaged there or the values are not finite
   */
  void read(String name, FloatBuffer target);

  @Override
  void close();
}
