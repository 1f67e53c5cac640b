// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.elmo4j.ElmoException;
import org.elmo4j.train.LabeledData.Task;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class LabeledDataTest {
  @TempDir Path folder;

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private static LabeledSentence sentence(String tokens, String labels) {
    return new LabeledSentence(List.of(tokens.split(" ")), List.of(labels.split(" ")));
  }

  private String failure(String name, String text, String column) throws IOException {
    Path file = file(name, text);
    ElmoException e = assertThrows(ElmoException.class, () -> LabeledData.readTokens(file, column));
    return e.getMessage().replace(folder + "/", "");
  }

  private static final String WORD = "\t_\t_\t_\t0\tdep\t_\t_\n";

  @Test
  void conlluKeepsSyntacticWordsAndPassesOverRangesEmptyNodesAndComments() throws IOException {
    String text =
        "# text = I don't\n1\tI\ti\tPRON"
            + WORD.replaceFirst("\t_", "\tPRP").replace("\t_\t_\t0", "\t_\t0")
            + "2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_\n"
            + "2\tdo\tdo\tAUX\tVBP\t_\t0\tdep\t_\t_\n"
            + "3\tn't\tnot\tPART\tRB\t_\t0\tdep\t_\t_\n"
            + "3.1\tgo\tgo\tVERB\tVB\t_\t0\tdep\t_\t_\n\n\n"
            + "1\tNo space\tx\tX\tFW\t_\t0\tdep\t_\t_\n";
    Path file = file("a.conllu", text);
    assertEquals(
        List.of(
            sentence("I do n't", "PRON AUX PART"),
            new LabeledSentence(List.of("No space"), List.of("X"))),
        LabeledData.readTokens(file, null).sentences());
    assertEquals(List.of("FW", "PRP", "RB", "VBP"), LabeledData.readTokens(file, "xpos").labels());
    assertEquals(
        LabeledData.readTokens(file, "xpos").sentences(),
        LabeledData.readTokens(file, "5").sentences());
  }

  @Test
  void conll2003TakesTheLastColumnOrTheOneAskedFor() throws IOException {
    String text =
        "\uFEFF-DOCSTART- -X- -X- O\r\n\r\n"
            + "EU NNP B-NP B-ORG\r\n"
            + "rejects VBZ B-VP O\r\n\r\n\r\n"
            + "# NN O O\n";
    Path file = file("ner.txt", text);
    assertEquals(
        List.of(sentence("EU rejects", "B-ORG O"), sentence("#", "O")),
        LabeledData.readTokens(file, null).sentences());
    assertEquals(List.of("NN", "NNP", "VBZ"), LabeledData.readTokens(file, "2").labels());
  }

  /** CoNLL-U is detected from the file's lines, because many files have another extension. */
  @Test
  void conlluIsKnownByItsContent() throws IOException {
    String text =
        "\n# sent_id = 1\n1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\t_\n"
            + "1\tdo\tdo\tAUX\tVBP\t_\t0\tdep\t_\t_\n"
            + "2\tn't\tnot\tPART\tRB\t_\t0\tdep\t_\t_\n\n";
    for (String name : List.of("train.txt", "train.conll", "train")) {
      Path file = file(name, text);
      assertEquals(
          List.of(sentence("do n't", "AUX PART")), LabeledData.readTokens(file, null).sentences());
      assertEquals(List.of("RB", "VBP"), LabeledData.readTokens(file, "xpos").labels());
    }
  }

  @Test
  void numbersOfTokensAreNoTokens() throws IOException {
    // Formats such as CoNLL-2009 have a first column of token numbers. A corpus whose tokens are
    // numbers has no third column.
    assertEquals(
        List.of(sentence("the cat", "D N"), sentence("sat", "V")),
        LabeledData.readTokens(file("a", "1 the D\n2 cat N\n\n1 sat V\n"), null).sentences());
    assertEquals(
        List.of(sentence("1 2", "A B")),
        LabeledData.readTokens(file("b", "1 A\n2 B\n"), null).sentences());
    assertEquals(
        List.of(sentence("1", "B")),
        LabeledData.readTokens(file("c", "1 A B\n"), null).sentences());
  }

  @Test
  void linesThatBeginADocumentArePassedOverWhateverTheirColumns() throws IOException {
    for (String line :
        List.of("-DOCSTART-", "-DOCSTART- -X- -X- O", "-DOCSTART- O", " -DOCSTART-")) {
      for (String between : List.of("\n\n", "\n")) {
        String text =
            line + between + "EU B-ORG\ncall O\n\n" + line + between + "Peter B-PER \nruns O\n";
        assertEquals(
            List.of(sentence("EU call", "B-ORG O"), sentence("Peter runs", "B-PER O")),
            LabeledData.readTokens(file("a.txt", text), null).sentences());
      }
    }
    assertEquals(
        "a.txt: expected sentences with labels, found none",
        failure("a.txt", "-DOCSTART-\n\n", null));
    assertEquals(
        "a.txt: expected sentences with labels, found none", failure("a.txt", "\uFEFF", null));
  }

  /** A pipe gives its bytes once, and a reader takes more of them than it needs. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void aPipeIsReadWholeAndOnce() throws Exception {
    String tokens = "a A\nb B\n\n".repeat(5_000);
    String table = "text\tlabel\n" + "good\tyes\n".repeat(5_000);
    Path pipe = folder.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    assertEquals(5_000, piped(tokens, pipe, () -> LabeledData.readTokens(pipe, null)));
    assertEquals(
        5_000,
        piped(table, pipe, () -> LabeledData.readSentences(pipe, "text", "label", List::of)));
  }

  /** The number of sentences that were read. */
  private static int piped(String text, Path pipe, Supplier<LabeledData> read) throws Exception {
    CompletableFuture<LabeledData> data = CompletableFuture.supplyAsync(read);
    // Opening the pipe waits for the reader.
    CompletableFuture.runAsync(
        () -> {
          try {
            Files.writeString(pipe, text);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
    return data.get(30, TimeUnit.SECONDS).sentences().size();
  }

  @Test
  void badTokenFilesSayWhere() throws IOException {
    assertEquals("a.txt: expected sentences with labels, found none", failure("a.txt", "", null));
    assertEquals(
        "a.conllu: expected sentences with labels, found none",
        failure("a.conllu", "# nothing\n\n", null));
    assertEquals(
        "a.txt, line 3: expected 2 columns, found 3", failure("a.txt", "a B\n\nc D E\n", null));
    assertEquals(
        "a.conllu, line 1: expected 10 columns, found 2", failure("a.conllu", "1\ta\n", null));
    assertEquals(
        "a.txt, line 1: expected a token and its label, found one column",
        failure("a.txt", "word\n", null));
    assertEquals(
        "a.txt, line 1: expected labels in a column up to 2 that is not the tokens', found column 3"
            + " asked for",
        failure("a.txt", "a B\n", "3"));
    assertEquals(
        "a.txt, line 1: expected labels in a column up to 2 that is not the tokens', found column 1"
            + " asked for",
        failure("a.txt", "a B\n", "1"));
    assertEquals(
        "label column: expected a number from 1, found \"upos\"",
        failure("a.txt", "a B\n", "upos"));
    Path bytes = folder.resolve("latin.txt");
    Files.write(bytes, "na\u00efve ADJ\n".getBytes(ISO_8859_1));
    ElmoException e = assertThrows(ElmoException.class, () -> LabeledData.readTokens(bytes, null));
    assertEquals(
        bytes + ": expected a file of UTF-8 text, found other bytes near line 1", e.getMessage());
    Path none = folder.resolve("none");
    e = assertThrows(ElmoException.class, () -> LabeledData.readTokens(none, null));
    assertEquals(none + ": expected a file of UTF-8 text, found no such file", e.getMessage());
    e = assertThrows(ElmoException.class, () -> LabeledData.readTokens(folder, null));
    assertEquals(folder + ": expected a file of UTF-8 text, found a folder", e.getMessage());
    Path image = Files.writeString(folder.resolve("a.png"), "\u0089PNG\r\n", ISO_8859_1);
    e = assertThrows(ElmoException.class, () -> LabeledData.readTokens(image, null));
    assertEquals(image + ": expected a file of UTF-8 text, found a PNG image", e.getMessage());
    e = assertThrows(ElmoException.class, () -> WeightStores.mix(image));
    assertEquals(image + ": expected a file of JSON, found a PNG image", e.getMessage());
    e = assertThrows(ElmoException.class, () -> WeightStores.mix(folder));
    assertEquals(folder + ": expected a file of JSON, found a folder", e.getMessage());
  }

  private LabeledData sentences(String name, String text, String column, String label)
      throws IOException {
    return LabeledData.readSentences(
        file(name, text), column, label, line -> List.of(line.split(" ")));
  }

  @Test
  void sentencesComeFromCommasAndQuotesOrTabsAndNone() throws IOException {
    List<LabeledSentence> wanted =
        List.of(sentence("good, \"very\" good", "pos"), sentence("bad", "neg"));
    assertEquals(
        wanted,
        sentences(
                "a.csv",
                "id,label,text\n1,pos,\"good, \"\"very\"\" good\"\n\n2,neg,bad\n",
                "text",
                "label")
            .sentences());
    assertEquals(
        wanted, sentences("a.tsv", "pos\tgood, \"very\" good\nneg\tbad\n", "2", "1").sentences());
  }

  @Test
  void theFormOfSentencesIsFoundByContent() throws IOException {
    List<LabeledSentence> wanted =
        List.of(sentence("good, \"very\" good", "1"), sentence("bad", "0"));
    for (String text :
        List.of(
            "{\"label\": 1, \"text\": \"good, \\\"very\\\" good\"}\n\n"
                + "{\"text\":\"bad\",\"label\":\"0\"}\n",
            "label,text\n1,\"good, \"\"very\"\" good\"\n0,bad\n",
            "label\ttext\n1\tgood, \"very\" good\n0\tbad\n")) {
      assertEquals(wanted, sentences("data", text, "text", "label").sentences());
    }
    ElmoException e =
        assertThrows(
            ElmoException.class, () -> sentences("a", "{\"text\": \"x\"}\n", "text", "label"));
    assertEquals(
        folder.resolve("a")
            + ", line 1: expected fields \"text\" and \"label\", found {\"text\":\"x\"}",
        e.getMessage());
    e = assertThrows(ElmoException.class, () -> sentences("a", "{\"text\"\n", "text", "label"));
    assertTrue(e.getMessage().startsWith(folder.resolve("a") + ", line 1: "), e.getMessage());
  }

  @Test
  void badSentenceFilesSayWhere() {
    ElmoException ragged =
        assertThrows(
            ElmoException.class,
            () -> sentences("a.tsv", "label\ttext\npos\tgood\nneg\n", "text", "label"));
    assertEquals(
        folder.resolve("a.tsv") + ", line 3: expected 2 columns, found 1", ragged.getMessage());
    ElmoException missing =
        assertThrows(ElmoException.class, () -> sentences("a.tsv", "tag\ttext\n", "text", "label"));
    assertEquals(
        folder.resolve("a.tsv")
            + ", line 1: expected columns \"text\" and \"label\", found \"tag, text\"",
        missing.getMessage());
    ElmoException few =
        assertThrows(ElmoException.class, () -> sentences("a.tsv", "pos\tgood\n", "3", "1"));
    assertEquals(
        folder.resolve("a.tsv") + ", line 1: expected columns \"3\" and \"1\", found 2 columns",
        few.getMessage());
    ElmoException quote =
        assertThrows(ElmoException.class, () -> sentences("a.csv", "pos,\"good\" x\n", "2", "1"));
    assertTrue(
        quote
            .getMessage()
            .startsWith(folder.resolve("a.csv") + ", line 1: expected columns, found"),
        quote.getMessage());
    for (String empty : List.of("", "label\ttext\n")) {
      ElmoException none =
          assertThrows(ElmoException.class, () -> sentences("a.tsv", empty, "text", "label"));
      assertEquals(
          folder.resolve("a.tsv") + ": expected sentences with labels, found none",
          none.getMessage());
    }
  }

  @Test
  void fromMemoryEachTokenNeedsItsLabel() {
    ElmoException e =
        assertThrows(
            ElmoException.class,
            () -> LabeledData.of("mine", Task.TOKENS, List.of(sentence("a b", "X"))));
    assertEquals("mine, sentence 0: expected 2 labels, found 1", e.getMessage());
    List<LabeledSentence> none = Collections.singletonList(null);
    e = assertThrows(ElmoException.class, () -> LabeledData.of("mine", Task.TOKENS, none));
    assertEquals("mine, sentence 0: expected a value, found null", e.getMessage());
  }

  private String tokenFailure(String name, String text) {
    ElmoException e =
        assertThrows(
            ElmoException.class,
            () -> LabeledData.readTokens(file(name, text), "tokens", "labels"));
    return e.getMessage().replace(folder + "/", "");
  }

  @Test
  void tokensComeFromTablesAndJsonLines() throws IOException {
    List<LabeledSentence> wanted = List.of(sentence("EU , call", "B-ORG O O"), sentence("a", "O"));
    String csv = "id,tokens,labels\n1,\"EU , call\",B-ORG O O\n\n2,a,O\n";
    String tsv = "labels\ttokens\nB-ORG O O\tEU , call\nO\ta\n";
    String json =
        "{\"tokens\": [\"EU\", \",\", \"call\"], \"labels\": [\"B-ORG\", \"O\", \"O\"]}\n\n"
            + "{\"labels\": \"O\", \"tokens\": \"a\"}\n";
    for (String text : List.of(csv, tsv, json)) {
      Path file = file("data", text);
      assertEquals(wanted, LabeledData.readTokens(file, null).sentences());
      assertEquals(wanted, LabeledData.readTokens(file, "tokens", "labels").sentences());
    }
    DataForm.Kind[] kinds = {DataForm.Kind.CSV, DataForm.Kind.TSV, DataForm.Kind.JSONL};
    for (int i = 0; i < 3; i++) {
      assertEquals(
          new DataForm(kinds[i], "tokens", "labels", false),
          LabeledData.readTokens(file("data", List.of(csv, tsv, json).get(i))).form().get());
    }
    // Columns may have other names, and numbers if there is no line of names.
    Path words = file("w.csv", "word list,ner\nEU call,B-ORG O\n");
    assertEquals(
        List.of(sentence("EU call", "B-ORG O")),
        LabeledData.readTokens(words, "word list", "ner").sentences());
    assertEquals(
        List.of(sentence("EU call", "3 0")),
        LabeledData.readTokens(
                file("h", "{\"words\": [\"EU\", \"call\"], \"ner_tags\": [3, 0]}\n"),
                "words",
                "ner_tags")
            .sentences());
    assertEquals(
        wanted, LabeledData.readTokens(file("n", tsv.substring(14)), "2", "1").sentences());
    // A token may be a brace.
    assertEquals(
        List.of(sentence("{ }", "O O")),
        LabeledData.readTokens(file("b", "{ O\n} O\n"), null).sentences());
    assertEquals(
        DataForm.Kind.CONLL,
        LabeledData.readTokens(file("b", "{ O\n} O\n"), null).form().get().kind());
  }

  @Test
  void badRecordsOfTokensSayWhere() {
    assertEquals(
        "a.csv, line 4: expected a label for each of 2 tokens, found 1 labels",
        tokenFailure("a.csv", "tokens,labels,note\na,O,\"two\nlines\"\na b,O,\n"));
    assertEquals(
        "a.csv, line 2: expected 2 columns, found 3",
        tokenFailure("a.csv", "tokens,labels\n\"a\nb\",O,x\n"));
    assertEquals(
        "a, line 1: expected columns \"tokens\" and \"labels\", found \"words, labels\"",
        tokenFailure("a", "words\tlabels\n"));
    assertEquals(
        "a, line 2: expected fields \"tokens\" and \"labels\", found"
            + " {\"tokens\":[1],\"labels\":[\"O\"]}",
        tokenFailure(
            "a", "{\"tokens\":[\"a\"],\"labels\":[\"O\"]}\n{\"tokens\":[1],\"labels\":[\"O\"]}\n"));
    ElmoException e =
        assertThrows(
            ElmoException.class,
            () -> sentences("s", "{\"text\":\"x\",\"label\":[\"a\"]}\n", "text", "label"));
    assertEquals(folder.resolve("s") + ", line 1: expected a label, found [\"a\"]", e.getMessage());
  }
}
