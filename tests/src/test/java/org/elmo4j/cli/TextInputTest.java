// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Tests where commands read text from and how they detect its form. */
class TextInputTest extends ToolTest {
  /** Returns the tokens of each sentence that embed found. */
  private static List<String> sentences(Result result) throws IOException {
    assertEquals("", result.err());
    assertEquals(0, result.code());
    List<String> sentences = new ArrayList<>();
    for (String line : result.out().lines().toList()) {
      List<String> tokens = new ArrayList<>();
      new ObjectMapper().readTree(line).get("tokens").forEach(each -> tokens.add(each.asText()));
      sentences.add(String.join("|", tokens));
    }
    return sentences;
  }

  private static List<String> embedded(String... args) throws IOException {
    List<String> all = new ArrayList<>(List.of("embed", "--format", "jsonl"));
    all.addAll(List.of(args));
    return sentences(run(all.toArray(new String[0])));
  }

  @Test
  void everyArgumentIsASentenceOfItsOwn() throws IOException {
    assertEquals(List.of("I|love", "NLP"), embedded("I love", "NLP"));
    // In running text, a sentence would not end after Dr.
    assertEquals(
        List.of("See|Dr.", "Smith|left|.", "He|ran|."), embedded("See Dr.", "Smith left. He ran."));
    assertEquals(List.of("a|b", "", "c"), embedded("--tokenized", "a b", "", "c"));
    assertEquals(
        List.of("a b|c", "d"), embedded("--tokenized", "a b\tc", "--input-format=tabs", "d"));
    assertEquals(List.of("-x"), embedded("--tokenized", "--", "-x"));
  }

  @Test
  void anAtSignIsText() throws IOException {
    Files.writeString(folder.resolve("options"), "--nonsense");
    assertEquals(List.of("@" + file("options")), embedded("--tokenized", "@" + file("options")));
    assertEquals(List.of("@home"), embedded("--tokenized", "@home"));
  }

  @Test
  void aDashIsStandardInputAndOutput() throws IOException {
    String[][] all = {
      {"embed", "--format", "jsonl", "-"},
      {"embed", "--format", "jsonl", "--input", "-"},
      {"embed", "--format", "jsonl", "--output", "-", "--text", "-"},
    };
    for (String[] args : all) {
      assertEquals(List.of("One|.", "Two|."), sentences(piped("One. Two.", args)));
    }
    for (String[] args : new String[][] {{"tokens", "-"}, {"tokens", "--output", "-"}}) {
      assertEquals("One .\nTwo .\n", piped("One. Two.", args).out());
    }
    byte[] npz = piped("x", "embed", "--format", "npz", "--output", "-").out().getBytes();
    assertEquals("PK", new String(npz, 0, 2, StandardCharsets.US_ASCII));
    assertTrue(piped("x", "embed", "--format", "hdf5", "--output", "-").out().contains("HDF"));
    String message = failed(2, "embed", "--output", "-", "x");
    assertTrue(message.contains("or --format, found -"), message);
    assertEquals(List.of(), left());
  }

  @Test
  void namesOfFilesAreAskedAbout() throws IOException {
    String in = text("a b\n");
    String wanted = "; for files type --input " + in + " --output out.hdf5, and --tokenized";
    for (String first : new String[] {"embed", "predict"}) {
      List<String> args = new ArrayList<>(List.of(first));
      if (first.equals("predict")) {
        args.add("folder");
      }
      args.addAll(List.of(in, "out.hdf5"));
      String message = failed(2, args.toArray(new String[0]));
      assertTrue(message.contains(wanted), message);
    }
    assertTrue(failed(2, "embed", in).contains("; for files type --input " + in + ", and"));
    assertTrue(failed(2, "embed", "no.txt", "o.npz").contains("--input no.txt --output o.npz"));
    // An argument that is not the name of a file is a sentence.
    assertEquals(List.of("in.txt"), embedded("--tokenized", "in.txt"));
    assertEquals(List.of("no.hdf5|x"), embedded("--tokenized", "no.hdf5 x"));
  }

  @Test
  void aTerminalIsToldThatItIsWaitedFor() {
    System.setProperty("elmo4j.terminal.in", "true");
    try {
      for (String args : List.of("embed", "tokens", "embed -", "embed --input -")) {
        Result result = piped("One.", args.split(" "));
        String command = "elmo " + args.split(" ")[0];
        assertEquals(
            command + ": waiting for text; Ctrl-D on a line of its own ends it\n", result.err());
        assertEquals(0, result.code());
      }
      assertEquals("", piped("", "embed", "x").err());
    } finally {
      System.clearProperty("elmo4j.terminal.in");
    }
  }

