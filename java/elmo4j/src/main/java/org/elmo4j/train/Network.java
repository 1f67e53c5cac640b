// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.ScalarMix;
import org.elmo4j.ScalarMix.LayerNorm;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.cpu.CpuMix;
import org.elmo4j.internal.kernels.CpuKernels;

/**
 * A mix of layers, dropout and a head that are trained together: the parameters, the forward and
 * backward passes, and the optimizer. The order of operations is fixed, so the same calls always
 * give the same bits. Not thread-safe.
 */
final class Network implements AutoCloseable {
  /**
   * Stands for a label that is not one of the classes. It counts as wrong when measured; batches
   * for training must not contain it.
   */
  static final int UNSEEN = -1;

  /**
   * A mini-batch.
   *
   * @param rows the numbers of the rows in the layers
   * @param lengths the number of rows of each sentence
   * @param normRows the rows over which layer norm computes its mean and variance; null without
   *     layer norm
   * @param labels one for each row or, if {@code mean}, one for each sentence; {@link #UNSEEN} only
   *     to measure
   * @param mean whether the mean of each sentence's rows is classified, not each row
   */
  record Batch(int[] rows, int[] lengths, int[] normRows, int[] labels, boolean mean) {
    int outputs() {
      return labels.length;
    }
  }

  private final Head head;
  private final Crf crf;
  private final double[] classWeights; // null if all classes have the same weight
  private final CpuMix mix;
  private final int halves;
  private final int layers;
  private final boolean learnsMix;
  private final LayerNorm norm;

  // Each of these contains mix weights, gamma, and the head's parameters, in this order.
  private final NativeMemory values;
  private final NativeMemory gradients;
  private final NativeMemory adamMean;
  private final NativeMemory adamVariance;
  private final int size;
  private long step;

  private NativeMemory room = NativeMemory.allocate(0);
  private FloatPointer x;
  private FloatPointer toX;
  private FloatPointer units;
  private FloatPointer toUnits;
  private FloatPointer logits;
  private IntPointer labels;

  /**
   * @param dim P
   * @param sources the layers
   * @param halves 2, or 1 if the token representation is the only layer
   * @param crf null if labels are predicted one by one
   * @param classWeights the weight of each class in the loss; null for equal weights, and with a
   *     CRF
   * @param learnsMix whether the mix is trained; if not, it stays even with gamma 1
   */
  Network(
      int dim,
      List<CpuMix.Rows> sources,
      int halves,
      int hidden,
      int classes,
      Crf crf,
      double[] classWeights,
      LayerNorm norm,
      boolean learnsMix,
      Random random) {
    this.head = new Head(halves * dim, hidden, classes, crf != null);
    this.crf = crf;
    this.classWeights = classWeights;
    this.halves = halves;
    this.layers = sources.size();
    this.learnsMix = learnsMix;
    this.norm = norm;
    this.mix = new CpuMix(dim, sources);
    size = layers + 1 + head.size();
    values = zeros();
    gradients = zeros();
    adamMean = zeros();
    adamVariance = zeros();
    values.floatPointer(layers).put(0, 1);
    values.floatPointer(layers + 1L).put(head.initial(random));
  }

  private NativeMemory zeros() {
    NativeMemory memory = NativeMemory.allocate((long) size * Float.BYTES);
    Pointer.memset(memory.floatPointer(0), 0, memory.bytes());
    return memory;
  }

  private FloatPointer headValues() {
    return values.floatPointer(layers + 1L);
  }

  private void makeRoom(int rows) {
    long floats = (long) rows * 2 * (head.inputs() + head.hidden()) + (long) rows * head.classes();
    if (room.bytes() < (floats + rows) * Float.BYTES) {
      room.close();
      room = NativeMemory.allocate(2 * (floats + rows) * Float.BYTES);
    }
    long at = 0;
    x = room.floatPointer(at);
    toX = room.floatPointer(at += (long) rows * head.inputs());
    units = room.floatPointer(at += (long) rows * head.inputs());
    toUnits = room.floatPointer(at += (long) rows * head.hidden());
    logits = room.floatPointer(at += (long) rows * head.hidden());
    labels = room.intPointer(at + (long) rows * head.classes());
  }

  /** Returns the current mix. */
  ScalarMix mix() {
    float[] weights = new float[layers];
    values.copyTo(0, weights);
    return new ScalarMix(weights, values.getFloat(layers), norm);
  }

  private void forward(Batch batch, float dropout, long seed) {
    makeRoom(batch.outputs());
    boolean mean = batch.mean;
    int[] lengths = mean ? batch.lengths : new int[] {batch.rows.length};
    mix.select(batch.rows, lengths, batch.normRows);
    mix.forward(halves, mix().scales(), mean, batch.rows.length, x);
    if (dropout > 0) {
      CpuKernels.elmo4j_cpu_dropout((long) batch.outputs() * head.inputs(), x, dropout, seed);
    }
    head.forward(headValues(), batch.outputs(), x, units, logits);
    // The loss needs a class for each label, so the first class stands for unseen labels. Training
    // data has none.
    labels.put(Arrays.stream(batch.labels).map(label -> Math.max(label, 0)).toArray());
  }

