// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.elmo4j.internal.weights.TinyModel.assertContains;
import static org.elmo4j.internal.weights.TinyModel.failure;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.elmo4j.ElmoException;
import org.elmo4j.weights.ModelOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenEmbeddingsTest {
  private static final ModelOptions OPTIONS = TinyModel.options(2); // P = 2
  private static final float[][] ROWS = {{1, 2}, {3, 4}, {-5, 0.5f}, {7, 8}};

  @TempDir Path dir;

  private Path vocabulary(String text) throws IOException {
    return Files.writeString(dir.resolve("vocab.txt"), text);
  }

  private Path hdf5(String dataset, Object rows) {
    Path file = dir.resolve("e.hdf5");
    try (WritableHdfFile out = HdfFile.write(file)) {
      out.putDataset(dataset, rows);
    }
    return file;
  }

  @Test
  void rowsAreThoseOfTheVocabularysLines() throws IOException {
    Path vocabulary = vocabulary("<S>\r\n</S>\n!!!MAXTERMID\n the \nnaïve");
    try (TokenEmbeddings rows =
        TokenEmbeddings.open(vocabulary, hdf5("embedding", ROWS), OPTIONS)) {
      assertEquals(List.of("<S>", "</S>", "the", "naïve"), rows.tokens());
      assertEquals(2, rows.dim());
      float[] two = new float[5];
      FloatBuffer target = FloatBuffer.wrap(two).position(1);
      rows.read(1, 2, target);
      assertArrayEquals(new float[] {0, 3, 4, -5, 0.5f}, two);
      assertEquals(5, target.position());
      rows.read(4, 0, target);
      float[] last = new float[2];
      rows.read(3, 1, FloatBuffer.wrap(last));
      assertArrayEquals(ROWS[3], last);
      assertContains(
          "expected rows of 0 to 4, found 2 from 3 on", failure(() -> rows.read(3, 2, target)));
      assertContains("found 1 from -1 on", failure(() -> rows.read(-1, 1, target)));
      assertContains("found -1 from 0 on", failure(() -> rows.read(0, -1, target)));
      assertContains(
          "expected room for 2 numbers, found 0", failure(() -> rows.read(0, 1, target)));
    }
  }

  private String refused(String vocabulary, String dataset, Object rows) throws IOException {
    Path words = vocabulary(vocabulary);
    Path file = hdf5(dataset, rows);
    return failure(() -> TokenEmbeddings.open(words, file, OPTIONS));
  }

  @Test
  void filesThatDoNotFitAreRefused() throws IOException {
    String four = "a\nb\nc\nd\n";
    assertContains(
        "expected shape [3, 2], the tokens of " + dir.resolve("vocab.txt"),
        refused("a\nb\nc\n", "embedding", ROWS));
    assertContains("found [4, 3]", refused(four, "embedding", new float[4][3]));
    assertContains("found [8]", refused(four, "embedding", new float[8]));
    assertContains("found none of that name", refused(four, "embeddings", ROWS));
    assertContains("found another form", refused(four, "embedding", new double[4][2]));
    assertContains("found integers of 4 bytes", refused(four, "embedding", new int[4][2]));
    Path file = hdf5("embedding", ROWS);
    Path missing = dir.resolve("missing");
    assertContains(
        missing + ": expected a vocabulary",
        failure(() -> TokenEmbeddings.open(missing, file, OPTIONS)));
    assertContains(
        missing + ": expected a readable HDF5 file",
        failure(() -> TokenEmbeddings.open(file, missing, OPTIONS)));
    Path latin = Files.write(dir.resolve("latin1"), new byte[] {'a', (byte) 0xE9, '\n'});
    assertContains(
        "expected a vocabulary in UTF-8",
        failure(() -> TokenEmbeddings.open(latin, file, OPTIONS)));
  }

  @Test
  void valuesThatAreNotFiniteAreRefused() throws IOException {
    Path file = hdf5("embedding", new float[][] {{1, 2}, {3, Float.NaN}});
    try (TokenEmbeddings rows = TokenEmbeddings.open(vocabulary("a\nb\n"), file, OPTIONS)) {
      assertContains(
          "row 1 [1]: expected a finite number, found NaN",
          failure(() -> rows.read(0, 2, FloatBuffer.allocate(4))));
    }
  }

  @Test
  void aFileCutAnywhereIsRefused() throws IOException {
    Path vocabulary = vocabulary("a\nb\nc\nd\n");
    Path file = hdf5("embedding", ROWS);
    byte[] bytes = Files.readAllBytes(file);
    for (int n = 0; n < bytes.length; n++) {
      Files.write(file, Arrays.copyOf(bytes, n));
      try (TokenEmbeddings rows = TokenEmbeddings.open(vocabulary, file, OPTIONS)) {
        FloatBuffer all = FloatBuffer.allocate(8);
        rows.read(0, 4, all);
        assertArrayEquals(new float[] {1, 2, 3, 4, -5, 0.5f, 7, 8}, all.array());
      } catch (ElmoException e) {
        assertEquals(1, e.getMessage().lines().count());
      }
    }
  }
}
