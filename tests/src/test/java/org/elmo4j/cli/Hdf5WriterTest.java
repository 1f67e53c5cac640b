// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.AtomicFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Hdf5WriterTest {
  @TempDir Path folder;

  private static SentenceWriter.Sentence sentence(int index, String text, int tokens) {
    float[] values = new float[tokens * 2];
    for (int i = 0; i < values.length; i++) {
      values[i] = index + i / 8f;
    }
    return new SentenceWriter.Sentence(
        index, text, List.of(), new long[] {tokens, 2}, sink -> sink.put(FloatBuffer.wrap(values)));
  }

  private Path write(int count) throws IOException {
    Path file = folder.resolve("out.hdf5");
    try (Hdf5Writer writer = new Hdf5Writer(AtomicFile.create(file), Hdf5Writer.Keys.NUMBERS)) {
      for (int i = 0; i < count; i++) {
        writer.write(sentence(i, "line " + i, i % 4));
      }
      writer.finish();
    }
    return file;
  }

  // A symbol node holds 64 names and an inner node of the B-tree 64 * 128, so a third level begins
  // at 8193 names.
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 10, 11, 63, 64, 65, 100, 101, 8191, 8192, 8193, 20000})
  void everySentenceIsFoundByItsNumber(int count) throws IOException {
    try (HdfFile hdf = new HdfFile(write(count))) {
      assertEquals(count + 1, hdf.getChildren().size());
      for (int i = 0; i < count; i++) {
        Dataset dataset = hdf.getDatasetByPath(Integer.toString(i));
        assertArrayEquals(new int[] {i % 4, 2}, dataset.getDimensions());
        if (i % 4 > 0) {
          float[] flat = (float[]) dataset.getDataFlat();
          for (int k = 0; k < flat.length; k++) {
            assertEquals(i + k / 8f, flat[k]);
          }
        }
      }
      JsonNode index =
          new ObjectMapper()
              .readTree(((String[]) hdf.getDatasetByPath("sentence_to_index").getData())[0]);
      assertEquals(count, index.size());
      for (int i = 0; i < count; i++) {
        assertEquals(Integer.toString(i), index.get("line " + i).textValue());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 9, 10, 11, 12, 20, 99, 100, 101, 110, 999, 1000, 1234, 10001})
  void namesComeInTheOrderOfStrings(int count) {
    List<Long> wanted =
        new TreeSet<>(IntStream.range(0, count).mapToObj(Integer::toString).toList())
            .stream().map(Long::valueOf).toList();
    long number = 0;
    for (int i = 0; i < count; i++) {
      assertEquals(wanted.get(i), number, "place " + i);
      number = Hdf5Writer.nextName(number, count);
    }
  }

  @Test
  void textIsEscapedAndTheLastOfTwoAlikeCounts() throws IOException {
    Path file = folder.resolve("text.hdf5");
    List<String> texts = List.of("a \"b\" \\ \t", "", "Zürich 😀", "", "x".repeat(40_000));
    try (Hdf5Writer writer = new Hdf5Writer(AtomicFile.create(file), Hdf5Writer.Keys.NUMBERS)) {
      for (int i = 0; i < texts.size(); i++) {
        writer.write(sentence(i, texts.get(i), 1));
      }
      writer.finish();
    }
    try (HdfFile hdf = new HdfFile(file)) {
      JsonNode index =
          new ObjectMapper()
              .readTree(((String[]) hdf.getDatasetByPath("sentence_to_index").getData())[0]);
      assertEquals(4, index.size());
      assertEquals("0", index.get(texts.get(0)).textValue());
      assertEquals("3", index.get("").textValue());
      assertEquals("2", index.get(texts.get(2)).textValue());
      assertEquals("4", index.get(texts.get(4)).textValue());
    }
  }

  @Test
  void forgottenSentencesLeaveNoIndex() throws IOException {
    Path file = folder.resolve("forget.hdf5");
    try (Hdf5Writer writer =
        new Hdf5Writer(AtomicFile.create(file), Hdf5Writer.Keys.NUMBERS_ALONE)) {
      writer.write(sentence(0, "line", 3));
      writer.finish();
    }
    try (HdfFile hdf = new HdfFile(file)) {
      assertEquals(List.of("0"), List.copyOf(hdf.getChildren().keySet()));
      assertNull(hdf.getChild("sentence_to_index"));
    }
  }

  @Test
  void anUnfinishedFileLeavesNothing() throws IOException {
    Path file = folder.resolve("out.hdf5");
    try (Hdf5Writer writer = new Hdf5Writer(AtomicFile.create(file), Hdf5Writer.Keys.NUMBERS)) {
      writer.write(sentence(0, "line", 3));
    }
    assertFalse(Files.exists(file));
    try (var left = Files.list(folder)) {
      assertEquals(List.of(), left.toList());
    }
  }

  // A symbol node holds 64 names and an inner node of the B-tree 64 * 128.
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 64, 65, 8193})
  void everySentenceIsFoundByItsText(int count) throws IOException {
    Path file = folder.resolve("keys.hdf5");
    List<String> texts =
        IntStream.range(0, count)
            .mapToObj(
                i -> i == 3 ? "Zürich 😀 : \"a\"" : i == 4 ? "x".repeat(5000) : "line " + i * 7)
            .toList();
    try (Hdf5Writer writer = new Hdf5Writer(AtomicFile.create(file), Hdf5Writer.Keys.SENTENCES)) {
      for (int i = 0; i < count; i++) {
        writer.write(sentence(i, texts.get(i), 1 + i % 3));
      }
      writer.finish();
    }
    try (HdfFile hdf = new HdfFile(file)) {
      assertEquals(Set.copyOf(texts), hdf.getChildren().keySet());
      for (int i = 0; i < count; i++) {
        float[] flat = (float[]) ((Dataset) hdf.getChild(texts.get(i))).getDataFlat();
        assertEquals(2 * (1 + i % 3), flat.length);
        assertEquals(i + 1 / 8f, flat[1]);
      }
    }
  }

  @Test
  void textsThatCannotBeKeysAreRefused() throws IOException {
    for (String bad : List.of("", ".", "and/or", "a\0b", "line")) {
      Path file = folder.resolve("keys.hdf5");
      try (Hdf5Writer writer = new Hdf5Writer(AtomicFile.create(file), Hdf5Writer.Keys.SENTENCES)) {
        writer.write(sentence(0, "line", 1));
        String message =
            assertThrows(ElmoException.class, () -> writer.write(sentence(1, bad, 1))).getMessage();
        assertTrue(message.startsWith("sentence 1: expected "), message);
        assertTrue(message.contains("found \"" + bad + "\""), message);
      }
      assertFalse(Files.exists(file));
    }
  }
}
