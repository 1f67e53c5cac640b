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
import org.elmo4j.internal.backend.cpu.CpuBackend;
import org.junit.jupiter.api.Test;
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
