// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Expected;
import org.elmo4j.Layer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Compares the results of {@code elmo similar} with cosines of the same vectors in double
 * precision.
 */
class SimilarTest extends ToolTest {
  private static final String CORPUS =
      "the bank of the river\n\nthe queen wore a crown\nhe took money to the bank\n"
          + "a fish swam\nthe bank lent him money\nthe queen wore a crown\n";

  private static List<JsonNode> hits(Result result) throws IOException {
    List<JsonNode> hits = new ArrayList<>();
    for (String line : result.out().lines().toList()) {
      hits.add(new ObjectMapper().readTree(line));
    }
    return hits;
  }

  private static double[] pooled(float[] rows, int dim, String pool) {
    double[] vector = new double[dim];
    for (int i = 0; i < rows.length; i++) {
      int c = i % dim;
      vector[c] =
          switch (pool) {
            case "mean" -> vector[c] + rows[i];
            case "max" -> i < dim ? rows[i] : Math.max(vector[c], rows[i]);
            default -> i < dim ? rows[i] : vector[c];
          };
    }
    return vector;
  }

  @ParameterizedTest
  @ValueSource(strings = {"mean", "max", "first"})
  void sentencesComeInTheOrderOfTheirCosines(String pool) throws IOException {
    String query = "a queen and a crown";
    List<List<String>> sentences = new ArrayList<>();
    CORPUS.lines().forEach(line -> sentences.add(List.of(line.split(" "))));
    sentences.add(List.of(query.split(" ")));
    List<double[]> vectors = new ArrayList<>();
    try (ElmoModel model = ElmoModel.miniEnglish();
        Embeddings embeddings = model.embed(sentences, Layer.lstm(1))) {
      for (int s = 0; s < sentences.size(); s++) {
        float[] rows = embeddings.get(Layer.lstm(1), s).toArray();
        vectors.add(pooled(rows, model.dim(Layer.lstm(1)), pool));
      }
    }
    double[] wanted = vectors.get(vectors.size() - 1);
    List<Integer> order = new ArrayList<>(List.of(0, 2, 3, 4, 5, 6)); // Sentence 1 has no tokens.
    order.sort(Comparator.comparingDouble(s -> -Expected.cosine(vectors.get(s), wanted)));
    List<JsonNode> hits =
        hits(
            done(
                "similar",
                "--tokenized",
                "--input",
                text(CORPUS),
                "--layer",
                "lstm_outputs1",
                "--pool",
                pool,
                "--format",
                "jsonl",
                "--query",
                query));
    assertEquals(6, hits.size());
    for (int i = 0; i < 6; i++) {
      int s = order.get(i);
      assertEquals(s, hits.get(i).get("sentence").asInt());
      assertEquals(
          Expected.cosine(vectors.get(s), wanted), hits.get(i).get("cosine").asDouble(), 1e-5);
      assertEquals(String.join(" ", sentences.get(s)), hits.get(i).get("text").asText());
    }
  }

  @Test
  void usesOfAWordAreComparedWithTheQuerys() throws IOException {
    String[] args = {
      "similar",
      "--tokenized",
      "--input",
      text(CORPUS),
      "--word",
      "BANK",
      "--format",
      "jsonl",
      "--top",
      "2",
      "--query",
      "the bank lent him money",
      "--query",
      "the bank of the river",
    };
    List<JsonNode> hits = hits(done(args));
    assertEquals(4, hits.size());
    assertEquals(5, hits.get(0).get("sentence").asInt());
    assertEquals(1, hits.get(0).get("cosine").asDouble(), 1e-5);
    assertEquals(1, hits.get(0).get("token").asInt());
    assertEquals(0, hits.get(2).get("sentence").asInt());
    assertEquals("the bank of the river", hits.get(2).get("query").asText());
  }

  @Test
  void aTableAndOneLineOfWhatIsWrong() throws IOException {
    String in = text(CORPUS);
    String out =
        done("similar", "--tokenized", "--input", in, "--top", "1", "--query", "a fish swam").out();
    assertEquals("cosine  sentence  nearest to: a fish swam\n1.0000         5  a fish swam\n", out);
    String message = failed(1, "similar", "--input", in, "--word", "cat", "--query", "a cat sat");
    assertTrue(message.contains("expected \"cat\" in the text, found it nowhere"), message);
    message = failed(1, "similar", "--input", in, "--word", "cat", "--query", "a dog");
    assertTrue(message.contains("expected one with \"cat\", found \"a dog\""), message);
    assertTrue(failed(1, "similar", "--query", "x").contains("found none"));
    failed(2, "similar", "--input", in);
    failed(2, "similar", "--input", in, "--query", "x", "--layer", "default");
    failed(2, "similar", "--input", in, "--query", "x", "--top", "0");
  }

