// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.weights;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.Arguments;

/**
 * The structure of a model: the values of {@code options.json} of AllenNLP and bilm-tf, and the
 * tables that ELMoForManyLangs adds. Immutable and thread-safe.
 */
public final class ModelOptions {
  /** Rows of the character table where characters are bytes. */
  public static final int BYTE_CHARACTERS = 261;

  /** Character ids have 16 bits, and id 0 is taken. */
  private static final int MAX_CHARACTERS = Short.MAX_VALUE - 1;

  private static final int MAX_WORDS = 1 << 24;

  /** Far above any existing model. The limit keeps sums and products of sizes from overflowing. */
  private static final int MAX_DIM = 1 << 20;

  private static final int MAX_PARTS = 256;

  /** The most numbers that a tensor may have: as many as fit into an array. */
  public static final long MAX_NUMBERS = Integer.MAX_VALUE - 8;

  private final int charEmbeddingDim;
  private final int maxCharactersPerToken;
  private final List<Filter> filters;
  private final Activation activation;
  private final int highwayLayers;
  private final int lstmDim;
  private final int projectionDim;
  private final int lstmLayers;
  private final boolean skipConnections;
  private final float cellClip;
  private final float projectionClip;
  private final Dictionary dictionary;

  private ModelOptions(Builder builder) {
    charEmbeddingDim = builder.charEmbeddingDim;
    maxCharactersPerToken = builder.maxCharactersPerToken;
    filters = builder.filters;
    activation = builder.activation;
    highwayLayers = builder.highwayLayers;
    lstmDim = builder.lstmDim;
    projectionDim = builder.projectionDim;
    lstmLayers = builder.lstmLayers;
    skipConnections = builder.skipConnections;
    cellClip = builder.cellClip;
    projectionClip = builder.projectionClip;
    dictionary = builder.dictionary;
    check();
  }

  /**
   * Sizes of the tables that the dictionaries of an ELMoForManyLangs model index (Che et al. 2018).
   *
   * @param characters rows of the character table
   * @param words rows of the word table; 0 if the model has none
   * @param wordDim size of a word's embedding, which is concatenated with the features of its
   *     characters before the projection; 0 if the model has none
   */
  public record Dictionary(int characters, int words, int wordDim) {}

  /** {@code count} filters over {@code width} characters. */
  public record Filter(int width, int count) {}

  /** The function after the convolution's maximum. */
  public enum Activation {
    /** max(x, 0). */
    RELU,
    /** Hyperbolic tangent. */
    TANH
  }

  /**
   * An option is out of range. The message names the option like the method of {@link Builder} that
   * sets it.
   */
  public static final class InvalidException extends ElmoException {
    private static final long serialVersionUID = 1;

    private final String option;
    private final String problem;

    private InvalidException(String option, String problem) {
      super(option + problem);
      this.option = option;
      this.problem = problem;
    }

    /**
     * The name of the method of {@link Builder} that sets the option, for example {@code lstmDim}.
     */
    public String option() {
      return option;
    }

    /**
     * The part of the message behind the option's name, for example {@code ": expected 1 to 9,
     * found 0"}.
     */
    public String problem() {
      return problem;
    }
  }

  /** Starts a new set of options. All sizes must be set. */
  public static Builder builder() {
    return new Builder();
  }

  /** Starts with a copy of these options. */
  public Builder toBuilder() {
    return new Builder()
        .charEmbeddingDim(charEmbeddingDim)
        .maxCharactersPerToken(maxCharactersPerToken)
        .filters(filters)
        .activation(activation)
        .highwayLayers(highwayLayers)
        .lstmDim(lstmDim)
        .projectionDim(projectionDim)
        .lstmLayers(lstmLayers)
        .skipConnections(skipConnections)
        .cellClip(cellClip)
        .projectionClip(projectionClip)
        .dictionary(dictionary);
  }

  /**
   * The published small model: 2 x 1024 cells, projection 128, one highway layer; 13.6 M
   * parameters.
   */
  public static ModelOptions small() {
    return published(1024, 128, 1);
  }

  /**
   * The published medium model: 2 x 2048 cells, projection 256, one highway layer; 28.0 M
   * parameters.
   */
  public static ModelOptions medium() {
    return published(2048, 256, 1);
  }

  /**
   * The published original (and 5.5B) model: 2 x 4096 cells, projection 512, two highway layers;
   * 93.6 M parameters.
   */
  public static ModelOptions original() {
    return published(4096, 512, 2);
  }

