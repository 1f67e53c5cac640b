// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.jhdf.HdfFile;
import io.jhdf.api.Dataset;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.elmo4j.oracle.GoldenCase;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the tests of the tool's commands share. They run the tool in this JVM in the way that its
 * launcher runs it.
 */
abstract class ToolTest {
  static final double TOLERANCE = 2e-5;
  static final GoldenCase GOLDEN = GoldenCase.named("relu-skip");

  @TempDir Path folder;

  record Result(int code, String out, String err) {}

  static Result run(InputStream in, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int code = Main.run(in, out, err, args);
    return new Result(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  static Result run(String... args) {
    return run(InputStream.nullInputStream(), args);
  }

  /** Runs the tool with a text as standard input. */
  static Result piped(String text, String... args) {
    return run(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)), args);
  }

  static Result done(String... args) {
    Result result = run(args);
    assertEquals("", result.err());
    assertEquals(0, result.code());
    return result;
  }

  /**
   * Asserts that the tool fails with this code, one line on standard error and nothing on standard
   * output. Returns standard error.
   */
  static String failed(int code, String... args) {
    Result result = run(args);
    assertEquals(code, result.code(), result.err());
    assertEquals("", result.out());
    assertEquals(1, result.err().lines().count(), result.err());
    return result.err().strip();
  }

  static String[] embed(GoldenCase golden, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "embed",
                "--options-file",
                golden.folder().resolve("options.json").toString(),
                "--weight-file",
                golden.folder().resolve("weights.hdf5").toString(),
                "--tokenized"));
    args.addAll(List.of(more));
    return args.toArray(new String[0]);
  }

  String file(String name) {
    return folder.resolve(name).toString();
  }

  String sentences(GoldenCase golden) {
    return golden.folder().resolve("sentences.txt").toString();
  }

  String text(String text) throws IOException {
    return Files.writeString(folder.resolve("in.txt"), text).toString();
  }

  List<String> left() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  static float[] flat(Object array) {
    if (array instanceof float[] floats) {
      return floats;
    }
    List<float[]> parts = new ArrayList<>();
    int size = 0;
    for (Object part : (Object[]) array) {
      parts.add(flat(part));
      size += parts.get(parts.size() - 1).length;
    }
    ByteBuffer all = ByteBuffer.allocate(4 * size);
    for (float[] part : parts) {
      for (float value : part) {
        all.putFloat(value);
      }
    }
    float[] flat = new float[size];
    all.flip().asFloatBuffer().get(flat);
    return flat;
  }

  static void assertClose(String what, float[] wanted, float[] got) {
    assertEquals(wanted.length, got.length, what);
    for (int i = 0; i < wanted.length; i++) {
      if (!(Math.abs(got[i] - wanted[i]) <= TOLERANCE + TOLERANCE * Math.abs(wanted[i]))) {
        fail(what + ", index " + i + ": wanted " + wanted[i] + ", got " + got[i]);
      }
    }
  }

  /**
   * Asserts that an HDF5 file holds the wanted numbers for each line, and that its index holds the
   * lines.
   */
  static void assertHolds(Path file, List<String> lines, float[][][][] wanted) throws IOException {
    try (HdfFile hdf = new HdfFile(file)) {
      assertEquals(lines.size() + 1, hdf.getChildren().size());
      Dataset index = hdf.getDatasetByPath("sentence_to_index");
      assertArrayEquals(new int[] {1}, index.getDimensions());
      JsonNode json = new ObjectMapper().readTree(((String[]) index.getData())[0]);
      for (int i = 0; i < lines.size(); i++) {
        Dataset dataset = hdf.getDatasetByPath(Integer.toString(i));
        assertEquals(float.class, dataset.getJavaType());
        assertArrayEquals(
            new int[] {wanted[i].length, wanted[i][0].length, wanted[i][0][0].length},
            dataset.getDimensions());
        assertClose("sentence " + i, flat(wanted[i]), flat(dataset.getData()));
        assertEquals(Integer.toString(i), json.get(lines.get(i)).textValue());
      }
      assertEquals(lines.size(), json.size());
    }
  }
}
