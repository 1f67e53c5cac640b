// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.elmo4j.train.EnglishWebTreebank;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine.Command;

/** Tests the tool's help, runs the examples in it, and tests the completion script. */
class HelpTest extends ToolTest {
  private static String help(String... args) {
    return done(args).out();
  }

  static Stream<String> commands() {
    return Arrays.stream(Main.class.getAnnotation(Command.class).subcommands())
        .map(each -> each.getAnnotation(Command.class).name());
  }

  /** Returns the examples in a command's help as users type them. */
  private static List<String> examples(String command) {
    List<String> lines = help(command, "--help").lines().toList();
    assertTrue(lines.contains("Examples:"), lines::toString);
    return lines.subList(lines.lastIndexOf("Examples:") + 1, lines.size()).stream()
        .filter(line -> !line.isBlank())
        .map(line -> line.replaceFirst(" {3,}\\(.*", "").strip())
        .toList();
  }

  /**
   * Returns what replaces a name in an example: the path of a small file, or the built-in model.
   */
  private String stand(String word) {
    return switch (word) {
      case "small" -> "mini-en";
      case "folder" -> GOLDEN.folder().toString();
      default ->
          word.matches("[\\w-]+\\.\\w+|pos(-crf)?(/.*)?|reviews|small-random") ? file(word) : word;
    };
  }

  /** Returns additional arguments that keep an example from taking minutes. */
  private List<String> shorter(List<String> example) {
    return switch (example.get(0)) {
      // bench only parses the arguments then; BenchCommandTest runs it.
      case "bench" -> List.of("--help");
      case "fit" -> List.of("--epochs", "1", "--no-comparison");
      default -> List.of();
    };
  }

  private void files() throws IOException {
    EnglishWebTreebank.head("dev", 30, folder);
    Files.copy(folder.resolve("dev.conllu"), folder.resolve("test.conllu"));
    String text = "The bank of the river. He went to the bank.\n";
    for (String name : List.of("book.txt", "bank.txt", "IN.txt", "corpus.txt")) {
      Files.writeString(folder.resolve(name), text);
    }
    Files.writeString(
        folder.resolve("reviews.tsv"),
        "label\ttext\n" + "good\tI loved it.\nbad\tI hated it.\n".repeat(10));
  }

  private List<String> words(String example) {
    List<String> words = new ArrayList<>();
    Matcher word = Pattern.compile("\"([^\"]*)\"|(\\S+)").matcher(example);
    while (word.find()) {
      boolean size = words.lastIndexOf("--size") == words.size() - 1 && !words.isEmpty();
      words.add(
          word.group(1) != null ? word.group(1) : size ? word.group(2) : stand(word.group(2)));
    }
    return words;
  }

  @ParameterizedTest
  @MethodSource("commands")
  void theExamplesOfEveryCommandRun(String command) throws IOException {
    files();
    if (command.equals("predict") || command.equals("plot")) {
      for (String example : examples("fit")) {
        runs(example);
      }
    }
    List<String> examples = examples(command);
    assertFalse(examples.isEmpty());
    for (String example : examples) {
      assertTrue(example.contains("elmo " + command), example);
      if (!command.equals("test")) { // The launcher implements test, not the tool.
        runs(example);
      }
    }
  }

  private void runs(String example) {
    if (example.contains("(")) {
      return; // This is a shell command around the example before it.
    }
    List<String> args = words(example.split("[|>]")[0]);
    assertEquals("elmo", args.remove(0), example);
    args.addAll(shorter(args));
    Result result = run(args.toArray(new String[0]));
    assertEquals(0, result.code(), example + ": " + result.err());
    int output = args.indexOf("--output");
    if (output >= 0) {
      assertTrue(Files.exists(Path.of(args.get(output + 1))), example);
    } else if (!example.contains("random-model") && !example.contains("convert")) {
      assertFalse(result.out().isBlank(), example);
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