  private static ModelOptions published(int lstmDim, int projectionDim, int highwayLayers) {
    return builder()
        .charEmbeddingDim(16)
        .filters(
            List.of(
                new Filter(1, 32),
                new Filter(2, 32),
                new Filter(3, 64),
                new Filter(4, 128),
                new Filter(5, 256),
                new Filter(6, 512),
                new Filter(7, 1024)))
        .highwayLayers(highwayLayers)
        .lstmDim(lstmDim)
        .projectionDim(projectionDim)
        .lstmLayers(2)
        .skipConnections(true)
        .cellClip(3)
        .projectionClip(3)
        .build();
  }

  /** Size of a character's embedding (16 in the published models). */
  public int charEmbeddingDim() {
    return charEmbeddingDim;
  }

  /** Character slots of a token, including its two boundary characters (50). */
  public int maxCharactersPerToken() {
    return maxCharactersPerToken;
  }

  /** The convolution's filters, in order. */
  public List<Filter> filters() {
    return filters;
  }

  /** The function after the convolution's maximum. */
  public Activation activation() {
    return activation;
  }

  /** Highway layers, 0 or more. */
  public int highwayLayers() {
    return highwayLayers;
  }

  /** Cells of one LSTM layer and direction (4096). */
  public int lstmDim() {
    return lstmDim;
  }

  /** P, the size of the token representation and of the output of one direction (512). */
  public int projectionDim() {
    return projectionDim;
  }

  /** LSTM layers, 1 or more. */
  public int lstmLayers() {
    return lstmLayers;
  }

  /** Whether the input of each LSTM layer but the first is added to its output. */
  public boolean skipConnections() {
    return skipConnections;
  }

  /** Bound of the cell state; 0 for none. */
  public float cellClip() {
    return cellClip;
  }

  /** Bound of the projected output; 0 for none. */
  public float projectionClip() {
    return projectionClip;
  }

  /**
   * The tables of an ELMoForManyLangs model; empty for a model of bilm-tf or AllenNLP, whose
   * characters are bytes.
   */
  public Optional<Dictionary> dictionary() {
    return Optional.ofNullable(dictionary);
  }

  /** The number of filters: the size of a token between the convolution and the projection. */
  public int filterCount() {
    return filters.stream().mapToInt(Filter::count).sum();
  }

  /** Rows of the character table. Id 0 stands for masked positions and has no row. */
  public int characters() {
    return dictionary == null ? BYTE_CHARACTERS : dictionary.characters;
  }

  /** Rows of the word table; 0 if the model has none. */
  public int words() {
    return dictionary == null ? 0 : dictionary.words;
  }

  /** Size of a word's embedding; 0 if the model has none. */
  public int wordDim() {
    return dictionary == null ? 0 : dictionary.wordDim;
  }

  private void check() {
    if (dictionary != null) {
      range("dictionary", ".characters", dictionary.characters, 1, MAX_CHARACTERS);
      range("dictionary", ".words", dictionary.words, dictionary.wordDim == 0 ? 0 : 1, MAX_WORDS);
      range("dictionary", ".word_dim", dictionary.wordDim, dictionary.words == 0 ? 0 : 1, MAX_DIM);
    }
    range("charEmbeddingDim", "", charEmbeddingDim, 1, MAX_DIM);
    range("maxCharactersPerToken", "", maxCharactersPerToken, 3, Short.MAX_VALUE);
    range("filters", "' count", filters.size(), 1, MAX_PARTS);
    for (int i = 0; i < filters.size(); i++) {
      range("filters", "[" + i + "] width", filters.get(i).width, 1, maxCharactersPerToken);
      range("filters", "[" + i + "] count", filters.get(i).count, 1, MAX_DIM);
    }
    range("highwayLayers", "", highwayLayers, 0, MAX_PARTS);
    range("lstmDim", "", lstmDim, 1, MAX_DIM);
    range("projectionDim", "", projectionDim, 1, MAX_DIM);
    range("lstmLayers", "", lstmLayers, 1, MAX_PARTS);
    clip("cellClip", cellClip);
    clip("projectionClip", projectionClip);
    if (activation == null) {
      throw new InvalidException("activation", ": expected relu or tanh, found null");
    }
    long features = filterCount();
    numbers("dictionary", words(), wordDim());
    numbers("charEmbeddingDim", characters(), charEmbeddingDim);
    for (Filter filter : filters) {
      numbers("filters", (long) filter.width * charEmbeddingDim, filter.count);
    }
    numbers("filters", highwayLayers == 0 ? 1 : features, features);
    numbers("projectionDim", wordDim() + features, projectionDim);
    numbers("lstmDim", 2L * projectionDim, 4L * lstmDim);
  }

