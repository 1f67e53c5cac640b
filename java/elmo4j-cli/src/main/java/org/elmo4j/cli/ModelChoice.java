// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.ElmoModelBuilder;
import org.elmo4j.Precision;
import org.elmo4j.hub.ModelEntry;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.internal.devices.Devices;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options that say which model to load, and where to run it. */
final class ModelChoice {
  static final String MINI_ENGLISH = "mini-en";

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--model",
      paramLabel = "NAME|FOLDER|FILE",
      converter = Main.File.class,
      description =
          "The model: a name from elmo models, a folder or a file. If a file has the same "
              + "name as a model, the model is used. Default, unless the command says "
              + "otherwise: mini-en, the small English model that comes with elmo.")
  private String model;

  @Option(
      names = "--options-file",
      paramLabel = "FILE",
      description =
          "options.json of AllenNLP or bilm-tf, for --weight-file or --model. It replaces "
              + "the options file beside the weights, or the values that elmo assumes for a "
              + "TensorFlow checkpoint.")
  private Path optionsFile;

  @Option(
      names = "--weight-file",
      paramLabel = "FILE",
      description = "HDF5 weights, together with --options-file and instead of --model.")
  private Path weightFile;

  @Option(names = "--offline", description = "Never download a model.")
  private boolean offline;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description =
          "auto, cpu, cuda, cuda:N, several GPUs separated by commas, or cuda:all. "
              + "Default: auto, which uses a GPU if there is one (elmo info --devices) and "
              + "otherwise the CPU.")
  private String device = "auto";

  @Option(
      names = "--precision",
      paramLabel = "PRECISION",
      description =
          "Number format of the weights. CPU: fp32 (default); bf16 takes half the memory "
              + "and is faster with AVX512-BF16 or AMX; int8 takes less still and is the "
              + "fastest with VNNI. GPU: fp16 (default) or fp32.")
  private String precision;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Number of CPU threads. Default: one for each processor.")
  private Integer threads;

  /** Sets a model that was named without --model. Null has no effect. */
  void name(String name) {
    if (name != null && model != null) {
      throw usage("--model: expected one model, found " + model + " and " + name);
    }
    model = name != null ? name : model;
  }

  /**
   * Throws an exception if options contradict each other, or name a model or device that is not
   * there. Commands call it before anything that takes long.
   */
  void check() throws IOException {
    if (weightFile != null && optionsFile == null) {
      throw usage("--weight-file: expected --options-file with it, found none");
    }
    if (weightFile != null && model != null) {
      throw usage("--model: expected it or --weight-file, found both");
    }
    if (optionsFile != null
        && weightFile == null
        && (model == null || model.equals(MINI_ENGLISH))) {
      throw usage(
          "--options-file: expected --weight-file or a model's folder or file with it, found none");
    }
    if (threads != null && threads < 1) {
      throw usage("--threads: expected 1 or more, found " + threads);
    }
    String one = "(auto|cpu|cuda(:([0-9]{1,4}|all))?)";
    if (!device.matches(one + "(," + one + ")*")) {
      throw usage(
          "--device: expected auto, cpu, cuda, cuda:N or cuda:all, with commas between several,"
              + " found "
              + device);
    }
    if (precision != null && !precision.matches("fp32|bf16|int8|fp16")) {
      throw usage("--precision: expected fp32, bf16, int8 or fp16, found " + precision);
    }
    if (model != null
        && named().isEmpty()
        && !Files.exists(Path.of(model))
        && !Files.exists(Path.of(model + ".index"))) { // a TensorFlow checkpoint's prefix
      throw new ElmoException(
          model
              + ": expected a model's name, folder or file, found none (elmo models lists the"
              + " names)");
    }
    Main.checkReadable(optionsFile, weightFile);
    if (precision != null || !device.equals("auto")) {
      Precision held = precision == null ? null : Precision.parse(precision);
      Devices.resolve(Device.parseAll(device)).forEach(each -> Devices.check(each, held));
    }
  }

  private ParameterException usage(String message) {
    return Main.usage(command, message);
  }

  /** The files that the options name, or null in their place. */
  Path[] files() {
    return new Path[] {
      model == null || named().isPresent() ? null : Path.of(model), optionsFile, weightFile
    };
  }

  /** Whether a model was named. */
  boolean isNamed() {
    return model != null || optionsFile != null;
  }

  /** The number of CPU threads for the model. */
  int threads() {
    return threads == null ? Runtime.getRuntime().availableProcessors() : threads;
  }

  /** The model's name, to print. */
  @Override
  public String toString() {
    return weightFile != null ? weightFile.toString() : model == null ? MINI_ENGLISH : model;
  }

  /** Loads the model. */
  ElmoModel load() {
    return builder().load();
  }

  /** Returns a builder with all choices, to which callers may add others. */
  ElmoModelBuilder builder() {
    ElmoModelBuilder builder = ElmoModel.builder().devices(Device.parseAll(device));
    if (precision != null) {
      builder.precision(Precision.parse(precision));
    }
    if (threads != null) {
      builder.threads(threads);
    }
    if (weightFile != null) {
      builder.files(optionsFile, weightFile);
    } else if (model == null) {
      builder.miniEnglish();
    } else if (named().isPresent()) {
      builder.pretrained(hub(), named().get().name(), null);
    } else {
      builder.path(Path.of(model));
      if (optionsFile != null) {
        builder.options(optionsFile);
      }
    }
    return builder;
  }

  /** The published model that was chosen by name, or mini-en if no model was chosen. */
  Optional<ModelEntry> named() {
    return optionsFile != null
        ? Optional.empty()
        : hub().find(model == null ? MINI_ENGLISH : model);
  }

  /** The source of named models. */
  ModelHub hub() {
    return hub(command, model, offline);
  }

  /** The source of named models. The progress of downloads is shown on standard error. */
  static ModelHub hub(CommandSpec command, String model, boolean offline) {
    PrintWriter err = command.commandLine().getErr();
    ModelHub.Builder hub =
        ModelHub.builder().progress(Progress.ofDownloads(err, Main.status(command), model));
    return (offline ? hub.offline(true) : hub).build();
  }
}
