// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.kernels.CpuKernels;

/**
 * Weighted sums of layers over selected rows, with optional layer norm, and their gradients (Peters
 * et al. 2018, equation 1). Layer norm needs no kernels of its own: {@code s * (x - mean) /
 * deviation} is the layer times {@code s / deviation} plus a constant, a term whose rows are ones.
 * Not thread-safe.
 */
public final class CpuMix implements AutoCloseable {
  /** As in bilm-tf and AllenNLP. */
  private static final double EPSILON = 1e-12;

  /**
   * A layer in native memory, which the caller owns and frees.
   *
   * @param floats rows of {@code halves * P} floats
   * @param halves 2 for [forward; backward]; 1 if the row serves as both halves
   */
  public record Rows(FloatPointer floats, int halves) {}

  private final int dim;
  private final List<Rows> layers;
  private final NativeMemory ones;
  private final DoublePointer sums;
  private final NativeMemory structs;
  private final CpuKernels.Term terms; // the layers, and with layer norm a constant
  private final CpuKernels.Term normTerms; // the layers with the rows of layer norm
  private final CpuKernels.LayerSum sum; // of all terms
  private final CpuKernels.LayerSum layer; // of one term
  private final CpuKernels.BatchPlan batch;
  private final CpuKernels.BatchPlan whole; // all rows of layer norm as one sentence

  private NativeMemory plan;
  private int termCount;

