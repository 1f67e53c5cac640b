// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.nio.FloatBuffer;
import java.util.List;
import org.elmo4j.weights.ModelOptions;

/** The vectors of all layers of a text, with which others are compared. Thread-safe. */
final class Vectors implements Peer.Sink {
  private final int[] starts; // the first token of each sentence, then the number of tokens
  private final int[] dims; // by layer
  private final float[][] layers;

  /** Allocates memory for all layers. */
  Vectors(List<List<String>> sentences, ModelOptions options) {
    starts = new int[sentences.size() + 1];
    for (int s = 0; s < sentences.size(); s++) {
      starts[s + 1] = starts[s] + sentences.get(s).size();
    }
    dims = new int[options.lstmLayers() + 1];
    layers = new float[dims.length][];
    for (int layer = 0; layer < dims.length; layer++) {
      dims[layer] = (layer == 0 ? 1 : 2) * options.projectionDim();
      layers[layer] = new float[starts[sentences.size()] * dims[layer]];
    }
  }

  @Override
  public synchronized void accept(int[] sentences, int layer, FloatBuffer vectors) {
    for (int s : sentences) {
      vectors.get(
          layers[layer], starts[s] * dims[layer], (starts[s + 1] - starts[s]) * dims[layer]);
    }
  }

  /** Compares vectors with the stored ones. */
  final class Agreement implements Peer.Sink {
    private double worst = 1;
    private double sum;
    private double largest;
    private long count;

    @Override
    public synchronized void accept(int[] sentences, int layer, FloatBuffer vectors) {
      int dim = dims[layer];
      float[] expected = layers[layer];
      float[] found = new float[dim];
      for (int s : sentences) {
        for (int from = starts[s] * dim; from < starts[s + 1] * dim; from += dim) {
          vectors.get(found);
          double product = 0;
          double expectedSquares = 0;
          double foundSquares = 0;
          for (int i = 0; i < dim; i++) {
            double x = expected[from + i];
            double difference = Math.abs(x - found[i]);
            largest = Math.max(largest, difference); // NaN where one of them is NaN, and stays so
            product += x * found[i];
            expectedSquares += x * x;
            foundSquares += (double) found[i] * found[i];
          }
          double cosine = product / Math.sqrt(expectedSquares * foundSquares);
          worst = Math.min(worst, cosine);
          sum += cosine;
          count++;
        }
      }
    }

    /** The lowest cosine of any token and layer. */
    double worstCosine() {
      return worst;
    }

    double meanCosine() {
      return sum / count;
    }

    /** The largest difference between two numbers. */
    double largestDifference() {
      return largest;
    }

    /** The number of compared vectors: tokens times layers. */
    long count() {
      return count;
    }
  }
}
