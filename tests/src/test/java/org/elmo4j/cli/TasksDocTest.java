// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.elmo4j.train.EnglishWebTreebank;
import org.junit.jupiter.api.Test;

/** Runs the worked examples of docs/tasks.md, one after the other, on the data that they name. */
class TasksDocTest extends ToolTest {
  private static final Path ROOT = Path.of(System.getProperty("elmo4j.root"));
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```sh\\n(.*?)^```");
  private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|\\S+");

  /** How many sentences the examples' treebank files get, few so that the test is fast. */
  private static final int SENTENCES = 150;

  @Test
  void everyExampleRuns() throws Exception {
    String page = Files.readString(ROOT.resolve("docs/tasks.md"));
    Matcher blocks = BLOCK.matcher(page);
    int commands = 0;
    while (blocks.find()) {
      for (String line : blocks.group(1).lines().toList()) {
        if (line.startsWith("./elmo ")) {
          tool(line.replaceFirst("\\./elmo ", "").replaceFirst(" +#.*", ""));
          commands++;
        } else if (line.startsWith("xz ")) {
          String part = line.replaceFirst(".*ud-(dev|test)\\.conllu\\.xz.*", "$1");
          assertEquals(part + ".conllu", line.replaceFirst(".*> ", ""), line);
          EnglishWebTreebank.head(part, SENTENCES, folder);
        } else if (line.startsWith("awk ")) {
          shell(line);
        } else {
          // The other lines are loops of many runs, which would take too long.
          assertTrue(line.matches("(for .*; do|done(; done)?|  \\./elmo .*)"), line);
        }
      }
    }
    assertTrue(commands >= 12, "commands " + commands);
    // predict returns its input in the same form with columns added.
    assertEquals(
        "id,text,predicted,score", Files.readAllLines(folder.resolve("new-labels.csv")).get(0));
    for (String line : Files.readAllLines(folder.resolve("test-names.conll"))) {
      assertTrue(line.isEmpty() || line.matches("\\S+ (O|[BI]-NAME)"), line);
    }
  }

  private void tool(String command) throws IOException {
    List<String> args = new ArrayList<>();
    Matcher words = WORD.matcher(command);
    while (words.find()) {
      boolean quoted = words.group(1) != null;
      String word = quoted ? words.group(1) : words.group();
      String before = args.isEmpty() ? "" : args.get(args.size() - 1);
      boolean file =
          !quoted
              && (before.matches("--(train|dev|test|input|output|curves|mix)|predict")
                  || word.startsWith("tests/"));
      args.add(
          !file ? word : word.startsWith("tests/") ? ROOT.resolve(word).toString() : file(word));
    }
    if (args.get(0).equals("fit")) {
      args.addAll(List.of("--epochs", "4", "--no-comparison"));
    }
    Result result = run(args.toArray(new String[0]));
    assertEquals(0, result.code(), command + ": " + result.err());
    int output = args.indexOf("--output");
    if (output >= 0) {
      assertTrue(Files.exists(Path.of(args.get(output + 1))), command);
    } else {
      assertFalse(result.out().isBlank(), command);
    }
  }

  private void shell(String command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder("sh", "-c", command.replace("tests/", ROOT.resolve("tests") + "/"))
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), command + ": " + out);
  }
}
