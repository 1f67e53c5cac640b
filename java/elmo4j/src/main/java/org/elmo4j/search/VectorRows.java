// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.search;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.internal.Arguments;

/**
 * What the vectors of a {@link VectorFile} are of: which model and layer, and whether each is a
 * sentence or a use of a word. It makes such vectors from {@link Embeddings}, of the text that is
 * searched and of queries alike. Immutable; any thread may use it.
 */
public final class VectorRows {
  /** How the vectors of a sentence's tokens become one. */
  public enum Pool {
    /** Their mean. */
    MEAN,
    /** The largest of each number. */
    MAX,
    /** That of the first token. */
    FIRST;

    /** The name in small letters. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * A vector.
   *
   * @param token the place in its sentence of the token that it is of, from 0; -1 for the sentence
   */
  record Row(int token, float[] vector) {}

  private final String model;
  private final String layer;
  private final String pool;
  private final String word;
  private final String corpus;
  private final int dim;

  /** As a file names them: what does not apply is empty. */
  VectorRows(String model, String layer, int dim, String pool, String word, String corpus) {
    this.model = model;
    this.layer = layer;
    this.dim = dim;
    this.pool = pool;
    this.word = word;
    this.corpus = corpus;
  }

  /**
   * A row a sentence.
   *
   * @param layer one with a vector a token
   * @throws ElmoException if it is a mean
   */
  public static VectorRows sentences(ElmoModel model, Layer layer, Pool pool) {
    return new VectorRows(
        Arguments.require(model, "model").fingerprint(),
        perToken(layer),
        model.dim(layer),
        Arguments.require(pool, "pool").toString(),
        "",
        "");
  }

  /**
   * A row a use of a word: a token that is this word, whatever the case of its letters.
   *
   * @param layer one with a vector a token
   * @throws ElmoException if it is a mean, or the word is empty
   */
  public static VectorRows uses(ElmoModel model, Layer layer, String word) {
    Arguments.require(model, "model");
    if (Arguments.require(word, "word").isEmpty()) {
      throw new ElmoException("word: expected a word, found an empty one");
    }
    return new VectorRows(
        model.fingerprint(), perToken(layer), model.dim(layer), "", word, "");
  }

  private static String perToken(Layer layer) {
    if (Arguments.require(layer, "layer").kind() == Layer.Kind.MEAN) {
      throw new ElmoException("layer: expected one with a vector a token, found " + layer);
    }
    return layer.toString();
  }

  /**
   * The same of a certain text.
   *
   * @param name what tells it from others, such as its checksum
   */
  public VectorRows ofCorpus(String name) {
    return new VectorRows(model, layer, dim, pool, word, Arguments.require(name, "corpus"));
  }

  /** {@link ElmoModel#fingerprint} of the model. */
  public String model() {
    return model;
  }

  /** The layer's name, as {@link Layer#toString} gives it. */
  public String layer() {
    return layer;
  }

  /** Numbers of a vector. */
  public int dim() {
    return dim;
  }

  /** How a sentence's vectors become one, as {@link Pool#toString} gives it; empty for uses. */
  public String pool() {
    return pool;
  }

  /** The word whose uses they are; empty for sentences. */
  public String word() {
    return word;
  }

  /** What tells the text from others; empty where nobody said. */
  public String corpus() {
    return corpus;
  }

  /**
   * The vectors of one sentence, each {@code dim} numbers: one, or one a use of the word. None where
   * the sentence has no tokens, or the word is not there.
   *
   * @param embeddings with the layer
   * @param sentence its number there
   * @throws ElmoException if the layer is not there, or has vectors of another size
   * @throws IndexOutOfBoundsException if there is no such sentence
   */
  public List<float[]> vectors(Embeddings embeddings, int sentence) {
    return rows(embeddings, sentence).stream().map(Row::vector).toList();
  }

  List<Row> rows(Embeddings embeddings, int sentence) {
    Layer from = layerIn(embeddings);
    Objects.checkIndex(sentence, embeddings.batchSize());
    List<String> tokens = embeddings.tokens(sentence);
    List<Row> rows = new ArrayList<>();
    if (!word.isEmpty()) {
      for (int t = 0; t < tokens.size(); t++) {
        if (tokens.get(t).equalsIgnoreCase(word)) {
          rows.add(new Row(t, embeddings.get(from, sentence).slice(t).toArray()));
        }
      }
    } else if (!tokens.isEmpty()) {
      float[] numbers = embeddings.get(from, sentence).toArray();
      rows.add(new Row(-1, pooled(numbers)));
    }
    return rows;
  }

  private Layer layerIn(Embeddings embeddings) {
    for (Layer each : Arguments.require(embeddings, "embeddings").layers()) {
      if (each.toString().equals(layer)) {
        long[] shape = embeddings.get(each).shape();
        if (shape[2] != dim) {
          throw new ElmoException(
              "embeddings: expected vectors of " + dim + " numbers, found " + shape[2]);
        }
        return each;
      }
    }
    throw new ElmoException(
        "embeddings: expected the layer " + layer + ", found " + embeddings.layers());
  }

  private float[] pooled(float[] numbers) {
    if (pool.equals(Pool.FIRST.toString())) {
      return Arrays.copyOf(numbers, dim);
    }
    boolean max = pool.equals(Pool.MAX.toString());
    double[] sums = new double[dim];
    for (int i = 0; i < numbers.length; i++) {
      int c = i % dim;
      sums[c] = i < dim ? numbers[i] : max ? Math.max(sums[c], numbers[i]) : sums[c] + numbers[i];
    }
    int divisor = max ? 1 : numbers.length / dim;
    float[] vector = new float[dim];
    for (int c = 0; c < dim; c++) {
      vector[c] = (float) (sums[c] / divisor);
    }
    return vector;
  }

  /**
   * Where these differ from others, as {@code layer elmo, found lstm_outputs1}; null where nowhere.
   * Texts are compared where both are named.
   */
  String difference(VectorRows found) {
    if (!model.equals(found.model)) {
      return "the model " + brief(model) + ", found " + brief(found.model);
    }
    if (!layer.equals(found.layer)) {
      return "the layer " + layer + ", found " + found.layer;
    }
    if (!word.equalsIgnoreCase(found.word) || !pool.equals(found.pool)) {
      return what() + ", found " + found.what();
    }
    if (!corpus.isEmpty() && !found.corpus.isEmpty() && !corpus.equals(found.corpus)) {
      return "the text " + brief(corpus) + ", found " + brief(found.corpus);
    }
    return null;
  }

  private String what() {
    return word.isEmpty() ? "sentences by " + pool : "uses of \"" + word + "\"";
  }

  /** Enough of a checksum to tell it from another. */
  private static String brief(String name) {
    return name.length() <= 12 ? name : name.substring(0, 12) + "...";
  }

  /** What they are of, on one line. */
  @Override
  public String toString() {
    return what() + ", layer " + layer + ", model " + brief(model);
  }
}
