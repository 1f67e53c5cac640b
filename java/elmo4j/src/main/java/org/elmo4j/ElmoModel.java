// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.nio.file.Path;
import java.util.List;
import org.elmo4j.weights.ModelOptions;

/**
 * An ELMo model on one device (Peters et al. 2018, "Deep contextualized word representations"). It holds native memory:
 * close it. Any number of threads may use it at once, and get the same bits as one thread would; a sentence's vectors do
 * not depend on what it is batched with. {@link #close} waits for calls that run; calls after it throw {@link
 * IllegalStateException}.
 */
public final class ElmoModel implements AutoCloseable {
  ElmoModel() {}

  /**
   * Loads a model onto the CPU: a folder with options.json and weights in HDF5 (AllenNLP, bilm-tf), or one elmo4j
   * safetensors file. What a file is, its content tells.
   *
   * @throws ElmoException if it cannot be read or is no such model
   */
  public static ElmoModel load(Path path) {
    return builder().path(path).load();
  }

  /**
   * The small English model of the artifact {@code elmo4j-model-mini-en}.
   *
   * @throws ElmoException if that artifact is not on the class path
   */
  public static ElmoModel miniEnglish() {
    return builder().miniEnglish().load();
  }

  /** To load with choices of one's own. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Embeds sentences given as tokens.
   *
   * @param sentences may be empty; a sentence may have no tokens; an empty token is a token
   * @param layers the outputs wanted; {@link Layer#ELMO} where none is named
   * @throws ElmoException if a sentence or token is null, a layer does not exist, or memory cannot be had
   * @throws IllegalStateException after {@link #close}
   */
  public Embeddings embed(List<? extends List<String>> sentences, Layer... layers) {
    return embed(sentences, EmbedOptions.layers(layers));
  }

  /** As {@link #embed(List, Layer...)} with more choices. */
  public Embeddings embed(List<? extends List<String>> sentences, EmbedOptions options) {
    throw new UnsupportedOperationException();
  }

  /**
   * Embeds sentences split on single spaces, as TF-Hub's {@code default} signature does (its strings are split on " ",
   * empty pieces dropped).
   */
  public Embeddings embedSentences(List<String> sentences, Layer... layers) {
    throw new UnsupportedOperationException();
  }

  /** Embeds padded tokens as TF-Hub's {@code tokens} signature takes them: row i has sequenceLengths[i] tokens. */
  public Embeddings embedPadded(String[][] tokens, int[] sequenceLengths, Layer... layers) {
    throw new UnsupportedOperationException();
  }

  /** Embeds running English text: sentences and tokens are found by {@link org.elmo4j.text.TextSplitter}. */
  public Embeddings embedText(String text, Layer... layers) {
    throw new UnsupportedOperationException();
  }

  /** A run that carries state from call to call, for parity with the original tools. */
  public ElmoSession session() {
    throw new UnsupportedOperationException();
  }

  /** The model's structure. */
  public ModelOptions options() {
    throw new UnsupportedOperationException();
  }

  /** Where it runs. */
  public Device device() {
    throw new UnsupportedOperationException();
  }

  /** The mix behind {@link Layer#ELMO}. */
  public ScalarMix mix() {
    throw new UnsupportedOperationException();
  }

  /** Numbers of one row of a layer: P for word_emb, 2P for the others. */
  public int dim(Layer layer) {
    throw new UnsupportedOperationException();
  }

  /** Trained numbers in the model. */
  public long parameters() {
    throw new UnsupportedOperationException();
  }

  /** Bytes of device memory its weights take. */
  public long weightBytes() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {
    throw new UnsupportedOperationException();
  }

  /** How to load a model. */
  public static final class Builder {
    Builder() {}

    /** A folder or file; its content tells what it is. */
    public Builder path(Path path) {
      throw new UnsupportedOperationException();
    }

    /** options.json and HDF5 weights in places of their own. */
    public Builder files(Path options, Path weights) {
      throw new UnsupportedOperationException();
    }

    /** The model in the box. */
    public Builder miniEnglish() {
      throw new UnsupportedOperationException();
    }

    /** Where to run; {@link Device#auto} by default. */
    public Builder device(Device device) {
      throw new UnsupportedOperationException();
    }

    /** CPU threads that work for this model, all calls together; by default one a processor. */
    public Builder threads(int threads) {
      throw new UnsupportedOperationException();
    }

    /** Reads, checks and places the weights. */
    public ElmoModel load() {
      throw new UnsupportedOperationException();
    }
  }
}
