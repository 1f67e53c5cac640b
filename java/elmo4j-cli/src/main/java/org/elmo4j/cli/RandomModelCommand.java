// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.TemporaryFolder;
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
  public Integer call() {
    write(size, seed, folder);
    return 0;
  }

  /**
   * Writes {@link #FILE} into a folder. If the folder does not exist, it and the folders above it
   * appear complete or not at all.
   */
  static void write(RandomWeights.Size size, long seed, Path folder) {
    if (Files.isDirectory(folder)) {
      writeFile(size, seed, folder.resolve(FILE));
      return;
    }
    Path top = folder.toAbsolutePath().normalize(); // the uppermost folder to create
    while (!Files.exists(top.getParent(), LinkOption.NOFOLLOW_LINKS)) {
      top = top.getParent();
    }
    if (Files.exists(top, LinkOption.NOFOLLOW_LINKS) || !Files.isDirectory(top.getParent())) {
      throw new ElmoException(folder + ": expected a folder or a new place, found another file");
    }
    try (TemporaryFolder beside = TemporaryFolder.in(top.getParent())) {
      Path fresh =
          beside.path().resolve(top.getParent().relativize(folder.toAbsolutePath().normalize()));
      Files.createDirectories(fresh);
      try {
        writeFile(size, seed, fresh.resolve(FILE));
      } catch (ElmoException e) {
        throw new ElmoException(e.getMessage().replace(fresh.toString(), folder.toString()), e);
      }
      Files.move(beside.path().resolve(top.getFileName()), top);
    } catch (IOException e) {
      throw new ElmoException(
          folder + ": expected a place to write to, found " + FoundFile.reason(e), e);
    }
  }

  private static void writeFile(RandomWeights.Size size, long seed, Path file) {
    try (RandomWeights weights = new RandomWeights(size.options(), seed)) {
      SafetensorsWriter.write(
          weights, file, Dtype.F32, Map.of("provenance", "random weights, seed " + seed));
    }
  }
}
