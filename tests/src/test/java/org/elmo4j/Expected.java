// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.elmo4j.oracle.ElmoOracle;
import org.elmo4j.weights.ModelOptions;

/**
 * The results that a model must compute, taken from the oracle, and the assertions that compare
 * embeddings with them. Not thread-safe.
 */
public final class Expected {
  /**
   * The largest allowed error, absolute and relative to the wanted value: the rounding of 32-bit
   * arithmetic.
   */
  static final double TOLERANCE = 2e-5;

  private final ElmoOracle oracle;
  private final ModelOptions options;
  private final ScalarMix mix;
  private final Map<List<String>, double[][][]> cache = new HashMap<>();

  /**
   * @param mix the mix of {@link Layer#ELMO}
   */
  Expected(ElmoOracle oracle, ModelOptions options, ScalarMix mix) {
    this.oracle = oracle;
    this.options = options;
    this.mix = mix;
  }

  /** Returns the cosine of the angle between two vectors; 0 if all numbers of one are zero. */
  public static double cosine(double[] a, double[] b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += a[i] * b[i];
      aa += a[i] * a[i];
      bb += b[i] * b[i];
    }
    return aa == 0 || bb == 0 ? 0 : ab / Math.sqrt(aa * bb);
  }

  public static double cosine(float[] a, float[] b) {
    return cosine(doubles(a), doubles(b));
  }

  private static double[] doubles(float[] floats) {
    double[] doubles = new double[floats.length];
    Arrays.setAll(doubles, i -> floats[i]);
    return doubles;
  }

  ElmoOracle oracle() {
    return oracle;
  }

  /**
   * Computes the results for these sentences. After that, any number of threads may compare results
   * for them.
   */
  void precompute(List<List<String>> sentences) {
    sentences.forEach(tokens -> rows(Layer.WORD_EMB, tokens, false));
  }

  /** Returns one layer of a sentence from zero state: [rows][dim]. Means have one row. */
  double[][] rows(Layer layer, List<String> tokens, boolean boundaries) {
    double[][][] layers =
        cache.computeIfAbsent(tokens, key -> oracle.layersWithBoundaries(key, oracle.zeroState()));
    return rows(layer, layers, boundaries);
  }

  private double[][] rows(Layer layer, double[][][] layers, boolean boundaries) {
    switch (layer.kind()) {
      case WORD_EMB:
        double[][] words = new double[layers[0].length][];
        Arrays.setAll(words, t -> Arrays.copyOf(layers[0][t], options.projectionDim()));
        return inner(words, boundaries);
      case LSTM:
        return inner(layers[layer.index()], boundaries);
      case ELMO:
        return inner(ElmoOracle.mix(layers, layer.mix().orElse(mix)), boundaries);
      default:
        return new double[][] {
          ElmoOracle.mean(rows(layer.of().orElseThrow(), layers, false), dim(layer))
        };
    }
  }

  private static double[][] inner(double[][] rows, boolean boundaries) {
    return boundaries ? rows : Arrays.copyOfRange(rows, 1, rows.length - 1);
  }

  /** Returns how many numbers a row has. */
  int dim(Layer layer) {
    Layer of = layer.of().orElse(layer);
    return of.kind() == Layer.Kind.WORD_EMB ? options.projectionDim() : 2 * options.projectionDim();
  }

  /**
   * Asserts that all numbers, the zeros of the padding, the shapes, the lengths and the tokens of a
   * result agree with the oracle.
   */
  void assertMatches(Embeddings actual, List<List<String>> sentences, EmbedOptions asked) {
    int boundaries = asked.boundaries() ? 2 : 0;
    int[] lengths = sentences.stream().mapToInt(tokens -> tokens.size() + boundaries).toArray();
    int maxLength = Arrays.stream(lengths).max().orElse(0);
    assertEquals(sentences.size(), actual.batchSize());
    assertEquals(maxLength, actual.maxLength());
    assertArrayEquals(lengths, actual.lengths());
    assertEquals(asked.layers(), actual.layers());
    for (int s = 0; s < lengths.length; s++) {
      assertEquals(sentences.get(s), actual.tokens(s));
      assertEquals(lengths[s], actual.length(s));
    }
    for (Layer layer : asked.layers()) {
      boolean mean = layer.kind() == Layer.Kind.MEAN;
      int dim = dim(layer);
      assertArrayEquals(
          mean ? new long[] {lengths.length, dim} : new long[] {lengths.length, maxLength, dim},
          actual.get(layer).shape(),
          layer::toString);
      float[] all = actual.get(layer).toArray();
      int stride = mean ? dim : maxLength * dim;
      for (int s = 0; s < lengths.length; s++) {
        String what = layer + " of sentence " + s + " of " + lengths.length;
        double[][] rows = rows(layer, sentences.get(s), asked.boundaries());
        float[] view = actual.get(layer, s).toArray();
        assertArrayEquals(
            mean ? new long[] {dim} : new long[] {lengths[s], dim},
            actual.get(layer, s).shape(),
            what);
        assertClose(what, rows, view, TOLERANCE);
        float[] padded = new float[stride];
        System.arraycopy(view, 0, padded, 0, view.length);
        assertArrayEquals(
            padded, Arrays.copyOfRange(all, s * stride, (s + 1) * stride), what + " padded");
      }
    }
  }

  /**
   * Compares row-major numbers with the wanted ones. A failure names the number with the largest
   * error.
   */
  static void assertClose(String what, double[][] wanted, float[] got, double tolerance) {
    assertEquals(
        Arrays.stream(wanted).mapToInt(row -> row.length).sum(), got.length, what + ": numbers");
    double worst = 0;
    String message = null;
    int at = 0;
    for (int t = 0; t < wanted.length; t++) {
      for (int n = 0; n < wanted[t].length; n++, at++) {
        double off = Math.abs(got[at] - wanted[t][n]) / (tolerance * (1 + Math.abs(wanted[t][n])));
        if (!(off <= 1) && !(off <= worst)) {
          worst = Double.isNaN(off) ? Double.POSITIVE_INFINITY : off;
          message =
              what
                  + ", row "
                  + t
                  + ", index "
                  + n
                  + ": wanted "
                  + wanted[t][n]
                  + ", got "
                  + got[at];
        }
      }
    }
    if (message != null) {
      fail(message);
    }
  }

  /** Compares numbers with wanted ones in single precision. */
  static void assertClose(String what, float[][] wanted, float[] got, double tolerance) {
    double[][] doubles = Arrays.stream(wanted).map(Expected::doubles).toArray(double[][]::new);
    assertClose(what, doubles, got, tolerance);
  }

  /**
   * Asserts that row {@code rowA} of one result and row {@code rowB} of another have the same bits.
   */
  static void assertSameBits(String what, Embeddings a, int rowA, Embeddings b, int rowB) {
    assertEquals(a.layers(), b.layers());
    for (Layer layer : a.layers()) {
      int[] bitsA = bits(a.get(layer, rowA).toArray());
      int[] bitsB = bits(b.get(layer, rowB).toArray());
      assertArrayEquals(bitsA, bitsB, () -> what + ": " + layer);
    }
  }

  /** Asserts that a stream gives each sentence the bits that it has in a batch, in order. */
  static void assertSameBitsInAStream(
      Embeddings whole, ElmoModel model, List<List<String>> sentences, Layer... layers) {
    AtomicInteger next = new AtomicInteger();
    try (Stream<Embeddings> results = model.embedAll(sentences.iterator(), layers)) {
      results.forEach(
          one -> {
            try (one) {
              int s = next.getAndIncrement();
              assertSameBits("sentence " + s, whole, s, one, 0);
            }
          });
    }
    assertEquals(sentences.size(), next.get());
  }

  /**
   * Asserts that a sentence's numbers have the same bits in batches of these sizes and in any
   * order. Embeds up to 24 batches of each size.
   */
  static void assertSameBitsInAnyBatch(ElmoModel model, Layer[] layers, int... sizes) {
    // 97 sentences of mixed lengths fill several blocks of every kernel.
    List<List<String>> sentences = Models.batch(new Random(4), 97, 14);
    List<Integer> order = new ArrayList<>(IntStream.range(0, sentences.size()).boxed().toList());
    try (Embeddings whole = model.embed(sentences, layers)) {
      for (int size : sizes) {
        Collections.shuffle(order, new Random(size));
        for (int start = 0; start < Math.min(24 * size, order.size()); start += size) {
          List<Integer> part = order.subList(start, Math.min(start + size, order.size()));
          try (Embeddings batch = model.embed(part.stream().map(sentences::get).toList(), layers)) {
            for (int row = 0; row < part.size(); row++) {
              String what = "sentence " + part.get(row) + " in a batch of " + part.size();
              assertSameBits(what, whole, part.get(row), batch, row);
            }
          }
        }
      }
    }
  }

  private static int[] bits(float[] floats) {
    int[] bits = new int[floats.length];
    Arrays.setAll(bits, i -> Float.floatToRawIntBits(floats[i]));
    return bits;
  }
}
