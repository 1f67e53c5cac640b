// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TokensCommandTest extends ToolTest {
  @Test
  void tokensAreThoseThatEmbedFinds() throws IOException {
    String text = "I can\u2019t stay. \"Why?\"\r\n\r\nNo end here\n\nZ\u00fcrich";
    Path file = folder.resolve("text.txt");
    Files.writeString(file, text);
    String expected = "I ca n\u2019t stay .\n\" Why ? \"\nNo end here\nZ\u00fcrich\n";
    assertEquals(expected, done("tokens", file.toString()).out());
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    assertEquals(expected, run(new ByteArrayInputStream(utf8), "tokens").out());

    Path output = folder.resolve("tokens.txt");
    assertEquals("", done("tokens", file.toString(), "--output", output.toString()).out());
    assertEquals(expected, Files.readString(output));
    // The tokens embedded with --tokenized give the same output as the text itself.
    assertEquals(
        done("embed", "--text", file.toString()).out(),
        done("embed", "--tokenized", "--input", output.toString()).out());
  }

  @Test
  void tokensOfNothingAreNothing() throws IOException {
    assertEquals("", done("tokens").out());
    Path blank = folder.resolve("blank.txt");
    Files.writeString(blank, " \n\n \n");
    assertEquals("", done("tokens", blank.toString()).out());
  }

  @Test
  void tokensOfNoTextFailAndLeaveTheOutputAsItWas() throws IOException {
    Path output = folder.resolve("tokens.txt");
    Files.writeString(output, "before");
    Path missing = folder.resolve("missing.txt");
    assertEquals(
        "elmo: " + missing + ": no such file or folder",
        failed(1, "tokens", missing.toString(), "--output", output.toString()));
    Path noText = folder.resolve("no-text.bin");
    Files.write(noText, new byte[] {'a', '\n', (byte) 0xff});
    String message = failed(1, "tokens", noText.toString(), "--output", output.toString());
    assertTrue(message.contains(noText.toString()) && message.contains("2"), message);
    assertEquals("before", Files.readString(output));
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(2, files.count()); // Only the output and the input are there, no partial file.
    }
  }
}
