// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.Random;
import java.util.function.DoubleSupplier;

/**
 * A second implementation of the mix, the head and the loss, in double precision and one number at
 * a time.
 */
final class MixOracle {
  /**
   * The layers [layer][row][column] with both halves. Layer 0 is two copies of the token
   * representation.
   */
  double[][][] layers;

  /** The mix's weights before the softmax. */
  double[] weights;

  double gamma;

  /** The rows over which layer norm computes its statistics; null without layer norm. */
  int[] normRows;

  /** Returns the mix, [row][column], or its means, [sentence][column]. */
  double[][] mix(int[] rows, int[] lengths, boolean mean) {
    int width = layers[0][0].length;
    double[] shares = new double[weights.length];
    double sum = 0;
    for (int k = 0; k < shares.length; k++) {
      shares[k] = Math.exp(weights[k]);
      sum += shares[k];
    }
    double[][] all = new double[rows.length][width];
    for (int k = 0; k < shares.length; k++) {
      double average = 0;
      double variance = 1;
      if (normRows != null) {
        average = moment(layers[k], 0, 1);
        variance = moment(layers[k], average, 2) + 1e-12;
      }
      for (int r = 0; r < rows.length; r++) {
        for (int c = 0; c < width; c++) {
          all[r][c] +=
              gamma * shares[k] / sum * (layers[k][rows[r]][c] - average) / Math.sqrt(variance);
        }
      }
    }
    if (!mean) {
      return all;
    }
    double[][] means = new double[lengths.length][width];
    int at = 0;
    for (int s = 0; s < lengths.length; s++) {
      for (int t = 0; t < lengths[s]; t++, at++) {
        for (int c = 0; c < width; c++) {
          means[s][c] += all[at][c] / lengths[s];
        }
      }
    }
    return means;
  }

  private double moment(double[][] layer, double around, int power) {
    double sum = 0;
    for (int row : normRows) {
      for (double v : layer[row]) {
        sum += Math.pow(v - around, power);
      }
    }
    return sum / (normRows.length * (double) layer[0].length);
  }

  /**
   * Returns the mean cross-entropy of a head on these vectors. If there are class weights, each
   * vector's loss is multiplied by its label's weight.
   */
  static double loss(
      Head head, double[] parameters, double[][] x, int[] labels, double[] classWeights) {
    double loss = 0;
    for (int r = 0; r < x.length; r++) {
      double[] in = x[r];
      if (head.hidden() > 0) {
        in = linear(parameters, 0, in, head.hidden());
        for (int i = 0; i < in.length; i++) {
          in[i] = Math.max(0, in[i]);
        }
      }
      double[] scores = linear(parameters, head.hiddenSize(), in, head.classes());
      double sum = 0;
      for (double score : scores) {
        sum += Math.exp(score);
      }
      double weight = classWeights == null ? 1 : classWeights[labels[r]];
      loss += weight * (Math.log(sum) - scores[labels[r]]);
    }
    return loss / x.length;
  }

  private static double[] linear(double[] parameters, int at, double[] x, int columns) {
    double[] y = new double[columns];
    for (int c = 0; c < columns; c++) {
      y[c] = parameters[at + x.length * columns + c];
      for (int i = 0; i < x.length; i++) {
        y[c] += x[i] * parameters[at + i * columns + c];
      }
    }
    return y;
  }

  /** Returns the derivative with respect to one number as a central difference. */
  static double derivative(double[] values, int at, DoubleSupplier f) {
    double step = 1e-5;
    double old = values[at];
    values[at] = old + step;
    double up = f.getAsDouble();
    values[at] = old - step;
    double down = f.getAsDouble();
    values[at] = old;
    return (up - down) / (2 * step);
  }

  /**
   * Returns random numbers for a layer. They are floats, and are centered on {@code around}, so
   * that layer norm has an effect if it is not zero.
   */
  static double[][] random(Random random, int rows, int width, double around) {
    double[][] layer = new double[rows][width];
    for (double[] row : layer) {
      for (int c = 0; c < width; c++) {
        row[c] = (float) (around + 2 * random.nextDouble() - 1);
      }
    }
    return layer;
  }
}
