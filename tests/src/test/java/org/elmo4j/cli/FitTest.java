// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.elmo4j.train.EnglishWebTreebank;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;

/** Tests the commands fit, predict and plot on whole tasks, from the data to the picture. */
class FitTest extends ToolTest {
  @Test
  void tokensFromFileToLabelsAndPicture() throws Exception {
    String train = EnglishWebTreebank.head("dev", 100, folder).toString();
    Result fit =
        run("fit", "--task", "tokens", "--train", train, "--epochs", "4", "--output", file("pos"));
    assertEquals(0, fit.code(), fit.err());
    for (String name : List.of("word_emb", "lstm_outputs2", "even mix", "learned mix", "gamma")) {
      assertTrue(fit.out().contains(name), fit.out());
    }
    assertTrue(fit.err().contains("epoch   4  loss"), fit.err());
    assertEquals(List.of("dev.conllu", "pos"), left());

    Result predict = run("predict", file("pos"), "--tokenized", "The dog .");
    assertEquals(0, predict.code(), predict.err());
    assertEquals("The\tDET\ndog\tNOUN\n.\tPUNCT\n\n", predict.out());

    String mix = folder.resolve("pos").resolve("mix.json").toString();
    Result embed = run("embed", "--mix", mix, "--format", "jsonl", "The dog");
    Result even = run("embed", "--format", "jsonl", "The dog");
    assertEquals(0, embed.code(), embed.err());
    assertFalse(embed.out().equals(even.out()));

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
    assertEquals(0, plot.code(), plot.err());
    Document svg =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(folder.resolve("p.svg").toFile());
    // 3 bars, 4 maps of 6 x 6 squares, 40 squares of the legend, a frame and the background.
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
    assertEquals(0, fit.code(), fit.err());
    assertTrue(
        fit.err().contains("note: labels that the training data lack are scored as wrong: NEW\n"),
        fit.err());
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
    assertEquals(0, fit.code(), fit.err());
    Path input =
        Files.writeString(
            folder.resolve("in.txt"),
            "The ship, and its captain, sailed 99 miles.\n"
                + "The queen wore her crowns in the palace.\n");
    Result predict =
        run("predict", file("c"), "--input", input.toString(), "--output", file("out.tsv"));
    assertEquals(0, predict.code(), predict.err());
    assertTrue(fit.out().contains("is, found as"), fit.out());
    assertTrue(fit.out().matches("(?s).*court +[\\d.]+ +[\\d.]+ +[\\d.]+ +[0-9]+\n.*"), fit.out());
    assertEquals(
        2,
        run("fit", "--task", "sentences", "--head", "crf", "--train", "t", "--output", "o").code());
    assertEquals(
        "sea\tThe ship, and its captain, sailed 99 miles.\n"
            + "court\tThe queen wore her crowns in the palace.\n",
        Files.readString(folder.resolve("out.tsv")));
  }

  private static final String[] PEOPLE = {"Anna Smith", "John Brown", "Mary", "Peter Jones"};
  private static final String[] PLACES = {"London", "New York", "Paris", "San Francisco"};

  /** Returns sentences with names in the columns of CoNLL-2003. */
  private static String names(int sentences, boolean labels) {
    StringBuilder text = new StringBuilder("-DOCSTART- -X-" + (labels ? " O" : "") + "\n\n");
    for (int i = 0; i < sentences; i++) {
      name(text, PEOPLE[i % 4], "PER", labels);
      text.append("went NN").append(labels ? " O\n" : "\n");
      text.append("to NN").append(labels ? " O\n" : "\n");
      name(text, PLACES[i / 4 % 4], "LOC", labels);
      text.append("again NN").append(labels ? " O\n" : "\n");
      text.append("\n");
    }
    return text.toString();
  }

