// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Tests that commands check their arguments before long work. The model in these tests is damaged,
 * and so is the training data, so a command that read them first would say that.
 */
class CheckedFirstTest extends ToolTest {
  private String fails(int code, String... args) throws IOException {
    String damaged = Files.writeString(folder.resolve("model.safetensors"), "no model").toString();
    List<String> all = new ArrayList<>(Arrays.asList(args));
    all.addAll(List.of("--model", damaged));
    return failed(code, all.toArray(new String[0]));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--hidden -1 | hidden units: expected 0 to 16384, found -1",
        "--dropout 1 | dropout: expected 0.0 to 0.99, found 1.0",
        "--dropout NaN | dropout: expected 0.0 to 0.99, found NaN",
        "--l2 -1 | l2: expected 0.0 to 1000000.0, found -1.0",
        "--learning-rate 0 | learning rate: expected 1.0E-9 to 1.0E30, found 0.0",
        "--batch-size 0 | batch size: expected 1 to 1048576, found 0",
        "--epochs 0 | epochs: expected 1 to 1048576, found 0",
        "--patience 0 | patience: expected 1 to 1048576, found 0",
        "--layer-norm x | layer norm: expected",
        "--class-weights A=-1 | class weights",
        "--cache-limit 0 | --cache-limit: expected GiB above 0, found 0.0",
        "--cache-folder none | --cache-folder: expected a folder, found no folder none",
      })
  void numbersOfFitAreCheckedBeforeItsData(String option, String message) throws IOException {
    List<String> args =
        new ArrayList<>(
            List.of("fit", "--task", "tokens", "--train", text("a X\nb\n"), "--output", file("c")));
    args.addAll(List.of(option.split(" ")));
    String found = fails(2, args.toArray(new String[0]));
    assertTrue(found.startsWith("elmo fit: " + message), found);
  }

  @Test
  void filesOfFitAreLookedForBeforeItsData() throws IOException {
    String train = text("a X\nb\n");
    String none = file("none");
    for (String option : List.of("--dev", "--test")) {
      assertEquals(
          "elmo: " + none + ": no such file or folder",
          fails(
              1, "fit", "--task", "tokens", "--train", train, option, none, "--output", file("c")));
    }
    String message =
        failed(
            1, "fit", "--task", "tokens", "--train", train, "--output", file("c"), "--model", none);
    assertTrue(message.contains(none + ": expected a model's name, folder or file"), message);
    for (String device : List.of("--device=cuda:999", "--device=cpu --precision=fp16")) {
      List<String> args =
          new ArrayList<>(
              List.of("fit", "--task", "tokens", "--train", train, "--output", file("c")));
      args.addAll(List.of(device.split(" ")));
      message = fails(1, args.toArray(new String[0]));
      assertTrue(message.matches("elmo: (device cuda:999|precision fp16): expected.*"), message);
    }
  }

  @Test
  void otherCommandsCheckBeforeTheyLoad() throws IOException {
    String in = text("a bank\n");
    String none = file("none");
    String nowhere = file("no/v");
    assertEquals(
        "elmo: --query: expected one with \"cat\", found \"a dog\"",
        fails(1, "similar", "--input", in, "--word", "cat", "--query", "a dog"));
    assertEquals(
        "elmo: " + none + ": no such file or folder",
        fails(1, "similar", "--input", none, "--query", "a"));
    assertTrue(
        fails(1, "similar", "--input", in, "--query", "a", "--vectors", nowhere)
            .contains(nowhere + ": expected an existing folder"));
    assertTrue(
        fails(1, "similar", "--query", "a", "--vectors", in)
            .contains(in + ": expected a safetensors file"));
    assertTrue(
        fails(1, "plot", "--word", "bank", "--output", file("p.svg"), "No such word.")
            .contains("found it 0 times"));
    assertTrue(
        fails(1, "plot", "--sentence", "", "--output", file("p.svg"))
            .contains("expected 1 to 60 tokens, found 0"));
    assertEquals(
        "elmo: " + none + ": no such file or folder",
        fails(1, "plot", "--word", "bank", "--input", none, "--output", file("p.svg")));
    assertTrue(fails(1, "embed", "--mix", none, "x").contains(none + ": expected"));
    assertTrue(fails(1, "embed", "--mix-weights", "1,NaN,1", "x").contains("found NaN"));
    assertTrue(
        failed(1, "convert", in, file("no/d")).contains(file("no/d") + ": expected an existing"));
    assertTrue(
        failed(1, "bench", "--device", "cpu", "--precision", "fp16")
            .endsWith("precision fp16: expected a CUDA device, found cpu"));
    assertEquals(List.of("in.txt", "model.safetensors"), left());
  }
}
