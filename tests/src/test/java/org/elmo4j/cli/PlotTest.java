// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests {@code elmo plot} and its notes on unusual vectors. */
class PlotTest {
  @TempDir Path folder;

  private String plot(String... args) throws Exception {
    Path file = folder.resolve("plot.svg");
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    String[] all = new String[args.length + 3];
    System.arraycopy(args, 0, all, 3, args.length);
    all[0] = "plot";
    all[1] = "--output";
    all[2] = file.toString();
    assertEquals(
        0,
        Main.run(InputStream.nullInputStream(), new ByteArrayOutputStream(), err, all),
        err::toString);
    DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file.toFile());
    return Files.readString(file);
  }

  @Test
  void equalVectorsAreSaidToBeEqual() throws Exception {
    // word_emb of a word is the same in every sentence.
    String svg = plot("--word", "bank", "--layer", "word_emb", "The bank.", "A bank is a bank.");
    assertTrue(svg.contains("all 3 vectors are equal"), svg);
    assertFalse(svg.contains("per cent"), svg);
    assertTrue(plot("--word", "bank", "The bank.", "A bank is a bank.").contains("per cent"));
  }

  @Test
  void learningCurvesAreALineARun() throws Exception {
    Path data = Files.writeString(folder.resolve("d.conll"), "a X\nb Y\n\nb Y\n\na X\n\n");
    String pos = folder.resolve("pos").toString();
    String[] fit = {
      "fit", "--task", "tokens", "--train", data.toString(), "--epochs", "3", "--output", pos
    };
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    assertEquals(0, Main.run(InputStream.nullInputStream(), out, out, fit), out::toString);
    String svg = plot("--curves", pos);
    assertEquals(3 * 5, svg.split("<polyline ").length - 1);
    assertEquals(3 * 5, svg.split("<circle ").length - 1);
    assertEquals(3, svg.split(">lstm_outputs2<").length - 1);
    // The curve has a point for each of the three epochs.
    String points = svg.replaceFirst("(?s).*?<polyline points=\"([^\"]*)\".*", "$1");
    assertEquals(3, points.split(" ").length, points);
    Files.delete(folder.resolve("pos/curves.csv"));
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    String[] none = {"plot", "--curves", pos, "--output", folder.resolve("x.svg").toString()};
    assertEquals(1, Main.run(InputStream.nullInputStream(), err, err, none));
    assertEquals(
        "elmo: " + pos + ": expected learning curves in curves.csv, found none\n", err.toString());
  }

  @Test
  void controlCharactersMakeNoBadXml() throws Exception {
    String svg = plot("--sentence", "one\u001bx two\u202e three");
    assertTrue(svg.contains("\\u001b") && svg.contains("\\u202e"), svg);
  }

  @Test
  void vectorsEqualButForRoundingHaveNoVariance() {
    double[] shares = {1, 1};
    double[] v = {0.1, 0.7, -3.3};
    double[][] points = Pca.plane(new double[][] {v, v.clone(), v.clone()}, shares);
    assertArrayEquals(new double[] {0, 0}, shares);
    assertArrayEquals(new double[] {0, 0}, points[2]);
  }
}
