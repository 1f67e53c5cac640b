// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.Random;
import org.bytedeco.javacpp.FloatPointer;
import org.elmo4j.internal.kernels.CpuKernels;

/**
 * Computes scores of classes from vectors: {@code x W + b}, or with a hidden layer {@code relu(x
 * W_hidden + b_hidden) W + b}. The parameters are contiguous: W_hidden and b_hidden if there is a
 * hidden layer, then W and b, then the transitions if there is a {@link Crf}.
 *
 * @param inputs the number of elements of a vector
 * @param hidden the number of units of the hidden layer; 0 for none
 * @param classes the number of classes
 * @param crf whether the labels of a sentence are predicted jointly, by a {@link Crf}
 */
record Head(int inputs, int hidden, int classes, boolean crf) {
  /** The number of elements of W_hidden and b_hidden. */
  int hiddenSize() {
    return hidden * (inputs + 1);
  }

  /** The number of inputs of the last layer. */
  int last() {
    return hidden > 0 ? hidden : inputs;
  }

  /** The number of parameters before the transitions. */
  int linearSize() {
    return Math.addExact(hiddenSize(), Math.multiplyExact(classes, last() + 1));
  }

  /** The number of all parameters. */
  int size() {
    return Math.addExact(linearSize(), crf ? Crf.size(classes) : 0);
  }

  /**
   * Returns initial parameters: Glorot and Bengio's uniform distribution for the matrices, zeros
   * for biases and transitions.
   */
  float[] initial(Random random) {
    float[] parameters = new float[size()];
    fill(parameters, 0, inputs, hidden, random);
    fill(parameters, hiddenSize(), last(), classes, random);
    return parameters;
  }

  private static void fill(float[] to, int at, int depth, int columns, Random random) {
    double bound = Math.sqrt(6.0 / (depth + columns));
    for (int i = 0; i < depth * columns; i++) {
      to[at + i] = (float) (bound * (2 * random.nextDouble() - 1));
    }
  }

  /**
   * Computes the scores.
   *
   * @param x [rows, inputs]
   * @param units receives the hidden layer's output, [rows, hidden]; ignored without a hidden layer
   * @param logits receives the scores, [rows, classes]
   */
  void forward(
      FloatPointer parameters, int rows, FloatPointer x, FloatPointer units, FloatPointer logits) {
    FloatPointer weights = parameters;
    FloatPointer in = x;
    if (hidden > 0) {
      CpuKernels.elmo4j_cpu_linear(
          rows, inputs, hidden, x, weights, weights.getPointer((long) inputs * hidden), 1, units);
      weights = parameters.getPointer(hiddenSize());
      in = units;
    }
    CpuKernels.elmo4j_cpu_linear(
        rows, last(), classes, in, weights, weights.getPointer((long) last() * classes), 0, logits);
  }

  /**
   * Computes the gradients.
   *
   * @param units the hidden layer's output, from {@link #forward}
   * @param toLogits the gradients of the scores, [rows, classes]
   * @param toUnits receives the gradients of {@code units}, [rows, hidden]; ignored without a
   *     hidden layer
   * @param toX receives the gradients of {@code x}, [rows, inputs]; null if they are not needed
   * @param gradients receives the gradients of the parameters, with the same layout
   */
  void backward(
      FloatPointer parameters,
      int rows,
      FloatPointer x,
      FloatPointer units,
      FloatPointer toLogits,
      FloatPointer toUnits,
      FloatPointer toX,
      FloatPointer gradients) {
    long last = hiddenSize();
    CpuKernels.elmo4j_cpu_linear_backward(
        rows,
        last(),
        classes,
        hidden > 0 ? units : x,
        parameters.getPointer(last),
        null,
        toLogits,
        gradients.getPointer(last),
        gradients.getPointer(last + (long) last() * classes),
        hidden > 0 ? toUnits : toX);
    if (hidden > 0) {
      CpuKernels.elmo4j_cpu_linear_backward(
          rows,
          inputs,
          hidden,
          x,
          parameters,
          units,
          toUnits,
          gradients,
          gradients.getPointer((long) inputs * hidden),
          toX);
    }
  }
}