  static Stream<Arguments> kinds() {
    return Stream.of(
        Arguments.of("\u0089PNG\r\n\u001a\n", "a PNG image"),
        Arguments.of("\u0089HDF\r\n\u001a\n", "an HDF5 file"),
        Arguments.of("PK\u0003\u0004", "a zip archive (npz"),
        Arguments.of("%PDF-1.7", "a PDF file"),
        Arguments.of("\u001f\u008b\b", "a gzip file: unpack it first"),
        Arguments.of("\u00ff\u00fea", "UTF-16"));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void filesOfAnotherKindAreNamed(String begin, String kind) throws IOException {
    Path file = folder.resolve("a.txt");
    Files.write(file, (begin + "\0\0").getBytes(StandardCharsets.ISO_8859_1));
    String[][] all = {
      {"embed", "--input"},
      {"embed", "--tokenized", "--input"},
      {"tokens"},
      {"bench", "--text"},
      {"plot", "--word", "x", "--output", file("p.svg"), "--input"},
    };
    for (String[] args : all) {
      List<String> with = new ArrayList<>(List.of(args));
      with.add(file.toString());
      String message = failed(1, with.toArray(new String[0]));
      assertTrue(
          message.startsWith("elmo: " + file + ": expected UTF-8 text, found " + kind), message);
    }
  }

  @Test
  void aModelIsNoFileOfText() throws IOException {
    String weights = GOLDEN.folder().resolve("weights.hdf5").toString();
    assertTrue(failed(1, "embed", "--input", weights).contains("found an HDF5 file"));
    String message = failed(1, "predict", folder.toString(), "x");
    assertTrue(message.contains("expected a classifier"), message);
    Path several = Files.createDirectories(folder.resolve("models"));
    for (String name : List.of("a", "b")) {
      Path model = Files.createDirectories(several.resolve(name));
      for (String each : List.of("options.json", "weights.hdf5")) {
        Files.copy(GOLDEN.folder().resolve(each), model.resolve(each));
      }
    }
    message = failed(1, "embed", "--model", several.toString(), "x");
    assertTrue(
        message.contains("found [a/weights.hdf5, b/weights.hdf5]: name one of them"), message);
  }

  private static final String CONLLU =
      "# sent_id = 1\n# text = I don't\n1\tI\tI\tPRON\t_\t_\t0\troot\t_\t_\n"
          + "2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_\n2\tdo\tdo\tAUX\t_\t_\t0\tdep\t_\t_\n"
          + "3\tn't\tnot\tPART\t_\t_\t0\tdep\t_\t_\n3.1\tgo\tgo\tX\t_\t_\t0\tdep\t_\t_\n\n"
          + "# text = New York\n1\tNew York\tx\tX\t_\t_\t0\troot\t_\t_\n\n";

  private static final String CONLL2003 =
      "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n# NN B-NP O\n";

  private List<String> tokenized(String text, String... more) throws IOException {
    List<String> args = new ArrayList<>(List.of("--tokenized", "--input", text(text)));
    args.addAll(List.of(more));
    return embedded(args.toArray(new String[0]));
  }

  @Test
  void theFormOfTokensIsFoundByTheLines() throws IOException {
    assertEquals(List.of("I|love|NLP", "", "a"), tokenized("I love NLP\n\na\n"));
    assertEquals(List.of("I|love|NLP", "a"), tokenized("I\tlove\tNLP\na\n"));
    assertEquals(List.of("I|love|NLP"), tokenized("I\tlove\tNLP\n"));
    assertEquals(List.of("I|do|n't", "New York"), tokenized(CONLLU));
    assertEquals(List.of("EU|rejects", "#"), tokenized(CONLL2003));
    assertEquals(List.of("EU|rejects"), tokenized("EU B-ORG\nrejects O\n"));
    assertEquals(List.of("I|do|n't", "New York"), tokenized("\ufeff" + CONLLU));
    assertEquals(List.of(), tokenized("\ufeff"));
  }

  @Test
  void theFormOfTokensIsAskedForWhereItIsUncertain() throws IOException {
    String columns = "The\tDET\ndog\tNOUN\n\nA\tDET\ncat\tNOUN\n";
    String message = failed(1, "embed", "--tokenized", "--input", text(columns));
    assertTrue(
        message.endsWith(
            "in.txt: expected --input-format spaces, tabs or conll, found lines with tabs that may"
                + " be tabs or conll"),
        message);
    assertEquals(List.of("The|dog", "A|cat"), tokenized(columns, "--input-format", "conll"));
    assertEquals(5, tokenized(columns, "--input-format", "tabs").size());
    message = failed(1, "embed", "--tokenized", "--input", text("New York\tis big\nx\n"));
    assertTrue(message.endsWith("may be any of them"), message);
    assertEquals(
        List.of("New|York\tis|big", "x"),
        tokenized("New York\tis big\nx\n", "--input-format", "spaces"));
    String late = "a b\n".repeat(300) + "c\td\n";
    Result stopped =
        // The lines before the error are written.
        run("embed", "--tokenized", "--input", text(late));
    assertEquals(1, stopped.code());
    assertEquals(1, stopped.err().lines().count(), stopped.err());
    assertTrue(stopped.err().contains("in.txt, line 301: expected single spaces"), stopped.err());
    assertTrue(stopped.out().startsWith("token  elmo [256]"), stopped.out());
    assertTrue(failed(2, "embed", "--input-format", "xml", "x").contains("SPACES, TABS, CONLL"));
  }

  @Test
  void aFormIsGivenInPlaceOfTokenized() throws IOException {
    assertEquals(
        List.of("a|b c"),
        sentences(piped("a\tb c\n", "embed", "--format", "jsonl", "--input-format", "tabs")));
    assertNotEquals(0, run("embed", "--stateful", "x").code());
    assertEquals(0, run("embed", "--stateful", "--input-format", "spaces", "x").code());
  }

  @Test
  void numbersOfLayersAreHeldToTheModel() throws IOException {
    assertTrue(failed(2, "embed", "--output-layer", "-3", "x").contains("found -3"));
    assertTrue(failed(2, "embed", "--output-layer", "0", "--layers", "top", "x").contains("both"));
    assertTrue(failed(1, "embed", "--output-layer", "3", "x").contains("lstm_outputs3"));
    assertTrue(done("embed", "--output-layer", "0", "x").out().contains("word_emb twice [256]"));
  }
}
