// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code elmo completion}: prints a shell script that completes commands and options. */
@Command(
    name = "completion",
    description = {
      "Prints a script with which bash and zsh complete commands and options at the Tab key.",
      ""
    },
    footer = {
      "  elmo completion > elmo.completion",
      "  source <(elmo completion)         (in bash, for this shell; or in .bashrc)"
    })
final class CompletionCommand implements Callable<Integer> {
  @Spec private CommandSpec command;

  @Override
  public Integer call() {
    command.commandLine().getOut().print(AutoComplete.bash("elmo", command.root().commandLine()));
    return 0;
  }
}
