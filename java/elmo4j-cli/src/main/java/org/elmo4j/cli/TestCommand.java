// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.util.concurrent.Callable;
import org.elmo4j.ElmoException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code elmo test}: named here for help and completion; the launcher runs it. */
@Command(
    name = "test",
    description = {
      "Builds everything and runs all tests. For the launcher elmo in a checkout of the project.",
      ""
    },
    footer = {"  elmo test", "  elmo test --all"})
final class TestCommand implements Callable<Integer> {
  @Option(names = "--all", description = "Spark's tests too.")
  private boolean all;

  @Override
  public Integer call() {
    throw new ElmoException("test: expected the launcher ./elmo, found the tool without it");
  }
}
