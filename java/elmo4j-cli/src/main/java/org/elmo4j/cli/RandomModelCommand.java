// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.elmo4j.internal.weights.Dtype;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.internal.weights.SafetensorsWriter;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.ModelOptions.Activation;
import org.elmo4j.weights.ModelOptions.Filter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code elmo random-model}: a model of a published size that knows nothing, to measure with. */
@Command(
    name = "random-model",
    description = {
      "Writes an untrained model of a published size, for measurements and tests.",
      ""
    },
    footer = {"  elmo random-model --size small small-random"})
final class RandomModelCommand implements Callable<Integer> {
  static final String FILE = "model.safetensors";

  /** The published sizes: Peters et al. 2018, and the table at allennlp.org/elmo. */
  enum Size {
    SMALL(1024, 128, 1),
    MEDIUM(2048, 256, 1),
    ORIGINAL(4096, 512, 2);

    private static final List<Filter> FILTERS =
        List.of(
            new Filter(1, 32),
            new Filter(2, 32),
            new Filter(3, 64),
            new Filter(4, 128),
            new Filter(5, 256),
            new Filter(6, 512),
            new Filter(7, 1024));

    private final int cells;
    private final int projection;
    private final int highwayLayers;

    Size(int cells, int projection, int highwayLayers) {
      this.cells = cells;
      this.projection = projection;
      this.highwayLayers = highwayLayers;
    }

    ModelOptions options() {
      return ModelOptions.builder()
          .charEmbeddingDim(16)
          .maxCharactersPerToken(50)
          .filters(FILTERS)
          .activation(Activation.RELU)
          .highwayLayers(highwayLayers)
          .lstmDim(cells)
          .projectionDim(projection)
          .lstmLayers(2)
          .skipConnections(true)
          .cellClip(3)
          .projectionClip(3)
          .build();
    }
  }

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      description = "small, medium or original. Default: small.")
  private Size size = Size.SMALL;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of the random numbers. The same seed gives the same model. Default: 0.")
  private long seed;

  @Parameters(
      paramLabel = "DIR",
      description = "The folder for " + FILE + ". It is created if it does not exist.")
  private Path folder;

  @Override
  public Integer call() throws IOException {
    write(size, seed, folder);
    return 0;
  }

  /** Writes {@link #FILE} into a folder, which is made where it is missing. */
  static void write(Size size, long seed, Path folder) throws IOException {
    Files.createDirectories(folder);
    try (RandomWeights weights = new RandomWeights(size.options(), seed)) {
      SafetensorsWriter.write(
          weights,
          folder.resolve(FILE),
          Dtype.F32,
          Map.of("provenance", "random weights, seed " + seed));
    }
  }
}
