// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.oracle.ElmoOracle;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.ModelOptions.Activation;
import org.elmo4j.weights.ModelOptions.Filter;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares the results of every model structure with the oracle's. */
@Tag("long")
class ModelStructuresTest {
  private static final long SEED = 11;

  // So small that some values are clipped.
  private static final float CELL_CLIP = 0.15f;
  private static final float PROJECTION_CLIP = 0.1f;

  /** A model's structure and the name of the code path that it tests. */
  record Structure(String path, ModelOptions options) {
    @Override
    public String toString() {
      return path;
    }
  }

  static List<Structure> structures() {
    return List.of(
        structure("all sizes 1", 1, filters(1, 1), Activation.RELU, 0, 1, 1, 1, false, 0, 0),
        structure("1 cell", 4, filters(2, 6), Activation.TANH, 1, 1, 5, 2, true, 3, 3),
        structure("1 filter", 4, filters(3, 1), Activation.TANH, 2, 8, 4, 2, true, 3, 3),
        structure(
            "nothing a multiple of 4",
            5,
            filters(1, 3, 2, 5, 3, 7),
            Activation.RELU,
            2,
            19,
            13,
            2,
            true,
            3,
            3),
        structure(
            "all multiples of 16",
            16,
            filters(1, 16, 2, 32),
            Activation.RELU,
            1,
            64,
            32,
            2,
            true,
            3,
            3),
        structure(
            "one more than a vector",
            17,
            filters(1, 17, 3, 16),
            Activation.TANH,
            1,
            33,
            17,
            2,
            true,
            3,
            3),
        structure(
            "one less than a vector",
            15,
            filters(1, 15, 3, 16),
            Activation.RELU,
            1,
            31,
            15,
            2,
            true,
            3,
            3),
        structure(
            "widths 1 to 7, 3 highway layers",
            6,
            filters(1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8),
            Activation.RELU,
            3,
            20,
            10,
            2,
            true,
            3,
            3),
        structure(
            "tanh, no highway, widths out of order",
            6,
            filters(7, 5, 1, 9, 4, 2),
            Activation.TANH,
            0,
            20,
            10,
            2,
            true,
            3,
            3),
        structure("one layer", 4, filters(1, 4, 3, 8), Activation.RELU, 1, 12, 6, 1, true, 3, 3),
        structure(
            "four layers, skipping",
            4,
            filters(1, 4, 3, 8),
            Activation.RELU,
            1,
            12,
            6,
            4,
            true,
            3,
            3),
        structure(
            "four layers, no skip",
            4,
            filters(1, 4, 3, 8),
            Activation.RELU,
            1,
            12,
            6,
            4,
            false,
            3,
            3),
        structure(
            "clips that bind",
            4,
            filters(1, 4, 3, 8),
            Activation.RELU,
            1,
            12,
            6,
            3,
            true,
            CELL_CLIP,
            PROJECTION_CLIP),
        structure(
            "cell clip alone",
            4,
            filters(1, 4, 3, 8),
            Activation.RELU,
            1,
            12,
            6,
            2,
            true,
            CELL_CLIP,
            0),
        structure(
            "projection clip alone",
            4,
            filters(1, 4, 3, 8),
            Activation.RELU,
            1,
            12,
            6,
            2,
            true,
            0,
            PROJECTION_CLIP),
        structure("no clip", 4, filters(1, 4, 3, 8), Activation.RELU, 1, 12, 6, 2, true, 0, 0),
        structure(
            "filters already sum to P",
            4,
            filters(1, 5, 4, 13),
            Activation.RELU,
            1,
            12,
            18,
            2,
            true,
            3,
            3),
        structure(
            "P larger than the cells",
            4,
            filters(1, 4, 3, 8),
            Activation.RELU,
            1,
            6,
            25,
            2,
            true,
            3,
            3),
        structure(
            "products deeper and wider than a cache block",
            16,
            filters(1, 100, 3, 200, 5, 290),
            Activation.RELU,
            1,
            530,
            290,
            2,
            true,
            3,
            3));
  }

  private static Structure structure(
      String path,
      int charDim,
      List<Filter> filters,
      Activation activation,
      int highway,
      int cells,
      int p,
      int layers,
      boolean skip,
      float cellClip,
      float projectionClip) {
    return new Structure(
        path,
        ModelOptions.builder()
            .charEmbeddingDim(charDim)
            .maxCharactersPerToken(50)
            .filters(filters)
            .activation(activation)
            .highwayLayers(highway)
            .lstmDim(cells)
            .projectionDim(p)
            .lstmLayers(layers)
            .skipConnections(skip)
            .cellClip(cellClip)
            .projectionClip(projectionClip)
            .build());
  }

