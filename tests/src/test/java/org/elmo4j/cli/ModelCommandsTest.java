// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jhdf.HdfFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.elmo4j.ChildJvm;
import org.elmo4j.internal.backend.cpu.CpuBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests the commands that describe and create models: info, convert and random-model. */
class ModelCommandsTest extends ToolTest {
  @Test
  void infoTellsTheStructureOfAModel() {
    String out = done("info").out();
    assertEquals(out, done("info", "mini-en").out());
    assertTrue(out.contains("2 layers of 512 cells, with skip connections"), out);
    assertTrue(out.lines().anyMatch(line -> line.matches("elmo +256 values a token")), out);
    assertTrue(out.lines().anyMatch(line -> line.matches("word_emb +128 values a token")), out);
    String devices = done("info", "--devices").out();
    assertTrue(
        devices.lines().anyMatch(line -> line.matches("cpu +" + CpuBackend.describe() + ",.*")));
    assertTrue(devices.lines().anyMatch(line -> line.startsWith("cuda")), devices);
  }

  @Test
  void aRandomModelOfAPublishedSizeIsTheSameForTheSameSeed() throws IOException {
    done("random-model", "--size", "small", "--seed", "7", file("a/b"));
    done("random-model", "--size", "small", "--seed", "7", file("c"));
    done("random-model", "--size", "small", "--seed", "8", file("d"));
    Path a = folder.resolve("a/b/model.safetensors");
    assertEquals(-1, Files.mismatch(a, folder.resolve("c/model.safetensors")));
    // The weights differ too, not only the seed in the header.
    byte[] other = Files.readAllBytes(folder.resolve("d/model.safetensors"));
    byte[] last = Arrays.copyOfRange(other, other.length - 1000, other.length);
    byte[] first = Files.readAllBytes(a);
    assertFalse(Arrays.equals(last, Arrays.copyOfRange(first, first.length - 1000, first.length)));
    String info = done("info", file("a/b")).out();
    assertTrue(info.lines().anyMatch(line -> line.matches("parameters +13,[0-9,]{7}")), info);
    assertEquals(4, done("embed", "--model", file("c"), "I love NLP").out().lines().count());
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void aRandomModelThatDoesNotFitLeavesNothing() throws Exception {
    for (String place : List.of("new", "a/b/new")) {
      // A limit on the size of files acts like a full disk.
      ChildJvm.Ended ended =
          new ChildJvm(Main.class, "random-model", file(place))
              .sharedCache()
              .shell("ulimit -f 64; exec \"$@\"")
              .run();
      assertEquals(1, ended.code(), ended::toString);
      String model = folder.resolve(place).resolve("model.safetensors").toString();
      assertEquals(
          List.of("elmo: " + model + ": expected a place to write to, found \"File too large\""),
          ended.err());
      assertEquals(List.of(), left());
    }
    assertTrue(failed(1, "random-model", text("a") + "/x").contains("in.txt/x: expected a folder"));
    assertEquals(List.of("in.txt"), left());
  }

  @Test
  void otherCommandsThatFailLeaveNothingEither() throws IOException {
    String train = text("a X\nb\n");
    failed(1, "fit", "--task", "tokens", "--train", train, "--output", file("c"));
    failed(1, "convert", "--dtype", "fp16", file("none"), file("d"));
    failed(1, "convert", "mini-en", file("no/d"));
    failed(1, "plot", "--word", "bank", "--output", file("p.svg"), "No such word.");
    failed(1, "embed", "--model", file("none"), "--output", file("e.npz"), "x");
    assertEquals(List.of("in.txt"), left());
  }

  @ParameterizedTest
  @CsvSource({"fp32,0", "fp16,2e-2", "bf16,2e-1"})
  void aConvertedModelGivesTheSameUpToItsRounding(String dtype, double tolerance)
      throws IOException {
    Path model = folder.resolve("model.safetensors");
    Path source = Files.createDirectory(folder.resolve("source"));
    for (String name : List.of("options.json", "weights.hdf5")) {
      Files.copy(GOLDEN.folder().resolve(name), source.resolve(name));
    }
    done("convert", "--dtype", dtype, source.toString(), model.toString());
    String input = sentences(GOLDEN);
    done(embed(GOLDEN, "--input", input, "--output", file("a.h5")));
    done(
        "embed",
        "--model",
        model.toString(),
        "--tokenized",
        "--input",
        input,
        "--output",
        file("b.h5"));
    try (HdfFile a = new HdfFile(folder.resolve("a.h5"));
        HdfFile b = new HdfFile(folder.resolve("b.h5"))) {
      for (int i = 0; i < GOLDEN.sentences().size(); i++) {
        assertArrayEquals(
            flat(a.getDatasetByPath("" + i).getData()),
            flat(b.getDatasetByPath("" + i).getData()),
            (float) tolerance);
      }
    }
  }
}
