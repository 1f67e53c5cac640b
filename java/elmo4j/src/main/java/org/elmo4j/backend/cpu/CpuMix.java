// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend.cpu;

import java.util.List;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.PointerPointer;
import org.elmo4j.backend.NativeMemory;

/**
 * Sums of layers over rows that one chooses, with the optional layer norm, and their gradients
 * (Peters et al. 2018, equation 1). Layer norm needs no kernels of its own: {@code s * (x - mean) /
 * deviation} is the layer times {@code s / deviation} plus a constant, a term whose rows are ones.
 * For one thread.
 */
public final class CpuMix implements AutoCloseable {
  /** As in bilm-tf and AllenNLP. */
  private static final double EPSILON = 1e-12;

  /**
   * A layer in native memory, which stays its owner's.
   *
   * @param floats rows of {@code halves * P} floats
   * @param halves 2 for [forward; backward]; 1 where the row stands for both of them
   */
  public record Rows(FloatPointer floats, int halves) {}

  private final int isa = CpuBackend.chooseIsa();
  private final int dim;
  private final List<Rows> layers;
  private final NativeMemory ones;
  private final PointerPointer<FloatPointer> forward;
  private final PointerPointer<FloatPointer> backward;
  private final PointerPointer<IntPointer> index;
  private final FloatPointer scale;
  private final DoublePointer sums;

  private NativeMemory plan;
  private int sentences;
  private int terms;
  private IntPointer[] rows; // of each term
  private IntPointer start;
  private IntPointer length;
  private IntPointer place;

  // Of layer norm; no rows without it.
  private int normRows;
  private IntPointer[] normIndex;
  private final double[] mean;
  private final double[] deviation;

  /**
   * @param dim P
   * @param layers one or more; none is copied
   */
  public CpuMix(int dim, List<Rows> layers) {
    this.dim = dim;
    this.layers = List.copyOf(layers);
    int most = layers.size() + 1;
    mean = new double[layers.size()];
    deviation = new double[layers.size()];
    rows = new IntPointer[most];
    normIndex = new IntPointer[layers.size()];
    ones = NativeMemory.allocate((long) dim * Float.BYTES);
    for (int i = 0; i < dim; i++) {
      ones.floatPointer(0).put(i, 1);
    }
    plan = NativeMemory.allocate(0);
    forward = new PointerPointer<>(most);
    backward = new PointerPointer<>(most);
    index = new PointerPointer<>(most);
    scale = new FloatPointer(most);
    sums = new DoublePointer(most);
  }

  /**
   * Chooses the rows that the following calls work on.
   *
   * @param chosen rows of the layers, sentence by sentence; each less than 2^30
   * @param lengths how many of them each sentence has; together all
   * @param norm the rows that layer norm takes mean and variance over, {@code chosen} mostly among
   *     them; null for no layer norm
   */
  public void select(int[] chosen, int[] lengths, int[] norm) {
    int n = chosen.length;
    int m = norm == null ? 0 : norm.length;
    sentences = lengths.length;
    long ints = 3L * n + 2L * m + 3L * sentences;
    if (plan.bytes() < ints * Integer.BYTES) {
      plan.close();
      plan = NativeMemory.allocate(2 * ints * Integer.BYTES);
    }
    int[] starts = new int[sentences];
    int[] places = new int[sentences];
    for (int s = 0, at = 0; s < sentences; at += lengths[s++]) {
      starts[s] = at;
      places[s] = s;
    }
    long at = 0;
    IntPointer single = plan.intPointer(at).put(chosen);
    IntPointer twice = plan.intPointer(at += n).put(twice(chosen));
    IntPointer first = plan.intPointer(at += n).put(new int[n]);
    start = plan.intPointer(at += n).put(starts);
    length = plan.intPointer(at += sentences).put(lengths);
    place = plan.intPointer(at += sentences).put(places);
    at += sentences;
    terms = layers.size();
    for (int k = 0; k < terms; k++) {
      Rows layer = layers.get(k);
      rows[k] = layer.halves == 1 ? single : twice;
      term(k, layer.floats, layer.halves == 1 ? layer.floats : layer.floats.getPointer(dim));
    }
    normRows = m;
    if (m > 0) {
      IntPointer normSingle = plan.intPointer(at).put(norm);
      IntPointer normTwice = plan.intPointer(at + m).put(twice(norm));
      for (int k = 0; k < layers.size(); k++) {
        Rows layer = layers.get(k);
        normIndex[k] = layer.halves == 1 ? normSingle : normTwice;
        CpuKernels.elmo4j_cpu_layer_moments(
            isa, dim, layer.halves, layer.floats, backward(layer), normIndex[k], m, sums);
        mean[k] = sums.get(0);
        deviation[k] = Math.sqrt(sums.get(1) + EPSILON);
      }
      rows[terms] = first;
      term(terms++, ones.floatPointer(0), ones.floatPointer(0));
    }
  }