  // Of layer norm; no rows without it.
  private int normRows;
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
    ones = NativeMemory.allocate((long) dim * Float.BYTES);
    for (int i = 0; i < dim; i++) {
      ones.floatPointer(0).put(i, 1);
    }
    plan = NativeMemory.allocate(0);
    sums = new DoublePointer(most);
    long sumBytes = Loader.sizeof(CpuKernels.LayerSum.class);
    long batchBytes = Loader.sizeof(CpuKernels.BatchPlan.class);
    long termBytes = Loader.sizeof(CpuKernels.Term.class);
    structs = NativeMemory.allocate(2 * (sumBytes + batchBytes + most * termBytes));
    int isa = Isa.choose();
    terms = new CpuKernels.Term(structs.bytePointer(2 * (sumBytes + batchBytes)));
    normTerms = new CpuKernels.Term(terms.getPointer(most));
    sum =
        new CpuKernels.LayerSum(structs.bytePointer(0))
            .isa(isa)
            .type(CpuKernels.ELMO4J_F32)
            .dim(dim)
            .skip_ends(0)
            .terms(terms);
    layer =
        new CpuKernels.LayerSum(structs.bytePointer(sumBytes))
            .isa(isa)
            .type(CpuKernels.ELMO4J_F32)
            .dim(dim)
            .skip_ends(0)
            .term_count(1);
    batch = new CpuKernels.BatchPlan(structs.bytePointer(2 * sumBytes));
    whole = new CpuKernels.BatchPlan(structs.bytePointer(2 * sumBytes + batchBytes));
  }

  /**
   * Chooses the rows that the following calls work on.
   *
   * @param chosen rows of the layers, sentence by sentence; each less than 2^30
   * @param lengths the number of chosen rows of each sentence; their sum is {@code chosen.length}
   * @param norm the rows that layer norm takes mean and variance over, {@code chosen} mostly among
   *     them; null for no layer norm
   */
  public void select(int[] chosen, int[] lengths, int[] norm) {
    int n = chosen.length;
    int m = norm == null ? 0 : norm.length;
    int sentences = lengths.length;
    long ints = 3L * n + 2L * m + 3L * sentences + 2;
    if (plan.bytes() < ints * Integer.BYTES) {
      plan.close();
      plan = NativeMemory.allocate(2 * ints * Integer.BYTES);
    }
    int[] starts = new int[sentences];
    for (int s = 0, at = 0; s < sentences; at += lengths[s++]) {
      starts[s] = at;
    }
    long at = 0;
    IntPointer single = plan.intPointer(at).put(chosen);
    IntPointer twice = plan.intPointer(at += n).put(twice(chosen));
    IntPointer first = plan.intPointer(at += n).put(new int[n]);
    IntPointer start = plan.intPointer(at += n).put(starts);
    IntPointer length = plan.intPointer(at += sentences).put(lengths);
    IntPointer row = plan.intPointer(at += sentences).put(IntStream.range(0, sentences).toArray());
    batch.sentences(sentences).start(start).length(length).row(row);
    IntPointer zero = plan.intPointer(at += sentences).put(0);
    IntPointer all = plan.intPointer(at += 1).put(m);
    whole.sentences(1).start(zero).length(all).row(zero);
    at++;
    termCount = layers.size();
    for (int k = 0; k < termCount; k++) {
      set(terms, k, layers.get(k), layers.get(k).halves == 1 ? single : twice);
    }
    normRows = m;
    if (m > 0) {
      IntPointer normSingle = plan.intPointer(at).put(norm);
      IntPointer normTwice = plan.intPointer(at + m).put(twice(norm));
      for (int k = 0; k < layers.size(); k++) {
        Rows rows = layers.get(k);
        set(normTerms, k, rows, rows.halves == 1 ? normSingle : normTwice);
        layer.terms(normTerms.getPointer(k)).halves(rows.halves);
        CpuKernels.elmo4j_cpu_layer_moments(layer, m, sums);
        mean[k] = sums.get(0);
        deviation[k] = Math.sqrt(sums.get(1) + EPSILON);
      }
      set(terms, termCount++, new Rows(ones.floatPointer(0), 1), first);
    }
    sum.term_count(termCount);
  }

  private void set(CpuKernels.Term terms, int k, Rows layer, IntPointer rows) {
    terms.getPointer(k).forward(layer.floats).backward(backward(layer)).rows(rows);
  }

  private FloatPointer backward(Rows layer) {
    return layer.halves == 1 ? layer.floats : layer.floats.getPointer(dim);
  }

  private static int[] twice(int[] rows) {
    int[] twice = new int[rows.length];
    for (int i = 0; i < rows.length; i++) {
      twice[i] = 2 * rows[i];
    }
    return twice;
  }

  /**
   * Writes the sum.
   *
   * @param halves 2, or 1 if all layers have one half
   * @param scales one for each layer
   * @param mean whether to take each sentence's mean
   * @param maxLength rows of each sentence in the target; not used for means
   * @param target [sentences, maxLength, halves * P] or, for means, [sentences, halves * P]
   */
  public void forward(
      int halves, float[] scales, boolean mean, int maxLength, FloatPointer target) {
    double constant = 0;
    for (int k = 0; k < layers.size(); k++) {
      double scaled = normRows > 0 ? scales[k] / deviation[k] : scales[k];
      terms.getPointer(k).scale((float) scaled);
      constant -= scaled * this.mean[k];
    }
    if (normRows > 0) {
      terms.getPointer(termCount - 1).scale((float) constant);
    }
    shape(sum, halves, mean, maxLength);
    CpuKernels.elmo4j_cpu_scalar_mix(sum, batch, target);
  }

  /**
   * Returns the gradient with respect to the scales, and optionally adds those with respect to the
   * layers.
   *
   * @param gradient the gradient with respect to the target of {@link #forward}, in its layout
   * @param layerGradients one buffer for each layer, in the layer's layout, to which its gradient
   *     is added; null if these gradients are not needed
   * @return one gradient for each layer
   */
  public double[] backward(
      int halves,
      float[] scales,
      boolean mean,
      int maxLength,
      FloatPointer gradient,
      List<FloatPointer> layerGradients) {
    for (int k = 0; k < termCount; k++) {
      sums.put(k, 0);
    }
    shape(sum, halves, mean, maxLength);
    CpuKernels.elmo4j_cpu_scalar_mix_backward(sum, batch, gradient, sums);
    double[] result = new double[layers.size()];
    double ofOnes = normRows > 0 ? sums.get(termCount - 1) : 0;
    for (int k = 0; k < result.length; k++) {
      result[k] = normRows > 0 ? (sums.get(k) - this.mean[k] * ofOnes) / deviation[k] : sums.get(k);
    }
    for (int k = 0; layerGradients != null && k < result.length; k++) {
      FloatPointer to = layerGradients.get(k);
      FloatPointer toBackward = layers.get(k).halves == 1 ? to : to.getPointer(dim);
      double scaled = normRows > 0 ? scales[k] / deviation[k] : scales[k];
      terms.getPointer(k).scale((float) scaled);
      shape(layer.terms(terms.getPointer(k)), halves, mean, maxLength);
      CpuKernels.elmo4j_cpu_scalar_mix_backward_layer(layer, batch, 0, 0, gradient, to, toBackward);
      if (normRows > 0) {
        // Mean and deviation depend on the layer too, all rows of theirs alike. A row of one half
        // counts twice among `count` numbers, and takes part twice.
        double count = (double) normRows * halves * dim;
        double slope = -scaled * result[k] / (count * deviation[k]);
        double offset = -scaled * ofOnes / count - slope * this.mean[k];
        normTerms.getPointer(k).scale(0);
        shape(layer.terms(normTerms.getPointer(k)), halves, false, normRows);
        CpuKernels.elmo4j_cpu_scalar_mix_backward_layer(
            layer, whole, (float) slope, (float) offset, null, to, toBackward);
      }
    }
    return result;
  }

  private static void shape(CpuKernels.LayerSum sum, int halves, boolean mean, int maxLength) {
    sum.halves(halves).mean(mean ? 1 : 0).max_length(maxLength);
  }

  @Override
  public void close() {
    plan.close();
    ones.close();
    structs.close();
    sums.close();
  }
}
