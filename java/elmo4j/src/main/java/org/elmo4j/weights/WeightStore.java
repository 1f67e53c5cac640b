// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.weights;

import java.nio.FloatBuffer;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.elmo4j.ElmoException;
import org.elmo4j.ScalarMix;

/**
 * The weights in a model file. Tensors have the names and shapes of the AllenNLP and bilm-tf
 * format, whatever the format of the file: {@code char_embed}, {@code CNN/W_cnn_0}, {@code
 * RNN_0/RNN/MultiRNNCell/Cell0/LSTMCell/W_0} and so on, and {@code word_embed} if words have
 * embeddings. If a format computes in another order or with other signs, its reader reorders,
 * negates or shifts the weights, so that the same computation serves all formats. A tensor is read
 * only when {@link #read} is called. Not thread-safe.
 */
public interface WeightStore extends AutoCloseable {
  /** The file or folder, for messages. */
  String source();

  /** The model's structure. */
  ModelOptions options();

  /** The mix in the file; empty if it has none. */
  default Optional<ScalarMix> mix() {
    return Optional.empty();
  }

  /**
   * The dimensions of each tensor, in the order of the computation. The caller must not change the
   * arrays.
   */
  Map<String, long[]> shapes();

  /** The names of all tensors. */
  default Set<String> names() {
    return Collections.unmodifiableSet(shapes().keySet());
  }

  /**
   * The dimensions of a tensor, as a copy.
   *
   * @param name one of {@link #names}
   * @throws ElmoException if there is no such tensor
   */
  default long[] shape(String name) {
    long[] shape = shapes().get(name);
    if (shape == null) {
      throw new ElmoException(source() + ": tensor " + name + ": found no such tensor");
    }
    return shape.clone();
  }

  /**
   * Reads one tensor, row-major, as 32-bit floats.
   *
   * @param name one of {@link #names}
   * @param target filled from its position on; the whole tensor must fit
   * @throws ElmoException if the tensor is damaged or has values that are not finite
   */
  void read(String name, FloatBuffer target);

  @Override
  void close();
}