  /** Returns filters from pairs of width and count. */
  private static List<Filter> filters(int... numbers) {
    List<Filter> filters = new ArrayList<>();
    for (int i = 0; i < numbers.length; i += 2) {
      filters.add(new Filter(numbers[i], numbers[i + 1]));
    }
    return filters;
  }

  /** Returns all kinds of outputs of a model. */
  static Layer[] allLayers(ModelOptions options) {
    List<Layer> layers = new ArrayList<>(List.of(Layer.WORD_EMB, Layer.ELMO, Layer.DEFAULT));
    float[] weights = new float[options.lstmLayers() + 1];
    weights[0] = 2;
    layers.add(Layer.elmo(new ScalarMix(weights, -0.5f)));
    layers.add(Layer.mean(Layer.elmo(new ScalarMix(weights, 3))));
    layers.add(Layer.mean(Layer.WORD_EMB));
    for (int k = 1; k <= options.lstmLayers(); k++) {
      layers.add(Layer.lstm(k));
      layers.add(Layer.mean(Layer.lstm(k)));
    }
    return layers.toArray(Layer[]::new);
  }

  @ParameterizedTest
  @MethodSource("structures")
  void everyStructureGivesTheOraclesNumbers(Structure structure) {
    assertGivesTheOraclesNumbers(structure);
  }

  /** If no value were clipped, the structures with clips would test nothing. */
  @Test
  void theClipsMeantToBindDo() {
    for (Structure structure : structures()) {
      ModelOptions options = structure.options();
      ElmoOracle oracle = ElmoOracle.of(new RandomWeights(options, SEED));
      ElmoOracle.State state = oracle.zeroState();
      oracle.layers(Models.sentence(new Random(7), 7), state);
      if (options.cellClip() == CELL_CLIP) {
        assertTrue(holds(state.c, CELL_CLIP), structure + ": no cell at its clip");
      }
      if (options.projectionClip() == PROJECTION_CLIP) {
        assertTrue(holds(state.h, PROJECTION_CLIP), structure + ": no output at its clip");
      }
    }
  }

  private static boolean holds(double[][][] values, double value) {
    return Arrays.stream(values)
        .flatMap(Arrays::stream)
        .flatMapToDouble(Arrays::stream)
        .anyMatch(v -> Math.abs(v) == value);
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("org.elmo4j.Isa#weaker")
  void everyOtherInstructionSetGivesTheOraclesNumbers(String isa) {
    Isa.with(isa, () -> structures().forEach(ModelStructuresTest::assertGivesTheOraclesNumbers));
  }

  private static void assertGivesTheOraclesNumbers(Structure structure) {
    ModelOptions options = structure.options();
    List<List<String>> batch = Models.batch(new Random(7), 9, 7);
    batch.set(3, List.of());
    batch.set(4, List.of("", "<S>", "</S>", "a"));
    Expected expected = Models.expected(options, SEED);
    try (ElmoModel model = Models.random(options, SEED)) {
      for (boolean boundaries : new boolean[] {false, true}) {
        EmbedOptions asked = EmbedOptions.layers(allLayers(options)).withBoundaries(boundaries);
        try (Embeddings embeddings = model.embed(batch, asked)) {
          expected.assertMatches(embeddings, batch, asked);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19})
  void randomStructuresGiveTheOraclesNumbers(long seed) {
    Random random = new Random(seed);
    List<Filter> filters = new ArrayList<>();
    for (int i = 1 + random.nextInt(4); i > 0; i--) {
      filters.add(new Filter(1 + random.nextInt(7), 1 + random.nextInt(40)));
    }
    ModelOptions options =
        ModelOptions.builder()
            .charEmbeddingDim(1 + random.nextInt(20))
            .maxCharactersPerToken(50)
            .filters(filters)
            .activation(random.nextBoolean() ? Activation.RELU : Activation.TANH)
            .highwayLayers(random.nextInt(4))
            .lstmDim(1 + random.nextInt(90))
            .projectionDim(1 + random.nextInt(50))
            .lstmLayers(1 + random.nextInt(4))
            .skipConnections(random.nextBoolean())
            .cellClip(random.nextBoolean() ? 0 : 0.05f + random.nextFloat())
            .projectionClip(random.nextBoolean() ? 0 : 0.05f + random.nextFloat())
            .build();
    List<List<String>> batch = Models.batch(random, 1 + random.nextInt(40), 1 + random.nextInt(12));
    EmbedOptions asked =
        EmbedOptions.layers(allLayers(options)).withBoundaries(random.nextBoolean());
    try (ElmoModel model = Models.random(options, seed);
        Embeddings embeddings = model.embed(batch, asked)) {
      Models.expected(options, seed).assertMatches(embeddings, batch, asked);
    }
  }
}
