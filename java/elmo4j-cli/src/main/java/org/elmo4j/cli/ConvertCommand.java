// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.weights.Dtype;
import org.elmo4j.internal.weights.SafetensorsWriter;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code elmo convert}: writes a model of any format that elmo4j reads as safetensors. */
@Command(
    name = "convert",
    description = {"Writes a model to one safetensors file, the format that loads fastest.", ""},
    footer = {
      "  elmo convert small small.safetensors",
      "  elmo convert --dtype fp16 folder model.safetensors"
    })
final class ConvertCommand implements Callable<Integer> {
  /** The values of {@code --dtype}. */
  enum Stored {
    FP32(Dtype.F32),
    FP16(Dtype.F16),
    BF16(Dtype.BF16),
    INT8(null);

    private final Dtype dtype; // null for quantised matrices

    Stored(Dtype dtype) {
      this.dtype = dtype;
    }
  }

  @Spec private CommandSpec command;

  @Parameters(
      index = "0",
      paramLabel = "SRC",
      converter = Main.File.class,
      description = "A model's name, folder or file.")
  private String source;

  @Parameters(index = "1", paramLabel = "DST", description = "The file to write.")
  private Path target;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      description =
          "Number format of the file: fp32 (default), fp16 or bf16 (half the size, "
              + "rounded), or int8 (the weights that --precision int8 computes with).")
  private Stored stored = Stored.FP32;

  @Option(
      names = "--options-file",
      paramLabel = "FILE",
      description =
          "options.json of AllenNLP or bilm-tf. It replaces the options file beside the "
              + "weights, or the values that elmo assumes for a TensorFlow checkpoint.")
  private Path optionsFile;

  @Override
  public Integer call() throws IOException {
    try (WeightStore store = open()) {
      Map<String, String> metadata = Map.of("provenance", "converted from " + store.source());
      if (stored == Stored.INT8) {
        SafetensorsWriter.writeInt8(store, target, metadata);
      } else {
        SafetensorsWriter.write(store, target, stored.dtype, metadata);
      }
    }
    return 0;
  }

  private WeightStore open() throws IOException {
    ModelHub hub = ModelChoice.hub(command, source, false);
    boolean named = optionsFile == null && hub.find(source).isPresent();
    OutputFile.check(command, "DST", target, named ? null : Path.of(source), optionsFile);
    AtomicFile.create(target).close(); // The folder is checked before a model is downloaded.
    if (named) {
      return hub.open(source, null);
    }
    if (optionsFile != null) {
      return WeightStores.open(optionsFile, Path.of(source));
    }
    return WeightStores.open(Path.of(source));
  }
}
