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
 * A mix of layers, dropout, and a head, learned together: parameters, passes and optimizer. For one
 * thread, whose order of operations is fixed: the same calls give the same bits.
 */
final class Network implements AutoCloseable {
  /** In place of a label that is none of the classes: measured as wrong, not to be learned. */
  static final int UNSEEN = -1;

  /**
   * A mini-batch.
   *
   * @param rows of the layers
   * @param lengths rows of each sentence
   * @param normRows rows for layer norm; null without it
   * @param labels one a row or, for means, one a sentence; {@link #UNSEEN} only to be measured
   * @param mean whether each sentence's mean is classified rather than its rows
   */
  record Batch(int[] rows, int[] lengths, int[] normRows, int[] labels, boolean mean) {
    int outputs() {
      return labels.length;
    }
  }

  private final Head head;
  private final Crf crf;
  private final double[] classWeights; // null where all labels count the same
  private final CpuMix mix;
  private final int halves;
  private final int layers;
  private final boolean learnsMix;
  private final LayerNorm norm;

  // Each: mix weights, gamma, the head's parameters.
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
   * @param halves 2, or 1 for the token representation alone
   * @param crf null where labels do not depend on each other
   * @param classWeights how much each class counts in the loss; null for the same, as with a CRF
   * @param learnsMix whether the mix is learned; if not it stays even, with gamma 1
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

  /** The mix as it is now. */
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
    // A loss needs some class: the first stands in for unseen labels, which training has none of.
    labels.put(Arrays.stream(batch.labels).map(label -> Math.max(label, 0)).toArray());
  }

  /**
   * Loss and gradients.
   *
   * @param l2 times the sum of the mix weights' squares is added to the loss
   * @param dropout the share of the mix's numbers that are dropped
   * @param seed which ones
   * @return the sum of the cross-entropies, weighted where classes are; no number where something
   *     overflowed
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

  /** The loss of the logits, which become their gradients; those of transitions too if wanted. */
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

  /** The kernel's softmax and cross-entropy, each row's times the weight of its class. */
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
   * {@link #gradients} and a step of Adam along them.
   *
   * @return the loss before the step; no number where it or the mix behind it is none
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
   * What was measured without learning.
   *
   * @param found a label an output
   * @param loss the sum of the cross-entropies
   */
  record Measured(int[] found, double loss) {}

  /** Measures without learning. */
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

  /** The class of the highest score in a row; the first of equal ones. */
  static int best(float[] scores, int row, int classes) {
    int best = 0;
    for (int c = 1; c < classes; c++) {
      if (scores[row * classes + c] > scores[row * classes + best]) {
        best = c;
      }
    }
    return best;
  }

  /** All parameters: mix weights, gamma, the head's. */
  float[] values() {
    float[] copy = new float[size];
    values.copyTo(0, copy);
    return copy;
  }

  /** Puts back what {@link #values} gave. */
  void values(float[] all) {
    values.floatPointer(0).put(all);
  }

  /** What {@link #gradients(Batch, double, float, long)} left, laid out like {@link #values}. */
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
