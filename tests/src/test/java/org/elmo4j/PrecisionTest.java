// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Compares the results of bfloat16 weights with those of 32-bit weights on every instruction set.
 * {@link Int8Test} has the tests of 8-bit weights alone.
 */
class PrecisionTest {
  private static final Layer[] LAYERS = {
    Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2), Layer.ELMO, Layer.DEFAULT
  };

  private static ElmoModel miniEnglish(Precision precision) {
    return ElmoModel.builder()
        .miniEnglish()
        .device(Device.cpu())
        .precision(precision)
        .threads(2)
        .load();
  }

  private static List<List<String>> sentences() {
    Path file =
        Path.of(System.getProperty("elmo4j.root"), "tests", "golden", "mini-en", "sentences.txt");
    try {
      return Files.readAllLines(file).stream().map(line -> List.of(line.split(" "))).toList();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @MethodSource("org.elmo4j.Isa#all")
  void everyTokenPointsWhereItDoesInFp32(String isa) {
    Isa.with(
        isa,
        () -> {
          List<List<String>> sentences = sentences();
          try (ElmoModel fp32 = miniEnglish(Precision.FP32);
              ElmoModel bf16 = miniEnglish(Precision.BF16);
              Embeddings wanted = fp32.embed(sentences, LAYERS);
              Embeddings got = bf16.embed(sentences, LAYERS)) {
            assertTrue(
                bf16.weightBytes() < 0.75 * fp32.weightBytes(),
                bf16.weightBytes() + " bytes against " + fp32.weightBytes());
            for (Layer layer : List.of(Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2), Layer.ELMO)) {
              for (int s = 0; s < sentences.size(); s++) {
                for (int t = 0; t < wanted.length(s); t++) {
                  double cosine =
                      Expected.cosine(
                          wanted.get(layer, s).slice(t).toArray(),
                          got.get(layer, s).slice(t).toArray());
                  assertTrue(
                      cosine >= 0.9999,
                      layer + " of sentence " + s + " token " + t + ": cosine " + cosine);
                }
              }
            }
          }
        });
  }

  @ParameterizedTest
  @MethodSource("org.elmo4j.Isa#all")
  void batchesOfAnySizeGiveTheSameBits(String isa) {
    Isa.with(
        isa,
        () -> {
          for (Precision rounded : List.of(Precision.BF16, Precision.INT8)) {
            try (ElmoModel model = miniEnglish(rounded)) {
              Expected.assertSameBitsInAnyBatch(model, LAYERS, 1, 7, 17, 40);
            }
          }
        });
  }

  @Test
  void namesAreReadInAnyCase() {
    assertEquals(Precision.BF16, Precision.parse("BF16"));
    assertEquals(Precision.FP32, Precision.parse("fp32"));
    assertEquals(Precision.FP16, Precision.parse("fp16"));
    assertThrows(ElmoException.class, () -> Precision.parse("fp8"));
  }
}
