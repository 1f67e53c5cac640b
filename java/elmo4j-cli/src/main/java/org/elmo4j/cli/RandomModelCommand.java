// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.elmo4j.internal.weights.Dtype;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.internal.weights.SafetensorsWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code elmo random-model}: writes an untrained model of a published size, for measurements. */
@Command(
    name = "random-model",
    description = {
      "Writes an untrained model of a published size, for measurements and tests.",
      ""
    },
    footer = {"  elmo random-model --size small small-random"})
final class RandomModelCommand implements Callable<Integer> {
  static final String FILE = "model.safetensors";

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      description = "small, medium or original. Default: small.")
  private RandomWeights.Size size = RandomWeights.Size.SMALL;

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

  /** Writes {@link #FILE} into a folder, which is created if it does not exist. */
  static void write(RandomWeights.Size size, long seed, Path folder) throws IOException {
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
