// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

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
      description = "The file to write. Default, and -: standard output.")
  private Path path;

  /** Whether the option was given. */
  boolean isGiven() {
    return path != null;
  }

  /** Whether the output is standard output. */
  boolean isStandard() {
    return path == null || Main.isStandard(path);
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
