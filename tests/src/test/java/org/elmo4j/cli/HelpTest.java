// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine.Command;

/** What the tool says of itself. */
class HelpTest {
  private static String help(String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    assertEquals(0, Main.run(InputStream.nullInputStream(), out, err, args), err::toString);
    return out.toString(StandardCharsets.UTF_8);
  }

  static Stream<String> commands() {
    return Arrays.stream(Main.class.getAnnotation(Command.class).subcommands())
        .map(each -> each.getAnnotation(Command.class).name());
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandHasExamplesOfItself(String command) {
    List<String> lines = help(command, "--help").lines().toList();
    List<String> examples =
        lines.subList(lines.lastIndexOf("Examples:") + 1, lines.size()).stream()
            .filter(line -> !line.isBlank())
            .toList();
    assertTrue(lines.contains("Examples:") && !examples.isEmpty(), lines::toString);
    for (String example : examples) {
      assertTrue(example.contains("elmo " + command), example);
      for (String word : example.split(" +")) {
        if (word.startsWith("--")) {
          assertTrue(lines.stream().anyMatch(line -> line.matches(" .*" + word + "\\b.*")), word);
        }
      }
    }
  }

  @Test
  void helpNamesTheLaunchersCommand() {
    assertTrue(help("--help").lines().anyMatch(line -> line.matches(" +test +Builds.*")));
  }

  @Test
  void completionKnowsAllCommands() {
    String script = help("completion");
    commands().forEach(command -> assertTrue(script.contains(command), command));
    assertTrue(script.contains("--layers"));
    assertTrue(script.contains("complete -F _complete_elmo"), script);
  }
}
