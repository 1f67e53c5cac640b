// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.Random;
import org.bytedeco.javacpp.FloatPointer;
import org.elmo4j.internal.kernels.CpuKernels;

/**
 * What turns vectors into scores of classes: {@code x W + b}, or with a hidden layer {@code relu(x
 * W_hidden + b_hidden) W + b}. Its parameters lie one behind the other: W_hidden, b_hidden where
 * there are some, then W and b, then the transitions of a {@link Crf} where there is one.
 *
 * @param inputs numbers of a vector
 * @param hidden units of the hidden layer; 0 for none
 * @param classes how many
 * @param crf whether labels of a sentence depend on each other
 */
record Head(int inputs, int hidden, int classes, boolean crf) {
  /** Numbers that W_hidden and b_hidden take. */
  int hiddenSize() {
    return hidden * (inputs + 1);
  }

  /** Inputs of the last layer. */
  int last() {
    return hidden > 0 ? hidden : inputs;
  }

  /** Numbers that come before the transitions. */
  int linearSize() {
    return Math.addExact(hiddenSize(), Math.multiplyExact(classes, last() + 1));
  }

  /** Numbers that all parameters take. */
  int size() {
    return Math.addExact(linearSize(), crf ? Crf.size(classes) : 0);
  }

  /** Glorot & Bengio's uniform distribution for the matrices, zero for biases and transitions. */
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
   * Scores.
   *
   * @param x [rows, inputs]
   * @param units [rows, hidden], written; not looked at without a hidden layer
   * @param logits [rows, classes], written
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
   * Gradients.
   *
   * @param units what {@link #forward} wrote
   * @param toLogits [rows, classes]
   * @param toUnits [rows, hidden], written; not looked at without a hidden layer
   * @param toX [rows, inputs], written; null where it is not wanted
   * @param gradients laid out like the parameters, written
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
