// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.elmo4j.ElmoModel;
import org.elmo4j.oracle.GoldenCase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests that {@code elmo bench} reports all its figures and that they are consistent, not how fast
 * the library is.
 */
class BenchCommandTest {
  @TempDir Path folder;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    return Main.run(InputStream.nullInputStream(), out, err, args);
  }

  private String errors() {
    return err.toString(StandardCharsets.UTF_8);
  }

  @Test
  void figuresAreThereAndFitTogether() throws Exception {
    Path text = Files.writeString(folder.resolve("text.txt"), "The cat sat. The cat sat again.\n");
    assertEquals(
        0,
        run("bench", "--model", "mini-en", "--runs", "1", "--json", "--text", text.toString()),
        this::errors);
    JsonNode json = new ObjectMapper().readTree(out.toString(StandardCharsets.UTF_8));
    assertEquals(2, json.get("sentences").asInt());
    assertEquals(9, json.get("tokens").asInt());
    // 13 words with boundaries, 7 of them different, whether or not both sentences ran in one
    // batch.
    assertEquals(6 / 13.0, json.get("words_reused_share").asDouble(), 1e-12);
    for (String key :
        new String[] {
          "tokens_per_second",
          "sentences_per_second",
          "warm_tokens_per_second",
          "tokens_per_second_calls_of_16",
          "tokens_per_second_16_callers",
          "latency_p50_seconds",
          "load_seconds",
          "peak_workspace_bytes",
          "sgemm_flops",
          "memory_read_bytes_per_second",
          "lstm_flops"
        }) {
      assertTrue(json.get(key).asDouble() > 0, () -> key + " in " + json);
    }
    double seconds = 9 / json.get("tokens_per_second").asDouble();
    assertEquals(2 / seconds, json.get("sentences_per_second").asDouble(), 1e-6 / seconds);
    assertEquals(
        json.get("lstm_flops").asDouble() / json.get("sgemm_flops").asDouble(),
        json.get("lstm_share_of_sgemm").asDouble(),
        1e-9);
    // Of 9 tokens and 2 sentences each direction of mini-en's two layers takes 11 steps.
    double products;
    try (ElmoModel model = ElmoModel.miniEnglish()) {
      products = 9.0 * model.options().projectionDim() * model.options().lstmDim();
    }
    assertEquals(
        2 * 2 * 2 * products * 11 / 9 * json.get("warm_tokens_per_second").asDouble(),
        json.get("lstm_flops").asDouble(),
        1e-6 * json.get("lstm_flops").asDouble());
    assertTrue(
        json.get("latency_p50_seconds").asDouble() <= json.get("latency_p99_seconds").asDouble());
  }

  /**
   * The text has a million words. It has the built-in sentences in random order, with some words
   * replaced by new ones.
   */
  @Test
  void theTextForAGpuIsMadeOfTheBoxs() throws Exception {
    List<List<String>> box = BenchText.box();
    List<List<String>> text = BenchText.lengthened(box, BenchText.GPU_WORDS);
    assertEquals(text, BenchText.lengthened(BenchText.box(), BenchText.GPU_WORDS));
    long words = text.stream().mapToLong(List::size).sum();
    assertTrue(words >= 1_000_000 && words < 1_000_400, () -> words + " words");
    double length = (double) box.stream().mapToLong(List::size).sum() / box.size();
    assertEquals(length, (double) words / text.size(), length / 50);
    long different = text.stream().flatMap(List::stream).distinct().count();
    assertTrue(different > 30_000 && different < 60_000, () -> different + " different words");
    assertTrue(text.stream().flatMap(List::stream).noneMatch(String::isBlank));
  }

  @Test
  void wrongUsageIsSaid() throws Exception {
    assertEquals(2, run("bench", "--size", "small", "--model", "mini-en"));
    assertEquals(2, run("bench", "--runs", "0"));
    Path empty = Files.writeString(folder.resolve("empty.txt"), "\n");
    assertEquals(1, run("bench", "--text", empty.toString()));
    assertTrue(errors().contains(empty + ": expected English text, found no sentence"), errors());
  }

  @Test
  void anOptionsFileGoesWithAModelAndBfloat16IsHeldAgainstFp32() throws Exception {
    Path golden = GoldenCase.named("relu-skip").folder();
    Path text = Files.writeString(folder.resolve("text.txt"), "The cat sat.\n");
    String weights = golden.resolve("weights.hdf5").toString();
    assertEquals(
        0,
        run(
            "bench",
            "--model",
            weights,
            "--options-file",
            golden.resolve("options.json").toString(),
            "--threads",
            "1",
            "--runs",
            "1",
            "--precision",
            "bf16",
            "--json",
            "--text",
            text.toString()),
        this::errors);
    JsonNode json = new ObjectMapper().readTree(out.toString(StandardCharsets.UTF_8));
    assertEquals(weights, json.get("model").asText());
    double cosine = json.get("worst_cosine_to_fp32").asDouble();
    assertTrue(cosine >= 0.9999 && cosine < 1, () -> json.toString());
  }
}
