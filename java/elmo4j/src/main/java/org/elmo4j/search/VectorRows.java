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
 * Describes the vectors of a {@link VectorFile}: which model and layer they come from, and whether
 * each stands for a sentence or for a use of a word. It also makes such vectors from {@link
 * Embeddings}, both of the text that is searched and of queries. Immutable and thread-safe.
 */
public final class VectorRows {
  /** How the vectors of a sentence's tokens are combined into one. */
  public enum Pool {
    /** The mean of the vectors. */
    MEAN,
    /** The largest value of each element. */
    MAX,
    /** The vector of the first token. */
    FIRST;

    /** Returns the name in lower case. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * A vector.
   *
   * @param token the position in the sentence of the token that it stands for, from 0; -1 if it
   *     stands for the sentence
   */
  record Row(int token, float[] vector) {}

  private final String model;
  private final String layer;
  private final String pool;
  private final String word;
  private final String corpus;
  private final int dim;

  /** Takes the strings of a file's metadata. Strings that do not apply are empty. */
  VectorRows(String model, String layer, int dim, String pool, String word, String corpus) {
    this.model = model;
    this.layer = layer;
    this.dim = dim;
    this.pool = pool;
    this.word = word;
    this.corpus = corpus;
  }

  /**
   * Describes vectors of sentences.
   *
   * @param layer a layer that has a vector for each token
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
   * Describes vectors of the uses of a word: of each token that is this word, in upper or lower
   * case.
   *
   * @param layer a layer that has a vector for each token
   * @throws ElmoException if it is a mean, or the word is empty
   */
  public static VectorRows uses(ElmoModel model, Layer layer, String word) {
    Arguments.require(model, "model");
    if (Arguments.require(word, "word").isEmpty()) {
      throw new ElmoException("word: expected a word, found an empty one");
    }
    return new VectorRows(model.fingerprint(), perToken(layer), model.dim(layer), "", word, "");
  }

  private static String perToken(Layer layer) {
    if (Arguments.require(layer, "layer").kind() == Layer.Kind.MEAN) {
      throw new ElmoException("layer: expected one with a vector a token, found " + layer);
    }
    return layer.toString();
  }

  /**
   * Returns the same description for a certain text.
   *
   * @param name distinguishes the text from others, such as its checksum
   */
  public VectorRows ofCorpus(String name) {
    return new VectorRows(model, layer, dim, pool, word, Arguments.require(name, "corpus"));
  }

  /** Returns the model's {@link ElmoModel#fingerprint}. */
  public String model() {
    return model;
  }

  /** Returns the layer's name, as {@link Layer#toString} gives it. */
  public String layer() {
    return layer;
  }

  /** Returns the number of elements of a vector. */
  public int dim() {
    return dim;
  }

  /**
   * Returns how a sentence's vectors are combined, as {@link Pool#toString} gives it; empty for
   * uses of a word.
   */
  public String pool() {
    return pool;
  }

  /** Returns the word whose uses they stand for; empty for sentences. */
  public String word() {
    return word;
  }

  /** Returns the name that {@link #ofCorpus} gave the text; empty if it was not called. */
  public String corpus() {
    return corpus;
  }

  /**
   * Returns the vectors of one sentence, each of {@link #dim} numbers: one for the sentence, or one
   * for each use of the word. The list is empty if the sentence has no tokens, or does not contain
   * the word.
   *
   * @param embeddings results that contain the layer
   * @param sentence the number of the sentence in the batch
   * @throws ElmoException if the embeddings do not have the layer, or its vectors have another size
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
        long found = shape[shape.length - 1];
        if (found != dim) {
          throw new ElmoException(
              "embeddings: expected vectors of " + dim + " numbers, found " + found);
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
   * Returns how this description differs from another one, as {@code the layer elmo, found
   * lstm_outputs1}; null if it does not. Texts are compared only if both have a name.
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

  /** Shortens a checksum for a message. */
  private static String brief(String name) {
    return name.length() <= 12 ? name : name.substring(0, 12) + "...";
  }

  /** Returns the description on one line. */
  @Override
  public String toString() {
    return what() + ", layer " + layer + ", model " + brief(model);
  }
}