  private static void range(String option, String part, int value, int min, int max) {
    if (value < min || value > max) {
      throw new InvalidException(
          option, part + ": expected " + min + " to " + max + ", found " + value);
    }
  }

  private static void clip(String option, float value) {
    if (!(value >= 0 && Float.isFinite(value))) {
      throw new InvalidException(option, ": expected a finite number, 0 for none, found " + value);
    }
  }

  /** Checks the size of a tensor. */
  private static void numbers(String option, long rows, long columns) {
    if (rows * columns > MAX_NUMBERS) {
      throw new InvalidException(
          option,
          ": expected at most "
              + MAX_NUMBERS
              + " numbers a tensor, found "
              + rows
              + " x "
              + columns);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ModelOptions options
        && charEmbeddingDim == options.charEmbeddingDim
        && maxCharactersPerToken == options.maxCharactersPerToken
        && filters.equals(options.filters)
        && activation == options.activation
        && highwayLayers == options.highwayLayers
        && lstmDim == options.lstmDim
        && projectionDim == options.projectionDim
        && lstmLayers == options.lstmLayers
        && skipConnections == options.skipConnections
        && cellClip == options.cellClip
        && projectionClip == options.projectionClip
        && Objects.equals(dictionary, options.dictionary);
  }

  @Override
  public int hashCode() {
    return Objects.hash(
        charEmbeddingDim, filters, highwayLayers, lstmDim, projectionDim, lstmLayers, dictionary);
  }

  @Override
  public String toString() {
    return "ModelOptions[charEmbeddingDim="
        + charEmbeddingDim
        + ", maxCharactersPerToken="
        + maxCharactersPerToken
        + ", filters="
        + filters
        + ", activation="
        + activation
        + ", highwayLayers="
        + highwayLayers
        + ", lstmDim="
        + lstmDim
        + ", projectionDim="
        + projectionDim
        + ", lstmLayers="
        + lstmLayers
        + ", skipConnections="
        + skipConnections
        + ", cellClip="
        + cellClip
        + ", projectionClip="
        + projectionClip
        + ", dictionary="
        + dictionary
        + "]";
  }

  /**
   * Builds options. Each method sets the value that the getter of the same name returns. Not
   * thread-safe.
   */
  public static final class Builder {
    private int charEmbeddingDim;
    private int maxCharactersPerToken = 50;
    private List<Filter> filters = List.of();
    private Activation activation = Activation.RELU;
    private int highwayLayers;
    private int lstmDim;
    private int projectionDim;
    private int lstmLayers;
    private boolean skipConnections;
    private float cellClip;
    private float projectionClip;
    private Dictionary dictionary;

    private Builder() {}

    public Builder charEmbeddingDim(int size) {
      charEmbeddingDim = size;
      return this;
    }

    /** Default: 50. */
    public Builder maxCharactersPerToken(int slots) {
      maxCharactersPerToken = slots;
      return this;
    }

    public Builder filters(List<Filter> filters) {
      Arguments.require(filters, "filters");
      this.filters = List.copyOf(filters);
      return this;
    }

    /** Default: {@link Activation#RELU}. */
    public Builder activation(Activation activation) {
      Arguments.require(activation, "activation");
      this.activation = activation;
      return this;
    }

    /** Default: 0. */
    public Builder highwayLayers(int layers) {
      highwayLayers = layers;
      return this;
    }

    public Builder lstmDim(int cells) {
      lstmDim = cells;
      return this;
    }

    public Builder projectionDim(int size) {
      projectionDim = size;
      return this;
    }

    public Builder lstmLayers(int layers) {
      lstmLayers = layers;
      return this;
    }

    /** Default: false. */
    public Builder skipConnections(boolean add) {
      skipConnections = add;
      return this;
    }

    /** Default: 0, no bound. */
    public Builder cellClip(float bound) {
      cellClip = bound;
      return this;
    }

    /** Default: 0, no bound. */
    public Builder projectionClip(float bound) {
      projectionClip = bound;
      return this;
    }

    /** Default: none, for a model whose characters are bytes. */
    public Builder dictionary(Dictionary dictionary) {
      this.dictionary = dictionary;
      return this;
    }

    /**
     * Checks all values and makes the options.
     *
     * @throws InvalidException if one is out of range, or a tensor would have more numbers than an
     *     array can hold
     */
    public ModelOptions build() {
      return new ModelOptions(this);
    }
  }
}
