// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.elmo4j.cli.EmbedCommandTest.shape;
import static org.elmo4j.cli.EmbedCommandTest.wanted;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests two formats of {@code elmo embed}: word2vec text, and HDF5 with sentences as keys. */
class EmbedFormatsTest extends ToolTest {
  @ParameterizedTest
  @ValueSource(strings = {"elmo", "word_emb", "top"})
  void word2vecHasTheMeanOfEachWordsUses(String layers) throws IOException {
    done(
        embed(
            GOLDEN,
            "--input",
            sentences(GOLDEN),
            "--output",
            file("out.vec"),
            "--format",
            "word2vec",
            "--layers",
            layers));
    Map<String, double[]> sums = new LinkedHashMap<>();
    Map<String, Integer> uses = new LinkedHashMap<>();
    int dim = 0;
    for (int i = 0; i < GOLDEN.sentences().size(); i++) {
      float[] values = wanted(layers, i);
      List<String> tokens = GOLDEN.sentences().get(i);
      dim = shape(layers, i)[1];
      for (int t = 0; t < tokens.size(); t++) {
        uses.merge(tokens.get(t), 1, Integer::sum);
        double[] sum =
            sums.computeIfAbsent(tokens.get(t), key -> new double[values.length / tokens.size()]);
        for (int n = 0; n < dim; n++) {
          sum[n] += values[t * dim + n];
        }
      }
    }
    assertTrue(uses.values().stream().anyMatch(n -> n > 1), uses::toString);
    List<String> order = new ArrayList<>(sums.keySet());
    order.sort(Comparator.comparingInt(token -> -uses.get(token)));
    List<String> lines = Files.readAllLines(folder.resolve("out.vec"));
    assertEquals(sums.size() + " " + dim, lines.get(0));
    assertEquals(sums.size() + 1, lines.size());
    for (int w = 0; w < order.size(); w++) {
      String[] columns = lines.get(w + 1).split(" ");
      assertEquals(order.get(w), columns[0]);
      assertEquals(dim + 1, columns.length);
      float[] wanted = new float[dim];
      float[] found = new float[dim];
      for (int n = 0; n < dim; n++) {
        wanted[n] = (float) (sums.get(columns[0])[n] / uses.get(columns[0]));
        found[n] = Float.parseFloat(columns[n + 1]);
      }
      assertClose(columns[0], wanted, found);
    }
  }

  @Test
  void word2vecOfManyWordsAndOfNone() throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 5000; i++) {
      text.append("w").append(i).append(i % 10 == 9 ? "\n" : " ");
    }
    String[] more = {"--format", "word2vec", "--layers", "word_emb", "--output", file("out.vec")};
    done(
        embed(
            GOLDEN,
            Stream.concat(Stream.of("--input", text(text + "W7 w7 w4999\n")), Stream.of(more))
                .toArray(String[]::new)));
    List<String> lines = Files.readAllLines(folder.resolve("out.vec"));
    assertEquals("5001 " + shape("word_emb", 0)[1], lines.get(0));
    assertEquals(
        List.of("w7", "w4999", "w0", "w1"),
        lines.subList(1, 5).stream().map(line -> line.split(" ")[0]).toList());
    assertTrue(lines.get(5001).startsWith("W7 "));
    done(
        embed(
            GOLDEN,
            Stream.concat(Stream.of("--input", text("")), Stream.of(more)).toArray(String[]::new)));
    assertEquals("0 0\n", Files.readString(folder.resolve("out.vec")));
    text("a b\tc\n");
    String wrong =
        failed(
            1,
            embed(
                GOLDEN,
                Stream.concat(
                        Stream.of("--input", file("in.txt"), "--input-format", "tabs"),
                        Stream.of(more))
                    .toArray(String[]::new)));
    assertTrue(wrong.contains("sentence 0: expected tokens without white space"), wrong);
    for (String layers : List.of("all", "default")) {
      failed(2, embed(GOLDEN, "--format", "word2vec", "--output", "-", "--layers", layers, "a"));
    }
    failed(2, embed(GOLDEN, "--format", "word2vec", "--output", "-", "--output-layer", "-2", "a"));
    failed(2, embed(GOLDEN, "--format", "word2vec", "a"));
  }

  @Test
  void sentencesAreKeysWhereThatIsAskedFor() throws IOException {
    List<String> lines = Files.readAllLines(Path.of(sentences(GOLDEN)));
    String input = text(lines.get(0) + "\n  " + lines.get(1) + " \n");
    String[] args = {
      "--input", input, "--output", file("out.hdf5"), "--layers", "all", "--use-sentence-keys"
    };
    done(embed(GOLDEN, args));
    try (HdfFile hdf = new HdfFile(folder.resolve("out.hdf5"))) {
      assertEquals(Set.of(lines.get(0).strip(), lines.get(1).strip()), hdf.getChildren().keySet());
      for (int i = 0; i < 2; i++) {
        Dataset dataset = (Dataset) hdf.getChild(lines.get(i).strip());
        assertArrayEquals(shape("all", i), dataset.getDimensions());
        assertClose(lines.get(i), wanted("all", i), flat(dataset.getData()));
      }
    }
    text("a b\nc\na b\n");
    String wrong = failed(1, embed(GOLDEN, args));
    assertTrue(wrong.contains("sentence 2: expected another text than all before it"), wrong);
    text("1/2 cup\n");
    wrong = failed(1, embed(GOLDEN, args));
    assertTrue(wrong.contains("sentence 0: expected a text that can be a key"), wrong);
    failed(2, embed(GOLDEN, "--use-sentence-keys", "--format", "jsonl", "a"));
  }
}
