// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.WeightStore;

/** Reads a model's tensors in the layouts that the peers take. Not thread-safe. */
final class Matrices {
  private final WeightStore store;

  /**
   * @throws ElmoException if the model's format is not that of bilm-tf or AllenNLP
   */
  Matrices(WeightStore store) {
    if (store.options().dictionary().isPresent()) {
      throw new ElmoException(
          store.source()
              + ": expected a model of bilm-tf or AllenNLP, found one with dictionaries");
    }
    this.store = store;
  }

  boolean has(String name) {
    return store.names().contains(name);
  }

  /** Reads a tensor in its stored layout, row-major. */
  float[] read(String name) {
    float[] values = new float[Math.toIntExact(TensorShapes.count(store.shape(name)))];
    store.read(name, FloatBuffer.wrap(values));
    return values;
  }

  /**
   * Reads the character embeddings and puts a row of zeros for id 0 before them: [characters + 1,
   * dim].
   */
  float[] characters() {
    float[] stored = read(TensorNames.CHAR_EMBED);
    int dim = store.options().charEmbeddingDim();
    float[] table = new float[stored.length + dim];
    System.arraycopy(stored, 0, table, dim, stored.length);
    return table;
  }

  /**
   * Reads the filters of a convolution and changes their layout from [1, width, dim, count] to
   * [count, dim, width].
   */
  float[] filter(int number) {
    float[] stored = read(TensorNames.filter(number));
    int dim = store.options().charEmbeddingDim();
    int width = store.options().filters().get(number).width();
    int count = store.options().filters().get(number).count();
    float[] turned = new float[stored.length];
    for (int w = 0; w < width; w++) {
      for (int d = 0; d < dim; d++) {
        for (int n = 0; n < count; n++) {
          turned[(n * dim + d) * width + w] = stored[(w * dim + d) * count + n];
        }
      }
    }
    return turned;
  }

  /** Reads the bias of the gates i, j, f, o, and adds 1 for the forget gate f. */
  float[] gatesBias(int direction, int layer) {
    float[] bias = read(TensorNames.gatesBias(direction, layer));
    int cells = store.options().lstmDim();
    for (int i = 2 * cells; i < 3 * cells; i++) {
      bias[i] += 1;
    }
    return bias;
  }

  /** Returns a range of a matrix's rows. */
  static float[] rows(float[] matrix, int from, int to, int columns) {
    return Arrays.copyOfRange(matrix, from * columns, to * columns);
  }

  /**
   * Returns the scale of each column for integers of this many bits, including the sign: the value
   * of the integer 1.
   */
  static float[] scales(float[] matrix, int columns, int bits) {
    int largest = (1 << bits - 1) - 1;
    float[] scales = new float[columns];
    for (int i = 0; i < matrix.length; i++) {
      int column = i % columns;
      scales[column] = Math.max(scales[column], Math.abs(matrix[i]) / largest);
    }
    for (int column = 0; column < columns; column++) {
      scales[column] = scales[column] == 0 ? 1 : scales[column];
    }
    return scales;
  }
}
