// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tests tables and JSON lines: fit reads them, and predict returns its input in the same form with
 * the predictions added.
 */
class PredictRecordsTest extends ToolTest {
  private static final String[] SEA = {"The ship, and its captain, sailed far.", "sea"};
  private static final String[] COURT = {"The queen wore a \"crown\" in the palace.", "court"};

  /** Returns a record as a line of this form. */
  private static String line(String form, int id, String text, String label) {
    return switch (form) {
      case "csv" ->
          id
              + ",\""
              + text.replace("\"", "\"\"")
              + "\""
              + (label == null ? "" : "," + label)
              + "\n";
      case "tsv" -> id + "\t" + text + (label == null ? "" : "\t" + label) + "\n";
      default ->
          "{\"id\": "
              + id
              + ".50, \"text\": \""
              + text.replace("\"", "\\\"")
              + "\""
              + (label == null ? "" : ", \"label\": \"" + label + "\"")
              + " }\n";
    };
  }

  private static String header(String form, boolean label) {
    return switch (form) {
      case "csv" -> "id,text" + (label ? ",label" : "") + "\n";
      case "tsv" -> "id\ttext" + (label ? "\tlabel" : "") + "\n";
      default -> "";
    };
  }

  private String write(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text).toString();
  }

  private static String[] with(String[] args, String... more) {
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(List.of(more));
    return all.toArray(new String[0]);
  }

  private void fit(String... more) {
    List<String> args = new ArrayList<>(List.of("fit", "--no-comparison", "--epochs", "12"));
    args.addAll(List.of("--output", file("c")));
    args.addAll(List.of(more));
    Result result = run(args.toArray(new String[0]));
    assertEquals(0, result.code(), result.err());
    assertTrue(result.err().matches("(?s).*layers take 0\\.0[01] GiB in \\S+, which has .*"));
  }

  private String sentences(String form, String header) throws IOException {
    StringBuilder text = new StringBuilder(header);
    for (int i = 0; i < 20; i++) {
      text.append(line(form, i, SEA[0], SEA[1])).append(line(form, i, COURT[0], COURT[1]));
    }
    return write("train." + form, text.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"csv", "tsv", "jsonl"})
  void sentencesComeBackInTheirForm(String form) throws IOException {
    fit("--task", "sentences", "--train", sentences(form, header(form, true)));
    String in =
        header(form, false) + line(form, 7, COURT[0], null) + "\n" + line(form, 8, SEA[0], null);
    Result plain = run("predict", file("c"), "--input", write("in", in));
    assertEquals(0, plain.code(), plain.err());
    String wanted =
        switch (form) {
          case "csv" ->
              "id,text,predicted\n7,\"The queen wore a \"\"crown\"\" in the palace.\",court\n"
                  + "8,\"The ship, and its captain, sailed far.\",sea\n";
          case "tsv" -> "id\ttext\tpredicted\n7\t" + COURT[0] + "\tcourt\n8\t" + SEA[0] + "\tsea\n";
          default ->
              "{\"id\": 7.50, \"text\": \"The queen wore a \\\"crown\\\" in the palace.\","
                  + " \"predicted\": \"court\"}\n"
                  + "{\"id\": 8.50, \"text\": \""
                  + SEA[0]
                  + "\", \"predicted\": \"sea\"}\n";
        };
    assertEquals(wanted, plain.out());
    assertEquals(wanted, piped(in, "predict", file("c")).out());
    // Sentences given as arguments are not records, and neither is a file whose first line names no
    // column.
    assertEquals("court\t" + COURT[0] + "\n", run("predict", file("c"), COURT[0]).out());
    assertEquals(
        "court\t" + COURT[0] + "\n",
        run("predict", file("c"), "--input", write("in", COURT[0] + "\n")).out());

    // A table may have only the column of the text.
    String alone = piped("text\nThe queen\n", "predict", file("c")).out();
    String between = form.equals("csv") ? "," : "\t";
    assertTrue(
        form.equals("jsonl")
            || alone.matches("text" + between + "predicted\nThe queen.(sea|court)\n"),
        alone);

    // The gold label stays beside the prediction.
    String gold = header(form, true) + line(form, 7, COURT[0], "court");
    Result scored =
        run("predict", file("c"), "--scores", "--top", "5", "--input", write("in", gold));
    assertEquals(0, scored.code(), scored.err());
    String last = scored.out().lines().reduce((a, b) -> b).get();
    if (form.equals("jsonl")) {
      JsonNode json = new ObjectMapper().readTree(last);
      assertEquals("court", json.path("label").asText());
      assertEquals("court", json.path("label_1").asText());
      assertEquals("sea", json.path("label_2").asText());
      assertEquals(json.path("score"), json.path("score_1"));
      assertEquals(
          1, json.path("score_1").doubleValue() + json.path("score_2").doubleValue(), 2e-4);
    } else {
      assertEquals(
          String.join(
              between,
              "id",
              "text",
              "label",
              "predicted",
              "score",
              "label_1",
              "score_1",
              "label_2",
              "score_2"),
          scored.out().lines().findFirst().get());
      String number = "0\\.[0-9]{4}";
      assertTrue(
          last.matches(
              ".*"
                  + String.join(between, "court", "court", number, "court", number, "sea", number)),
          last);
    }
    // The input must not already have a column that predict writes.
    String taken = gold.replace("label", "predicted");
    assertEquals(
        "elmo: "
            + file("in")
            + ", line 1: expected no column predicted, which is written, found one",
        failed(1, "predict", file("c"), "--input", write("in", taken)));
  }

  /**
   * A table without a line of names is detected by its form and, if it has commas, by its file's
   * name.
   */
  @ParameterizedTest
  @ValueSource(strings = {"csv", "tsv"})
  void columnsMayHaveNumbersForNames(String form) throws IOException {
    String train = sentences(form, "");
    fit("--task", "sentences", "--text-column", "2", "--label-column", "3", "--train", train);
    String in = write("in." + form, line(form, 7, COURT[0], null));
    Result result = run("predict", file("c"), "--input", in);
    assertEquals(0, result.code(), result.err());
    assertEquals(line(form, 7, COURT[0], "court"), result.out().replaceFirst("^7,The", "7,\"The"));
    // With --text-column, any column of any form is read.
    String other = write("other", header("tsv", false) + line("tsv", 7, COURT[0], null));
    assertEquals(
        "id\ttext\tpredicted\n7\t" + COURT[0] + "\tcourt\n",
        run("predict", file("c"), "--text-column", "text", "--input", other).out());
    assertEquals(
        "elmo: " + other + ", line 1: expected column \"words\", found \"id, text\"",
        failed(
            1, "predict", file("c"), "--text-column", "words", "--input", other, "--model", other));
    assertEquals(2, run("predict", file("c"), "--text-column", "text", "typed").code());
    String[] spaces = {"predict", file("c"), "--input-format", "spaces", "--input", other};
    assertEquals(2, run(with(spaces, "--text-column", "text")).code());
    // The form on the command line takes precedence: these are lines of tokens.
    String plain = write("plain", "text,label\nThe queen\n");
    spaces[spaces.length - 1] = plain;
    assertTrue(
        run(spaces).out().matches("(sea|court)\ttext,label\n(sea|court)\tThe queen\n"),
        run(spaces).out());
  }

  @ParameterizedTest
  @ValueSource(strings = {"csv", "tsv", "jsonl"})
  void taggedTokensComeBackInTheirForm(String form) throws IOException {
    String header = "";
    String row = "{\"words\": [\"Anna\", \"went\"], \"ner\": [\"B-PER\", \"O\"]}\n";
    String in = "{\"words\": [\"Anna\", \"went\"]}\n";
    if (!form.equals("jsonl")) {
      String between = form.equals("csv") ? "," : "\t";
      header = "words" + between + "ner\n";
      row = "Anna went" + between + "B-PER O\n";
      in = "words" + between + "id\nAnna went" + between + "1\n";
    }
    String train = write("train." + form, header + row.repeat(20));
    fit("--task", "tokens", "--text-column", "words", "--label-column", "ner", "--train", train);
    Result result = run("predict", file("c"), "--scores", "--input", write("in", in));
    assertEquals(0, result.code(), result.err());
    String numbers = "0\\.[0-9]{4}|1\\.0000";
    String out = result.out().replaceAll(numbers, "P");
    assertEquals(
        switch (form) {
          case "csv" -> "words,id,predicted,score\nAnna went,1,B-PER O,P P\n";
          case "tsv" -> "words\tid\tpredicted\tscore\nAnna went\t1\tB-PER O\tP P\n";
          default ->
              "{\"words\": [\"Anna\", \"went\"], \"predicted\": [\"B-PER\", \"O\"], \"score\": [P,"
                  + " P]}\n";
        },
        out);
  }

  @Test
  void textsAreSplitIntoTokensAsInTraining() throws IOException {
    fit("--task", "sentences", "--tokenized", "--train", sentences("tsv", header("tsv", true)));
    String in = write("in", header("tsv", false) + line("tsv", 7, "The ship, the queen.", null));
    String told = run("predict", file("c"), "--scores", "--tokenized", "--input", in).out();
    assertTrue(told.matches("(?s)id\ttext\tpredicted\tscore\n7\t.*"), told);
    assertEquals(told, run("predict", file("c"), "--scores", "--input", in).out());
    // Classifiers of earlier versions load; they do not say it.
    Path json = Path.of(file("c"), "model.json");
    String now = Files.readString(json);
    String early = now.replaceFirst(",\\s*\"tokenized\" : true", "");
    assertNotEquals(now, early);
    Files.writeString(json, early);
    assertNotEquals(told, run("predict", file("c"), "--scores", "--input", in).out());
    assertEquals(told, run("predict", file("c"), "--scores", "--tokenized", "--input", in).out());
  }

  @Test
  void badRecordsAndOptionsSayWhere() throws IOException {
    fit("--task", "sentences", "--train", sentences("csv", header("csv", true)));
    String[] predict = {"predict", file("c"), "--output", file("o"), "--input", file("in")};
    write("in", "id,text\n1,x\nnone\n");
    assertEquals(
        "elmo: " + file("in") + ", line 3: expected 2 columns, found 1", failed(1, predict));
    write("in", "{\"text\": \"x\"}\n{\"txt\": \"x\"}\n");
    assertEquals(
        "elmo: " + file("in") + ", line 2: expected field \"text\", found {\"txt\":\"x\"}",
        failed(1, predict));
    String[] tags = {"fit", "--task", "tokens", "--train", "t", "--output", "o"};
    assertEquals(2, run(with(tags, "--column", "2", "--text-column", "x")).code());
    assertEquals(2, run(with(tags, "--head", "crf", "--class-weights", "balanced")).code());
    Result weighted =
        run(
            "fit",
            "--task",
            "sentences",
            "--class-weights",
            "sea=2,court=0.5",
            "--train",
            file("train.csv"),
            "--output",
            file("w"),
            "--no-comparison",
            "--epochs",
            "3");
    assertEquals(0, weighted.code(), weighted.err());
    assertTrue(
        weighted.out().contains("labels that are right, each counting by its class weight;"),
        weighted.out());
    List<String> curve =
        weighted
            .out()
            .lines()
            .filter(line -> line.matches("(kept)? +[123] +\\d\\.\\d{4} .*"))
            .toList();
    assertEquals(3, curve.size(), weighted.out());
    assertEquals(1, curve.stream().filter(line -> line.startsWith("kept")).count());
  }
}
