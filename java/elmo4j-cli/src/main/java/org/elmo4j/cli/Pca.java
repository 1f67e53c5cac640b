// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

/** Computes principal components of a few long vectors. Thread-safe. */
final class Pca {
  private static final int ROUNDS = 2000;

  private Pca() {}

  /**
   * Returns the vectors' coordinates along the two directions in which they vary most. It finds the
   * eigenvectors of the matrix of dot products by power iteration; for few vectors this matrix is
   * small.
   *
   * @param shares receives two numbers: the share of the variance along each direction; 0 and 0 if
   *     the vectors are equal except for rounding
   * @return two coordinates for each vector; the signs are chosen so that those of the first vector
   *     are not negative
   */
  static double[][] plane(double[][] vectors, double[] shares) {
    int n = vectors.length;
    int width = vectors[0].length;
    double[] mean = new double[width];
    for (double[] vector : vectors) {
      for (int i = 0; i < width; i++) {
        mean[i] += vector[i] / n;
      }
    }
    double[][] centred = new double[n][width];
    for (int r = 0; r < n; r++) {
      for (int i = 0; i < width; i++) {
        centred[r][i] = vectors[r][i] - mean[i];
      }
    }
    double[][] products = new double[n][n];
    double trace = 0;
    double squares = 0;
    for (int r = 0; r < n; r++) {
      for (int s = 0; s < n; s++) {
        products[r][s] = dot(centred[r], centred[s]);
      }
      trace += products[r][r];
      squares += dot(vectors[r], vectors[r]);
    }
    if (trace <= 1e-12 * squares) {
      shares[0] = 0;
      shares[1] = 0;
      return new double[n][2];
    }
    double[][] points = new double[n][2];
    for (int d = 0; d < 2; d++) {
      double[] v = new double[n];
      for (int r = 0; r < n; r++) {
        // A direction that is unlikely to be orthogonal to an eigenvector.
        v[r] = Math.cos(1 + r * (d + 1.3));
      }
      double value = 0;
      for (int round = 0; round < ROUNDS; round++) {
        double[] next = new double[n];
        for (int r = 0; r < n; r++) {
          next[r] = dot(products[r], v);
        }
        value = Math.sqrt(dot(next, next));
        if (value <= 1e-12 * trace) {
          value = 0;
          break;
        }
        for (int r = 0; r < n; r++) {
          v[r] = next[r] / value;
        }
      }
      shares[d] = value / trace;
      double sign = v[0] < 0 ? -1 : 1;
      for (int r = 0; r < n; r++) {
        points[r][d] = value == 0 ? 0 : sign * Math.sqrt(value) * v[r];
        for (int s = 0; s < n; s++) {
          products[r][s] -= value == 0 ? 0 : value * v[r] * v[s];
        }
      }
    }
    return points;
  }

  static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