  /**
   * Computes the loss and the gradients.
   *
   * @param l2 the loss includes this number times the sum of the squared mix weights
   * @param dropout the share of the mix's elements that are set to zero
   * @param seed decides which elements are set to zero
   * @return the sum of the cross-entropies, weighted if there are class weights; not finite after
   *     an overflow
   */
  double gradients(Batch batch, double l2, float dropout, long seed) {
    float[] scales = scales();
    forward(batch, dropout, seed);
    int rows = batch.outputs();
    double loss = loss(batch, true);
    head.backward(
        headValues(),
        rows,
        x,
        units,
        logits,
        toUnits,
        learnsMix ? toX : null,
        gradients.floatPointer(layers + 1L));
    if (learnsMix && Double.isFinite(loss)) {
      if (dropout > 0) {
        CpuKernels.elmo4j_cpu_dropout((long) rows * head.inputs(), toX, dropout, seed);
      }
      double[] toScales = mix.backward(halves, scales, batch.mean, batch.rows.length, toX, null);
      ScalarMix.Gradient gradient = mix().gradient(toScales);
      for (int k = 0; k < layers; k++) {
        double weight = values.getFloat(k);
        gradients.floatPointer(k).put(0, (float) (gradient.weights()[k] + 2 * l2 * weight));
      }
      gradients.floatPointer(layers).put(0, (float) gradient.gamma());
    }
    return loss;
  }

  /**
   * Returns the loss and replaces the logits by their gradients. If {@code learns}, also writes the
   * gradients of a CRF's transitions.
   */
  private double loss(Batch batch, boolean learns) {
    int rows = batch.outputs();
    if (crf == null && classWeights != null) {
      return weightedLoss(batch);
    }
    if (crf == null) {
      return CpuKernels.elmo4j_cpu_softmax_loss(rows, head.classes(), logits, labels);
    }
    float[] scores = scores(batch);
    float[] toTransitions = learns ? new float[Crf.size(head.classes())] : null;
    double loss = crf.loss(scores, batch.lengths, batch.labels, transitions(), toTransitions);
    logits.put(scores);
    if (learns) {
      gradients.floatPointer(layers + 1L + head.linearSize()).put(toTransitions);
    }
    return loss;
  }

  /**
   * Does the same as the kernel's softmax and cross-entropy, but multiplies the loss of each row by
   * the weight of its class.
   */
  private double weightedLoss(Batch batch) {
    int classes = head.classes();
    int rows = batch.outputs();
    float[] scores = scores(batch);
    double loss = 0;
    for (int r = 0; r < rows; r++) {
      int label = Math.max(batch.labels[r], 0);
      double weight = classWeights[label];
      double most = scores[r * classes + best(scores, r, classes)];
      double sum = 0;
      for (int c = 0; c < classes; c++) {
        sum += Math.exp(scores[r * classes + c] - most);
      }
      loss += weight * (most + Math.log(sum) - scores[r * classes + label]);
      for (int c = 0; c < classes; c++) {
        double p = Math.exp(scores[r * classes + c] - most) / sum;
        scores[r * classes + c] = (float) (weight * (p - (c == label ? 1 : 0)) / rows);
      }
    }
    logits.put(scores);
    return loss;
  }

  private float[] scores(Batch batch) {
    float[] scores = new float[batch.outputs() * head.classes()];
    logits.get(scores);
    return scores;
  }

  private float[] transitions() {
    float[] transitions = new float[Crf.size(head.classes())];
    values.copyTo(layers + 1L + head.linearSize(), transitions);
    return transitions;
  }

  private float[] scales() {
    return mix().scales();
  }

  /**
   * Computes {@link #gradients} and applies one step of Adam.
   *
   * @return the loss before the step; not finite if it or the mix after the step is not finite
   */
  double train(Batch batch, double l2, float dropout, long seed, float rate) {
    double loss = gradients(batch, l2, dropout, seed);
    if (Double.isFinite(loss)) {
      long from = learnsMix ? 0 : layers + 1;
      CpuKernels.elmo4j_cpu_adam(
          size - from,
          ++step,
          rate,
          gradients.floatPointer(from),
          adamMean.floatPointer(from),
          adamVariance.floatPointer(from),
          values.floatPointer(from));
    }
    for (int k = 0; k <= layers; k++) {
      loss = Float.isFinite(values.getFloat(k)) ? loss : Double.NaN; // its gradient overflowed
    }
    return loss;
  }

  /**
   * The result of {@link #measure}.
   *
   * @param found the predicted class of each row or, for means, of each sentence
   * @param loss the sum of the cross-entropies
   */
  record Measured(int[] found, double loss) {}

  /** Predicts labels and computes the loss, without training. */
  Measured measure(Batch batch) {
    forward(batch, 0, 0);
    float[] scores = scores(batch);
    int[] found;
    if (crf != null) {
      found = crf.best(scores, batch.lengths, transitions());
    } else {
      found = new int[batch.outputs()];
      Arrays.setAll(found, r -> best(scores, r, head.classes()));
    }
    return new Measured(found, loss(batch, false));
  }

  /** Returns the class with the highest score in a row; the first of equal ones. */
  static int best(float[] scores, int row, int classes) {
    int best = 0;
    for (int c = 1; c < classes; c++) {
      if (scores[row * classes + c] > scores[row * classes + best]) {
        best = c;
      }
    }
    return best;
  }

  /** Returns all parameters: mix weights, gamma, and the head's parameters. */
  float[] values() {
    float[] copy = new float[size];
    values.copyTo(0, copy);
    return copy;
  }

  /** Sets all parameters, in the layout of {@link #values()}. */
  void values(float[] all) {
    values.floatPointer(0).put(all);
  }

  /**
   * Returns the gradients that {@link #gradients(Batch, double, float, long)} computed, in the
   * layout of {@link #values()}.
   */
  float[] gradients() {
    float[] copy = new float[size];
    gradients.copyTo(0, copy);
    return copy;
  }

  Head head() {
    return head;
  }

  @Override
  public void close() {
    mix.close();
    values.close();
    gradients.close();
    adamMean.close();
    adamVariance.close();
    room.close();
  }
}