  private static void name(StringBuilder text, String name, String type, boolean labels) {
    String begin = "B-";
    for (String word : name.split(" ")) {
      text.append(word).append(" NN").append(labels ? " " + begin + type : "").append('\n');
      begin = "I-";
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"linear", "crf"})
  void namesFromColumnsToColumns(String head) throws IOException {
    String train = Files.writeString(folder.resolve("names.txt"), names(80, true)).toString();
    String test = Files.writeString(folder.resolve("test.txt"), names(16, true)).toString();
    String[] args = {
      "fit",
      "--task",
      "tokens",
      "--head",
      head,
      "--train",
      train,
      "--test",
      test,
      "--no-comparison",
      "--epochs",
      "20",
      "--output",
      file("ner"),
    };
    Result fit = run(args);
    assertEquals(0, fit.code(), fit.err());
    assertTrue(fit.err().contains("development data is small (8 sentences"), fit.err());
    assertTrue(fit.out().contains("(F1 of spans; development data chose the epoch)"), fit.out());
    List<String> rows = fit.out().lines().map(line -> line.replaceAll(" +", " ")).toList();
    for (String row : List.of("LOC 100.00 100.00 100.00 16", "PER 100.00 100.00 100.00 16")) {
      assertTrue(rows.contains(row), fit.out());
    }
    assertTrue(rows.contains("all 100.00 100.00 100.00 32"), fit.out());
    String json = Files.readString(folder.resolve("ner/model.json"));
    assertTrue(json.contains("\"head\" : \"" + head + "\""), json);
    assertTrue(json.contains("\"scheme\" : \"bio\""), json);

    Result predict = run("predict", file("ner"), "--input", test);
    assertEquals(0, predict.code(), predict.err());
    String wanted = // The predicted column, the last one, equals the labels before it.
        names(16, true)
            .replaceAll("(?m)^(\\S+ NN) (\\S+)$", "$1 $2 $2")
            .replaceAll("(?m)^(-DOCSTART- .*)$", "$1 _");
    assertEquals(wanted, predict.out());

    String plain = text(names(4, false)); // Without labels, the form cannot be detected.
    Result scored =
        run(
            "predict",
            file("ner"),
            "--input-format",
            "conll",
            "--scores",
            "--top",
            "9",
            "--input",
            plain);
    assertEquals(0, scored.code(), scored.err());
    assertEquals("-DOCSTART- -X-" + " _".repeat(12), scored.out().lines().findFirst().get());
    for (String line : scored.out().lines().skip(2).filter(each -> !each.isBlank()).toList()) {
      String[] columns = line.split(" ");
      assertEquals(2 + 2 + 2 * 5, columns.length, line);
      assertEquals(columns[2], columns[4], line);
      assertEquals(columns[3], columns[5], line);
      double sum = 0;
      for (int i = 5; i < columns.length; i += 2) {
        sum += Double.parseDouble(columns[i]);
      }
      assertEquals(1, sum, 5e-4, line);
    }

    Result again = run(args);
    assertEquals(1, again.code());
    assertTrue(again.err().contains("ner: expected --overwrite to replace it"), again.err());
    assertEquals(json, Files.readString(folder.resolve("ner/model.json")));
    String[] over = Arrays.copyOf(args, args.length + 1);
    over[args.length] = "--overwrite";
    assertEquals(0, run(over).code());
  }

  @Test
  void conlluComesBackWithOneMoreColumn() throws IOException {
    String train = EnglishWebTreebank.head("dev", 60, folder).toString();
    assertEquals(
        0,
        run("fit", "--task", "tokens", "--train", train, "--no-comparison", "--output", file("pos"))
            .code());
    String text =
        "# text = I don't\n1\tI\ti\t_\t_\t_\t_\t_\t_\t_\n2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_\n"
            + "2\tdo\t_\t_\t_\t_\t_\t_\t_\t_\n3\tn't\t_\t_\t_\t_\t_\t_\t_\t_\n\n# the end\n";
    Result predict = run("predict", file("pos"), "--input", text(text));
    assertEquals(0, predict.code(), predict.err());
    List<String> lines = predict.out().lines().toList();
    assertEquals("# text = I don't", lines.get(0));
    assertEquals("1\tI\ti\t_\t_\t_\t_\t_\t_\t_\tPRON", lines.get(1));
    assertEquals("2-3\tdon't" + "\t_".repeat(9), lines.get(2));
    assertTrue(lines.get(4).matches("3\tn't(\t_){8}\tPART"), lines.get(4));
    assertEquals(List.of("", "# the end"), lines.subList(5, lines.size()));
    // In running text, a sentence may go on in the next line.
    assertEquals(
        run("predict", file("pos"), "The dog ran.").out(),
        run("predict", file("pos"), "--input", text("The dog\nran.\n")).out());
  }

  @Test
  void failuresSayWhatAndLeaveNothing() throws IOException {
    Path ragged = Files.writeString(folder.resolve("a.txt"), "a B\nc\n");
    Result fit =
        run("fit", "--task", "tokens", "--train", ragged.toString(), "--output", file("x"));
    assertEquals(1, fit.code());
    assertEquals("elmo: " + ragged + ", line 2: expected 2 columns, found 1\n", fit.err());
    Result place =
        run("fit", "--task", "tokens", "--train", ragged.toString(), "--output", file("none/x"));
    assertEquals(1, place.code());
    assertTrue(place.err().contains("expected a place in a folder that exists"), place.err());
    Result few = run("plot", "--word", "bank", "--output", file("p.svg"), "No such word.");
    assertEquals(1, few.code());
    assertTrue(few.err().contains("found it 0 times"), few.err());
    assertEquals(2, run("plot", "--output", file("p.svg")).code());
    assertEquals(2, run("plot", "--mix", "m", "--output", file("p.png")).code());
    assertEquals(2, run("embed", "--mix", "m", "--layers", "top", "x").code());
    assertEquals(1, run("predict", file("none"), "x").code());
    assertEquals(List.of("a.txt"), left());
  }

  /** The points lie near a line: they vary far more along it than across it. */
  @Test
  void pcaFindsTheDirectionsOfMostVariance() {
    double[][] vectors = new double[8][];
    for (int i = 0; i < 8; i++) {
      double along = i - 3.5;
      double beside = i % 4 == 0 || i % 4 == 3 ? 0.1 : -0.1; // uncorrelated with `along`
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
