// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tests the tool's output and messages: the escaping of control characters, suggestions for wrong
 * usage, and the errors if the output cannot be written.
 */
class OutputTest {
  /**
   * Characters that a terminal obeys: escape, CSI of C1, an override of direction, an isolate, a
   * mark and a carriage return.
   */
  private static final String OBEYED = "\u001b[31m\u009b2J\u202e\u2067\u200f\r";

  private static final String ESCAPED = "\\u001b[31m\\u009b2J\\u202e\\u2067\\u200f\\r";

  @TempDir Path folder;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    return Main.run(InputStream.nullInputStream(), out, err, args);
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  private static OutputStream failing(String reason) {
    return new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        throw new IOException(reason);
      }
    };
  }

  private static InputStream text(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--version",
        "--help",
        "embed --help",
        "embed One.",
        "embed --format jsonl One.",
        "models",
        "models --json",
        "info",
        "info --devices",
        "tokens",
        "verify",
        "completion",
      })
  void outputThatCannotBeWrittenIsAnError(String args) {
    int code = Main.run(text("One."), failing("No space left on device"), err, args.split(" "));
    assertEquals("elmo: standard output: No space left on device\n", err());
    assertEquals(1, code);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--version", "--help", "embed One.", "models", "tokens", "completion"})
  void aClosedPipeEndsQuietlyAsASignalWould(String args) {
    int code = Main.run(text("One."), failing("Broken pipe"), err, args.split(" "));
    assertEquals("", err());
    assertEquals(141, code);
  }

  @ParameterizedTest
  @ValueSource(strings = {"memory", "link", "stack"})
  void anErrorIsOneLine(String kind) {
    InputStream in =
        new InputStream() {
          @Override
          public int read() {
            throw switch (kind) {
              case "memory" -> new OutOfMemoryError("Java heap space");
              case "link" -> new UnsatisfiedLinkError("libx.so: no\nsuch file");
              default -> new StackOverflowError();
            };
          }
        };
    assertEquals(1, Main.run(in, out, err, "tokens"));
    assertEquals("", out());
    assertEquals(
        switch (kind) {
          case "memory" ->
              "elmo: memory: expected enough for this input, found no more (Java heap space)\n";
          case "link" ->
              "elmo: unexpected java.lang.UnsatisfiedLinkError: libx.so: no such file (--debug"
                  + " shows where)\n";
          default -> "elmo: unexpected java.lang.StackOverflowError (--debug shows where)\n";
        },
        err());
  }

  @Test
  void tablesShowWhatATerminalWouldObey() {
    assertEquals(
        0, Main.run(text("a" + OBEYED + "b c\n"), out, err, "embed", "--tokenized"), this::err);
    assertTrue(out().contains("\\u001b[31m"), this::out);
    assertFalse(out().chars().anyMatch(c -> c != '\n' && Character.isISOControl(c)), this::out);
    assertFalse(out().contains("\u202e"), this::out);
  }

  @Test
  void tokensForProgramsStayAsTheyAre() {
    String token = "a\u001bb\u200f";
    assertEquals(0, Main.run(text(token + "\n"), out, err, "tokens"), this::err);
    assertEquals(token + "\n", out());
  }

  @Test
  void messagesShowWhatATerminalWouldObey() {
    assertEquals(1, run("info", "--model", "no" + OBEYED + "file"));
    assertTrue(err().startsWith("elmo: no" + ESCAPED.replace("\\r", " ")), this::err);
    assertEquals(1, err().lines().count());
  }

  @ParameterizedTest
  @ValueSource(strings = {"info", "embed", "no-such-command"})
  void messagesAreShort(String command) {
    String longName = "x".repeat(3000);
    int code =
        command.startsWith("no") ? run(command + longName) : run(command, "--model", longName);
    assertTrue(code > 0);
    assertTrue(err().length() < 500, this::err);
    assertEquals(1, err().lines().count());
  }

  @Test
  void charactersOfAnyLengthPassInPieces() throws IOException {
    String shown = "aé語😀\u00a0\ud83c\udf0d\t\n";
    EscapedStream stream = new EscapedStream(out);
    for (byte b : (shown + OBEYED).getBytes(StandardCharsets.UTF_8)) {
      stream.write(new byte[] {b});
    }
    assertEquals(shown + ESCAPED.replace("\\r", "\\r"), out());
    assertEquals("\\t\\n" + ESCAPED + "é", EscapedStream.escape("\t\n" + OBEYED + "é"));
  }

  @Test
  void whatFollowsAFailureIsNotWritten() {
    Output output = new Output(failing("gone"), false);
    output.text().print("x");
    for (int i = 0; i < 2; i++) {
      try {
        output.finish();
        fail();
      } catch (Output.Failure e) {
        assertEquals("standard output: gone", e.getMessage());
        assertFalse(e.isClosedPipe());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "emebd x, did you mean embed?",
    "tset, did you mean test?",
    "model, did you mean models?",
    "Info, did you mean info?",
    "embed --lyers top, did you mean --layers?",
    "embed --lyers=top, did you mean --layers?",
    "bench --run 3, did you mean --runs?",
    "--hlep, did you mean --help?",
  })
  void nearCommandsAndOptionsAreSuggested(String args, String wanted) {
    assertEquals(2, run(args.split(" ")));
    assertTrue(err().contains(wanted), this::err);
  }

  @ParameterizedTest
  @ValueSource(strings = {"somethingelse", "embed --whatever"})
  void nothingIsSuggestedWhereNothingIsNear(String args) {
    assertEquals(2, run(args.split(" ")));
    assertFalse(err().contains("did you mean"), this::err);
  }

  @Test
  void anOutputFileKeepsWhatATerminalWouldObey() throws IOException {
    Path file = folder.resolve("out.txt");
    String token = "a\u001bb";
    assertEquals(
        0,
        Main.run(text(token + "\n"), out, err, "tokens", "--output", file.toString()),
        this::err);
    assertArrayEquals((token + "\n").getBytes(StandardCharsets.UTF_8), Files.readAllBytes(file));
  }
}
