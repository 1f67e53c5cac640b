// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.elmo4j.Device;
import org.elmo4j.ElmoModel;
import org.elmo4j.Layer;
import org.elmo4j.internal.backend.cpu.CpuBackend;
import org.elmo4j.internal.devices.Devices;
import org.elmo4j.weights.ModelOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code elmo info}: describes a model, or the devices of this machine. */
@Command(
    name = "info",
    description = {"Describes a model or, with --devices, the devices of this machine.", ""},
    footer = {"  elmo info small", "  elmo info --devices"})
final class InfoCommand implements Callable<Integer> {
  @Spec private CommandSpec command;
  @Mixin private ModelChoice modelChoice;

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      converter = Main.File.class,
      description = "Same as --model.")
  private String model;

  @Option(names = "--devices", description = "List the devices that elmo can use on this machine.")
  private boolean devices;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = command.commandLine().getOut();
    if (devices) {
      devices(out);
      return 0;
    }
    modelChoice.name(model);
    modelChoice.check();
    try (ElmoModel loaded = modelChoice.load()) {
      model(out, loaded);
    }
    return 0;
  }

  private static void model(PrintWriter out, ElmoModel model) {
    ModelOptions options = model.options();
    String filters =
        options.filters().stream()
            .map(filter -> "[" + filter.width() + "," + filter.count() + "]")
            .collect(Collectors.joining(" "));
    line(
        out,
        "char-CNN",
        "%s, embedding %d, %s",
        filters,
        options.charEmbeddingDim(),
        name(options.activation()));
    if (options.dictionary().isPresent()) {
      String words =
          options.words() == 0
              ? "no words"
              : String.format(Locale.ROOT, "%,d words of %d", options.words(), options.wordDim());
      line(out, "dictionary", "%,d characters, %s", options.characters(), words);
    }
    line(out, "highway", "%s", layers(options.highwayLayers()));
    line(out, "projection", "%d", options.projectionDim());
    line(
        out,
        "biLM",
        "%s of %d cells, %s skip connections, cell clip %s, projection clip %s",
        layers(options.lstmLayers()),
        options.lstmDim(),
        options.skipConnections() ? "with" : "without",
        clip(options.cellClip()),
        clip(options.projectionClip()));
    line(out, "mix", "%s, gamma %s", Arrays.toString(model.mix().weights()), model.mix().gamma());
    line(out, "parameters", "%,d", model.parameters());
    String devices =
        model.devices().stream().map(Device::toString).collect(Collectors.joining(", "));
    line(out, "weights", "%.1f MB on %s", model.weightBytes() / 1e6, devices);
    line(out, "word_emb", "%d values a token", model.dim(Layer.WORD_EMB));
    line(
        out,
        "lstm_outputs1-" + options.lstmLayers(),
        "%d values a token",
        model.dim(Layer.lstm(1)));
    line(out, "elmo", "%d values a token", model.dim(Layer.ELMO));
  }

  private static void line(PrintWriter out, String name, String format, Object... values) {
    out.printf(Locale.ROOT, "%-16s %s%n", name, String.format(Locale.ROOT, format, values));
  }

  private static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  private static String layers(int count) {
    return count + (count == 1 ? " layer" : " layers");
  }

  private static String clip(float bound) {
    return bound == 0 ? "none" : Float.toString(bound);
  }

  private static void devices(PrintWriter out) {
    line(
        out,
        "cpu",
        "%s, %d processors",
        CpuBackend.describe(),
        Runtime.getRuntime().availableProcessors());
    Devices.describeCuda().forEach(text -> line(out, "cuda", "%s", text));
  }
}
