// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.elmo4j.train.EnglishWebTreebank;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;

/** The commands fit, predict and plot, from data to picture. */
class FitTest {
  @TempDir Path folder;

  private record Result(int code, String out, String err) {}

  private static Result run(String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int code = Main.run(InputStream.nullInputStream(), out, err, args);
    return new Result(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  private String file(String name) {
    return folder.resolve(name).toString();
  }

  private List<String> left() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void tokensFromFileToLabelsAndPicture() throws Exception {
    String train = EnglishWebTreebank.head("dev", 100, folder).toString();
    Result fit =
        run("fit", "--task", "tokens", "--train", train, "--epochs", "4", "--output", file("pos"));
    assertEquals(0, fit.code, fit.err);
    for (String name : List.of("word_emb", "lstm_outputs2", "even mix", "learned mix", "gamma")) {
      assertTrue(fit.out.contains(name), fit.out);
    }
    assertTrue(fit.err.contains("epoch   4  loss"), fit.err);
    assertEquals(List.of("dev.conllu", "pos"), left());

    Result predict = run("predict", file("pos"), "--tokenized", "The dog .");
    assertEquals(0, predict.code, predict.err);
    assertEquals("The\tDET\ndog\tNOUN\n.\tPUNCT\n\n", predict.out);

    String mix = folder.resolve("pos").resolve("mix.json").toString();
    Result embed = run("embed", "--mix", mix, "--format", "jsonl", "The dog");
    Result even = run("embed", "--format", "jsonl", "The dog");
    assertEquals(0, embed.code, embed.err);
    assertFalse(embed.out.equals(even.out));

    Result plot =
        run(
            "plot",
            "--mix",
            mix,
            "--sentence",
            "Time & <money> flies",
            "--word",
            "bank",
            "--output",
            file("p.svg"),
            "The bank of the river.",
            "A bank lent money.");
    assertEquals(0, plot.code, plot.err);
    Document svg =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(folder.resolve("p.svg").toFile());
    // 3 bars, 4 maps of 6 x 6 squares, 40 of the legend, a frame, the background.
    int tokens = 6;
    assertEquals(
        3 + 4 * tokens * tokens + 40 + 1 + 1, svg.getElementsByTagName("rect").getLength());
    assertEquals(4, svg.getElementsByTagName("circle").getLength());
    assertFalse(Files.readString(folder.resolve("p.svg")).contains("href"));
  }

  @Test
  void labelsThatTrainingLacksAreNoted() throws IOException {
    Path train = Files.writeString(folder.resolve("train.conll"), "a O\nb X\n\nc O\nd X\n\n");
    Path test = Files.writeString(folder.resolve("test.conll"), "a O\nb NEW\n\n");
    Result fit =
        run(
            "fit",
            "--task",
            "tokens",
            "--train",
            train.toString(),
            "--test",
            test.toString(),
            "--output",
            file("c"),
            "--epochs",
            "2",
            "--no-comparison");
    assertEquals(0, fit.code, fit.err);
    assertTrue(
        fit.err.contains("note: labels that the training data lack are scored as wrong: NEW\n"),
        fit.err);
  }

  @Test
  void sentencesFromFileToLabels() throws IOException {
    StringBuilder text = new StringBuilder("label,text\n");
    for (int i = 0; i < 20; i++) {
      text.append("sea,\"The ship, and its captain, sailed ").append(i).append(" miles.\"\n");
      text.append("court,The queen wore her ").append(i).append(" crowns in the palace.\n");
    }
    Path train = Files.writeString(folder.resolve("t.csv"), text);
    Result fit =
        run(
            "fit",
            "--task",
            "sentences",
            "--train",
            train.toString(),
            "--output",
            file("c"),
            "--hidden",
            "8",
            "--layer-norm",
            "bilm-tf",
            "--no-comparison");
    assertEquals(0, fit.code, fit.err);
    Path input =
        Files.writeString(
            folder.resolve("in.txt"),
            "The ship, and its captain, sailed 99 miles.\n"
                + "The queen wore her crowns in the palace.\n");
    Result predict =
        run("predict", file("c"), "--input", input.toString(), "--output", file("out.tsv"));
    assertEquals(0, predict.code, predict.err);
    assertEquals(
        "sea\tThe ship, and its captain, sailed 99 miles.\n"
            + "court\tThe queen wore her crowns in the palace.\n",
        Files.readString(folder.resolve("out.tsv")));
  }

  @Test
  void failuresSayWhatAndLeaveNothing() throws IOException {
    Path ragged = Files.writeString(folder.resolve("a.txt"), "a B\nc\n");
    Result fit =
        run("fit", "--task", "tokens", "--train", ragged.toString(), "--output", file("x"));
    assertEquals(1, fit.code);
    assertEquals("elmo: " + ragged + ", line 2: expected 2 columns, found 1\n", fit.err);
    Result place =
        run("fit", "--task", "tokens", "--train", ragged.toString(), "--output", file("none/x"));
    assertEquals(1, place.code);
    assertTrue(place.err.contains("expected a place in a folder that exists"), place.err);
    Result few = run("plot", "--word", "bank", "--output", file("p.svg"), "No such word.");
    assertEquals(1, few.code);
    assertTrue(few.err.contains("found it 0 times"), few.err);
    assertEquals(2, run("plot", "--output", file("p.svg")).code);
    assertEquals(2, run("plot", "--mix", "m", "--output", file("p.png")).code);
    assertEquals(2, run("embed", "--mix", "m", "--layers", "top", "x").code);
    assertEquals(1, run("predict", file("none"), "x").code);
    assertEquals(List.of("a.txt"), left());
  }

  /** Points on a line, far more spread along it than beside it. */
  @Test
  void pcaFindsTheDirectionsOfMostVariance() {
    double[][] vectors = new double[8][];
    for (int i = 0; i < 8; i++) {
      double along = i - 3.5;
      double beside = i % 4 == 0 || i % 4 == 3 ? 0.1 : -0.1; // at right angles to `along`
      vectors[i] = new double[] {3 * along + 7, 4 * along - 2, beside, 5};
    }
    double[] shares = new double[2];
    double[][] points = Pca.plane(vectors, shares);
    for (int i = 0; i < 8; i++) {
      assertEquals(Math.abs(5 * (i - 3.5)), Math.abs(points[i][0]), 0.01);
      assertEquals(0.1, Math.abs(points[i][1]), 0.01);
    }
    assertTrue(points[0][0] > 0 && points[7][0] < 0);
    assertEquals(1, shares[0] + shares[1], 1e-9);
    assertArrayEquals(
        new double[][] {{0, 0}, {0, 0}}, Pca.plane(new double[][] {{1, 2}, {1, 2}}, shares));
  }
}
