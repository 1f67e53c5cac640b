// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Tests that the tool accepts every command that README and the guide show. */
class DocsCommandsTest {
  private static final Path ROOT = Path.of(System.getProperty("elmo4j.root"));
  private static final Pattern COMMAND = Pattern.compile("(?m)(?:^|`)\\./elmo ([^`\\n#]+)");
  private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|\\S+");

  static Stream<String> commands() throws IOException {
    List<String> commands = new ArrayList<>();
    try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
      for (Path page : Stream.concat(Stream.of(ROOT.resolve("README.md")), docs).toList()) {
        if (page.toString().endsWith(".md")) {
          Matcher found = COMMAND.matcher(Files.readString(page));
          while (found.find()) {
            commands.add(found.group(1).strip());
          }
        }
      }
    }
    return commands.stream().filter(command -> !command.matches("test\\b.*|--help|\\W.*"));
  }

  @ParameterizedTest
  @MethodSource("commands")
  void isTaken(String command) {
    List<String> words = new ArrayList<>();
    Matcher found = WORD.matcher(command.replaceFirst("[;)|>].*", ""));
    while (found.find()) {
      words.add(found.group(1) == null ? found.group() : found.group(1));
    }
    // With --help, the tool parses the command without running it, and arguments may be missing.
    words.add("--help");
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int code =
        Main.run(
            InputStream.nullInputStream(),
            OutputStream.nullOutputStream(),
            err,
            words.toArray(new String[0]));
    assertEquals(0, code, () -> command + ": " + err);
  }
}
