// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** Tests what all commands share: the handling of wrong usage and of failures, and help. */
class MainTest extends ToolTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''",
        "--nonsense",
        "nonsense",
        "embed --nonsense",
        "embed --layers bottom x",
        "embed --layers lstm_outputs0 x",
        "embed --threads 0 x",
        "embed --threads many x",
        "embed --device tpu x",
        "embed --device cuda:0,tpu x",
        "embed --device cuda:all, x",
        "embed --model a --options-file b --weight-file c x",
        "embed --options-file b x",
        "embed --weight-file b x",
        "embed --input a x",
        "embed --stateful x",
        "embed --batch-size 0 --tokenized x",
        "embed --batch-size 3 x",
        "embed --gamma 2 x",
        "embed --layers top --mix-weights 1,2,3 x",
        "embed --mix-weights 1,b,3 x",
        "embed --output a.txt x",
        "embed --format xml x",
        "embed --format npz x",
        "embed --forget-sentences x",
        "info a b",
        "info --model a b",
        "random-model --size huge a",
        "random-model",
        "convert a",
        "convert --dtype int4 a b",
      })
  void wrongUsageExitsWithTwoAndOneLine(String args) {
    String message = failed(2, args.isEmpty() ? new String[0] : args.split(" "));
    assertTrue(message.startsWith("elmo"), message);
  }

  @Test
  void whatFailsExitsWithOneAndOneLineThatNamesIt() throws IOException {
    String missing = file("missing");
    String in = text("a b\n");
    assertTrue(failed(1, "embed", "--input", missing).contains(missing));
    assertTrue(failed(1, "embed", "--input", folder.toString()).contains("found a folder"));
    assertTrue(failed(1, "embed", "--model", missing, "x").contains(missing));
    assertTrue(failed(1, "info", missing).contains(missing));
    assertTrue(failed(1, "convert", missing, file("out")).contains(missing));
    assertTrue(failed(1, "embed", "--device", "cuda:999", "x").contains("cuda:999"));
    assertTrue(failed(1, "embed", "--layers", "lstm_outputs9", "x").contains("lstm_outputs9"));
    assertTrue(failed(1, "embed", "--mix-weights", "1,2", "x").contains("--mix-weights"));
    String nowhere = folder.resolve("no/such/out.npz").toString();
    assertTrue(failed(1, "embed", "--input", in, "--output", nowhere).contains(nowhere));
    assertTrue(failed(1, "random-model", in).contains(in));
    assertEquals(List.of("in.txt"), left());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a\0b"})
  void whatCannotBeANameOfAFileIsSaid(String name) {
    for (List<String> args :
        List.of(
            List.of("embed", "--input", name),
            List.of("embed", "--output", name, "--format", "npz", "x"),
            List.of("tokens", name),
            List.of("convert", "mini-en", name),
            List.of("fit", "--task", "tokens", "--train", name, "--output", file("c")),
            List.of("predict", name, "x"))) {
      String message = failed(2, args.toArray(new String[0]));
      assertTrue(message.contains(": expected "), message);
      assertFalse(message.contains("Exception"), message);
    }
    for (List<String> args :
        List.of(
            List.of("embed", "--model", name, "x"),
            List.of("info", name),
            List.of("convert", name, file("out")))) {
      String message = failed(1, args.toArray(new String[0]));
      assertTrue(message.matches("elmo: (model|a.u0000b): expected (a path|the name).*"), message);
    }
  }

  /** Elsewhere {@code -} is standard input or output, so no command takes it for a file's name. */
  @Test
  void aFileThatCannotBeAStreamIsNotCalledByItsSign() throws IOException {
    int streams = 0;
    int files = 0;
    for (Class<?> command : Main.class.getAnnotation(Command.class).subcommands()) {
      CommandSpec spec = CommandSpec.forAnnotatedObject(command);
      for (ArgSpec arg : spec.args()) {
        if (!arg.paramLabel().matches(".*(FILE|FOLDER|DIR|SRC|DST|MODEL).*")) {
          continue;
        }
        if (String.join("", arg.description()).matches(".*(- is|and -:) standard .*")) {
          streams++;
          continue;
        }
        files++;
        List<String> args = new ArrayList<>(List.of(spec.name()));
        if (arg instanceof OptionSpec option) {
          args.add(option.longestName());
        } else if (((PositionalParamSpec) arg).index().min() == 1) {
          args.add("x");
        }
        args.add("-");
        String message = failed(2, args.toArray(new String[0]));
        assertTrue(message.contains("found -, standard input or output, which cannot"), message);
      }
    }
    assertEquals(9, streams);
    assertEquals(41, files);
    assertFalse(Files.exists(Path.of("-")));
  }

  /** The JVM crashes if its standard input is closed and was none when it started. */
  @Test
  void standardInputStaysOpen() {
    boolean[] closed = new boolean[1];
    InputStream in =
        new ByteArrayInputStream("a b".getBytes(StandardCharsets.UTF_8)) {
          @Override
          public void close() {
            closed[0] = true;
          }
        };
    assertEquals("a b\n", run(in, "tokens").out());
    assertFalse(closed[0]);
  }

  @Test
  void anInputIsNotReplacedByTheOutput() throws IOException {
    String in = text("a b\n");
    String link = Files.createSymbolicLink(folder.resolve("link"), Path.of(in)).toString();
    String model = file("model.safetensors");
    done("convert", "mini-en", model);
    byte[] whole = Files.readAllBytes(Path.of(model));
    for (List<String> args :
        List.of(
            List.of("embed", "--input", in, "--output", in, "--format", "npz"),
            List.of("embed", "--input", in, "--output", link, "--format", "npz"),
            List.of("embed", "--model", model, "--output", model, "--format", "npz", "x"),
            List.of("tokens", in, "--output", in),
            List.of("convert", "--dtype", "fp16", model, model))) {
      String message = failed(2, args.toArray(new String[0]));
      assertTrue(message.contains("expected another file than the input"), message);
    }
    assertEquals("a b\n", Files.readString(Path.of(in)));
    assertArrayEquals(whole, Files.readAllBytes(Path.of(model)));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void aFullDiskIsSaidWithTheName() throws IOException {
    String message = failed(1, "tokens", text("a b\n"), "--output", "/dev/full");
    assertTrue(message.startsWith("elmo: /dev/full: expected a place to write to"), message);
  }

  @Test
  void anUnwritableOutputIsSaidBeforeTheModelLoads() throws IOException {
    String out = folder.resolve("no/out.npz").toString();
    String message = failed(1, "embed", "--model", text("no model"), "--output", out, "x");
    assertTrue(message.contains(out), message);
  }

  @Test
  void aClosedStandardOutputIsAFailure() {
    OutputStream closed =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("No space left on device");
          }
        };
    for (String[] args : new String[][] {{"embed", "a b"}, {"embed", "--format", "jsonl", "a b"}}) {
      ByteArrayOutputStream err = new ByteArrayOutputStream();
      assertEquals(1, Main.run(InputStream.nullInputStream(), closed, err, args));
      String message = err.toString(StandardCharsets.UTF_8);
      assertTrue(message.matches("elmo: standard output: .*\\R"), message);
    }
  }

  @Test
  void aStackTraceIsShownWithDebugOnly() {
    Result result = run("embed", "--debug", "--model", file("missing"), "x");
    assertEquals(1, result.code());
    assertTrue(
        result.err().lines().anyMatch(line -> line.startsWith("\tat org.elmo4j")), result.err());
  }

  @Test
  void helpAndVersionAreNoFailures() {
    for (String command : List.of("embed", "info", "models", "verify", "random-model", "convert")) {
      assertTrue(done(command, "--help").out().startsWith("Usage: elmo " + command));
    }
    assertTrue(done("--help").out().contains("Exit codes:"));
    assertTrue(done("--version").out().startsWith("elmo4j "));
  }
}
