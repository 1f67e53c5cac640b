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
        structure(
            "all sizes 1",
            usual()
                .charEmbeddingDim(1)
                .filters(filters(1, 1))
                .highwayLayers(0)
                .lstmDim(1)
                .projectionDim(1)
                .lstmLayers(1)
                .skipConnections(false)
                .cellClip(0)
                .projectionClip(0)),
        structure(
            "1 cell",
            usual().filters(filters(2, 6)).activation(Activation.TANH).lstmDim(1).projectionDim(5)),
        structure(
            "1 filter",
            usual()
                .filters(filters(3, 1))
                .activation(Activation.TANH)
                .highwayLayers(2)
                .lstmDim(8)
                .projectionDim(4)),
        structure(
            "nothing a multiple of 4",
            usual()
                .charEmbeddingDim(5)
                .filters(filters(1, 3, 2, 5, 3, 7))
                .highwayLayers(2)
                .lstmDim(19)
                .projectionDim(13)),
        structure(
            "all multiples of 16",
            usual()
                .charEmbeddingDim(16)
                .filters(filters(1, 16, 2, 32))
                .lstmDim(64)
                .projectionDim(32)),
        structure(
            "one more than a vector",
            usual()
                .charEmbeddingDim(17)
                .filters(filters(1, 17, 3, 16))
                .activation(Activation.TANH)
                .lstmDim(33)
                .projectionDim(17)),
        structure(
            "one less than a vector",
            usual()
                .charEmbeddingDim(15)
                .filters(filters(1, 15, 3, 16))
                .lstmDim(31)
                .projectionDim(15)),
        structure(
            "widths 1 to 7, 3 highway layers",
            usual()
                .charEmbeddingDim(6)
                .filters(filters(1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8))
                .highwayLayers(3)
                .lstmDim(20)
                .projectionDim(10)),
        structure(
            "tanh, no highway, widths out of order",
            usual()
                .charEmbeddingDim(6)
                .filters(filters(7, 5, 1, 9, 4, 2))
                .activation(Activation.TANH)
                .highwayLayers(0)
                .lstmDim(20)
                .projectionDim(10)),
        structure("one layer", usual().lstmLayers(1)),
        structure("four layers, skipping", usual().lstmLayers(4)),
        structure("four layers, no skip", usual().lstmLayers(4).skipConnections(false)),
        structure(
            "clips that bind",
            usual().lstmLayers(3).cellClip(CELL_CLIP).projectionClip(PROJECTION_CLIP)),
        structure("cell clip alone", usual().cellClip(CELL_CLIP).projectionClip(0)),
        structure("projection clip alone", usual().cellClip(0).projectionClip(PROJECTION_CLIP)),
        structure("no clip", usual().cellClip(0).projectionClip(0)),
        structure(
            "filters already sum to P", usual().filters(filters(1, 5, 4, 13)).projectionDim(18)),
        structure("P larger than the cells", usual().lstmDim(6).projectionDim(25)),
        structure(
            "products deeper and wider than a cache block",
            usual()
                .charEmbeddingDim(16)
                .filters(filters(1, 100, 3, 200, 5, 290))
                .lstmDim(530)
                .projectionDim(290)));
  }

  private static Structure structure(String path, ModelOptions.Builder options) {
    return new Structure(path, options.build());
  }

  /** What a structure has unless it says otherwise. */
  private static ModelOptions.Builder usual() {
    return ModelOptions.builder()
        .charEmbeddingDim(4)
        .maxCharactersPerToken(50)
        .filters(filters(1, 4, 3, 8))
        .activation(Activation.RELU)
        .highwayLayers(1)
        .lstmDim(12)
        .projectionDim(6)
        .lstmLayers(2)
        .skipConnections(true)
        .cellClip(3)
        .projectionClip(3);
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