  private FloatPointer backward(Rows layer) {
    return layer.halves == 1 ? layer.floats : layer.floats.getPointer(dim);
  }

  private void term(int k, FloatPointer ahead, FloatPointer back) {
    forward.put(k, ahead);
    backward.put(k, back);
    index.put(k, rows[k]);
  }

  private static int[] twice(int[] rows) {
    int[] twice = new int[rows.length];
    for (int i = 0; i < rows.length; i++) {
      twice[i] = 2 * rows[i];
    }
    return twice;
  }

  /**
   * The sum.
   *
   * @param halves 2, or 1 where all layers have one half
   * @param scales one a layer
   * @param mean whether to take each sentence's mean
   * @param maxLength rows of each sentence in the target, where it is no mean
   * @param target [sentences, maxLength, halves * P] or, for means, [sentences, halves * P]
   */
  public void forward(
      int halves, float[] scales, boolean mean, int maxLength, FloatPointer target) {
    double constant = 0;
    for (int k = 0; k < layers.size(); k++) {
      double factor = normRows > 0 ? scales[k] / deviation[k] : scales[k];
      scale.put(k, (float) factor);
      constant -= factor * this.mean[k];
    }
    if (normRows > 0) {
      scale.put(terms - 1, (float) constant);
    }
    CpuKernels.elmo4j_cpu_scalar_mix(
        isa,
        dim,
        halves,
        terms,
        forward,
        backward,
        index,
        scale,
        sentences,
        start,
        length,
        place,
        0,
        maxLength,
        mean ? 1 : 0,
        target);
  }

  /**
   * The gradient to the scales, and where they are wanted those to the layers.
   *
   * @param gradient to the target of {@link #forward}, laid out like it
   * @param layerGradients one a layer, laid out like it, added to; null where none is wanted
   * @return one a layer
   */
  public double[] backward(
      int halves,
      float[] scales,
      boolean mean,
      int maxLength,
      FloatPointer gradient,
      List<FloatPointer> layerGradients) {
    for (int k = 0; k < terms; k++) {
      sums.put(k, 0);
    }
    CpuKernels.elmo4j_cpu_scalar_mix_backward(
        isa,
        dim,
        halves,
        terms,
        forward,
        backward,
        index,
        sentences,
        start,
        length,
        place,
        0,
        maxLength,
        mean ? 1 : 0,
        gradient,
        sums);
    double[] result = new double[layers.size()];
    double ofOnes = normRows > 0 ? sums.get(terms - 1) : 0;
    for (int k = 0; k < result.length; k++) {
      result[k] = normRows > 0 ? (sums.get(k) - this.mean[k] * ofOnes) / deviation[k] : sums.get(k);
    }
    for (int k = 0; layerGradients != null && k < result.length; k++) {
      FloatPointer to = layerGradients.get(k);
      FloatPointer toBackward = layers.get(k).halves == 1 ? to : to.getPointer(dim);
      double factor = normRows > 0 ? scales[k] / deviation[k] : scales[k];
      CpuKernels.elmo4j_cpu_scalar_mix_backward_layer(
          isa,
          dim,
          halves,
          null,
          null,
          rows[k],
          (float) factor,
          0,
          0,
          sentences,
          start,
          length,
          place,
          0,
          maxLength,
          mean ? 1 : 0,
          gradient,
          to,
          toBackward);
      if (normRows > 0) {
        // Mean and deviation depend on the layer too, all rows of theirs alike. A row of one half
        // counts twice among `count` numbers, and takes part twice.
        double count = (double) normRows * halves * dim;
        double slope = -factor * result[k] / (count * deviation[k]);
        double offset = -factor * ofOnes / count - slope * this.mean[k];
        try (IntPointer whole = new IntPointer(1).put(normRows);
            IntPointer zero = new IntPointer(1).put(0)) {
          CpuKernels.elmo4j_cpu_scalar_mix_backward_layer(
              isa,
              dim,
              halves,
              layers.get(k).floats,
              backward(layers.get(k)),
              normIndex[k],
              0,
              (float) slope,
              (float) offset,
              1,
              zero,
              whole,
              zero,
              0,
              normRows,
              0,
              null,
              to,
              toBackward);
        }
      }
    }
    return result;
  }

  @Override
  public void close() {
    plan.close();
    ones.close();
    forward.close();
    backward.close();
    index.close();
    scale.close();
    sums.close();
  }
}
