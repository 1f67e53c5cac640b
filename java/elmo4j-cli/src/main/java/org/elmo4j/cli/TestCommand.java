// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.util.concurrent.Callable;
import org.elmo4j.ElmoException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code elmo test}: only for help and completion. The launcher runs the tests. */
@Command(
    name = "test",
    description = {
      "Builds everything and runs all tests. Works only with the launcher ./elmo in a checkout.",
      ""
    },
    footer = {"  elmo test", "  elmo test --all"})
final class TestCommand implements Callable<Integer> {
  @Option(
      names = "--all",
      description = "Also run the stages that take long: Spark, other platforms, a release.")
  private boolean all;

  @Override
  public Integer call() {
    throw new ElmoException(
        "test: expected the launcher ./elmo in a checkout, found the tool without it");
  }
}