  private String[] vectors(String... more) {
    List<String> args =
        new ArrayList<>(
            List.of("similar", "--tokenized", "--format", "jsonl", "--vectors", file("v")));
    args.addAll(List.of(more));
    return args.toArray(new String[0]);
  }

  @Test
  void vectorsAreMadeOnceAndGiveTheSameWithoutTheText() throws IOException {
    String in = text(CORPUS);
    String query = "the queen wore a crown";
    String first = done(vectors("--input", in, "--query", query)).out();
    byte[] made = Files.readAllBytes(folder.resolve("v"));
    FileTime time = Files.getLastModifiedTime(folder.resolve("v"));
    assertEquals(
        first,
        done("similar", "--tokenized", "--format", "jsonl", "--input", in, "--query", query).out());
    assertEquals(first, done(vectors("--input", in, "--query", query)).out());
    Files.delete(Path.of(in));
    assertEquals(first, done(vectors("--query", query)).out());
    assertEquals(first, done(vectors("--query", query, "--threads", "1")).out());
    assertArrayEquals(made, Files.readAllBytes(folder.resolve("v")));
    assertEquals(time, Files.getLastModifiedTime(folder.resolve("v")));
    assertEquals(List.of("v"), left());
  }

  @Test
  void vectorsOfSomethingElseAreRefusedInOneSentence() throws IOException {
    String in = text(CORPUS);
    String model = GOLDEN.folder().toString();
    done(vectors("--input", in, "--query", "a fish swam"));
    String v = file("v");
    String wrong = failed(1, vectors("--query", "a", "--layer", "lstm_outputs1"));
    assertEquals("elmo: " + v + ": expected vectors of the layer lstm_outputs1, found elmo", wrong);
    wrong = failed(1, vectors("--query", "a", "--pool", "max"));
    assertEquals(
        "elmo: " + v + ": expected vectors of sentences by max, found sentences by mean", wrong);
    wrong = failed(1, vectors("--query", "a", "--word", "a"));
    assertTrue(wrong.endsWith("expected vectors of uses of \"a\", found sentences by mean"), wrong);
    wrong = failed(1, vectors("--query", "a", "--model", model));
    assertTrue(wrong.matches(".*of the model \\w{12}\\.\\.\\., found \\w{12}\\.\\.\\."), wrong);
    text(CORPUS + "One more .\n");
    wrong = failed(1, vectors("--input", in, "--query", "a"));
    assertTrue(wrong.contains("expected vectors of the text "), wrong);
    text(CORPUS);
    wrong = failed(1, "similar", "--vectors", v, "--input", in, "--query", "a");
    // The vectors were made from the text read in another form.
    assertTrue(wrong.contains("the text"), wrong);
    Files.writeString(folder.resolve("v"), "no vectors");
    assertTrue(failed(1, vectors("--query", "a")).contains(v + ": expected a safetensors file"));
    Files.delete(folder.resolve("v"));
    wrong = failed(2, vectors("--query", "a"));
    assertTrue(wrong.contains("--vectors: expected a file, or --input to make it from"), wrong);
    failed(2, vectors("--input", in, "--query", "a", "--word", "a", "--pool", "max"));
    assertTrue(
        failed(1, vectors("--input", folder.toString(), "--query", "a")).contains("regular file"));
    String nowhere = folder.resolve("no/v").toString();
    wrong = failed(1, "similar", "--vectors", nowhere, "--input", in, "--query", "a b");
    assertTrue(wrong.contains(nowhere + ": expected an existing folder"), wrong);
    assertEquals(List.of("in.txt"), left());
  }

  @Test
  void runningTextAndStandardInputAreReadSentenceBySentence() throws IOException {
    String text = "She sat by the river. He went home!\n\nThe bank paid him.\n";
    String[] args = {"similar", "--format", "jsonl", "--query", "The bank paid him."};
    Result piped = piped(text, args);
    assertEquals(0, piped.code(), piped.err());
    List<JsonNode> hits = hits(piped);
    assertEquals(3, hits.size());
    assertEquals(2, hits.get(0).get("sentence").asInt());
    assertEquals("The bank paid him .", hits.get(0).get("text").asText());
    List<String> more = new ArrayList<>(List.of(args));
    more.addAll(List.of("--input", text(text), "--vectors", file("v")));
    assertEquals(piped.out(), done(more.toArray(new String[0])).out());
  }
}
