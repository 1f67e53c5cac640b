// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.elmo4j.internal.files.AtomicFile;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The option {@code --output}. */
final class OutputFile {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      converter = Main.FileOrStream.class,
      description =
          "The file to write, which must not be an input. Default, and -: standard output.")
  private Path path;

  /** Whether the option was given. */
  boolean isGiven() {
    return path != null;
  }

  /** Whether the output is standard output. */
  boolean isStandard() {
    return path == null || Main.isStandard(path);
  }

  /**
   * Throws an exception if the output is one of the files that the command reads, since it would
   * replace it.
   */
  void check(Path... inputs) throws IOException {
    if (!isStandard()) {
      check(command, "--output", path, inputs);
    }
  }

  /**
   * Throws an exception if the output is one of the inputs.
   *
   * @param name the option or parameter that names the output
   * @param inputs may be null, missing, or not regular files
   */
  static void check(CommandSpec command, String name, Path output, Path... inputs)
      throws IOException {
    for (Path input : inputs) {
      if (input != null
          && Files.isRegularFile(input)
          && Files.exists(output)
          && Files.isSameFile(input, output)) {
        throw Main.usage(
            command, name + ": expected another file than the input, found " + output + " as both");
      }
    }
  }

  /** Opens the output. */
  AtomicFile create() {
    return isStandard()
        ? AtomicFile.to(Main.of(command).out, "standard output")
        : AtomicFile.create(path);
  }

  /** Returns the name as the user typed it. */
  @Override
  public String toString() {
    return isStandard() ? "standard output" : path.toString();
  }
}
