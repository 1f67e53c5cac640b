// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.WeightStore;

/** A model's tensors in the forms that the peers take. Not thread-safe. */
final class Matrices {
  private final WeightStore store;

  /**
   * @throws ElmoException if the model is not of bilm-tf's kind
   */
  Matrices(WeightStore store) {
    if (store.options().dictionary() != null) {
      throw new ElmoException(
          store.source()
              + ": expected a model of bilm-tf's or AllenNLP's kind, found one with dictionaries");
    }
    this.store = store;
  }

  boolean has(String name) {
    return store.shape(name) != null;
  }

  /** A tensor as it is, row-major. */
  float[] read(String name) {
    float[] values = new float[Math.toIntExact(TensorShapes.count(store.shape(name)))];
    store.read(name, FloatBuffer.wrap(values));
    return values;
  }

  /** The character table with the row of id 0 in front, [characters + 1, dim]. */
  float[] characters() {
    float[] stored = read(TensorNames.CHAR_EMBED);
    int dim = store.options().charEmbeddingDim();
    float[] table = new float[stored.length + dim];
    System.arraycopy(stored, 0, table, dim, stored.length);
    return table;
  }

  /** A convolution's filters, from [1, width, dim, count] to [count, dim, width]. */
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

  /** The gates' bias, in which the forget gate's 1 is added: gates i, j, f, o. */
  float[] gatesBias(int direction, int layer) {
    float[] bias = read(TensorNames.gatesBias(direction, layer));
    int cells = store.options().lstmDim();
    for (int i = 2 * cells; i < 3 * cells; i++) {
      bias[i] += 1;
    }
    return bias;
  }

  /** Rows of a matrix. */
  static float[] rows(float[] matrix, int from, int to, int columns) {
    return Arrays.copyOfRange(matrix, from * columns, to * columns);
  }

  /** What an integer of so many bits, its sign included, is worth in each column. */
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
