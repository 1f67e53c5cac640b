// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.search;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Expected;
import org.elmo4j.Layer;
import org.elmo4j.search.VectorFile.Hit;
import org.elmo4j.search.VectorRows.Pool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Compares searches in files of vectors with cosines in double precision, and tests the errors for
 * damaged files.
 */
class VectorFileTest {
  private static final List<List<String>> TEXT =
      List.of(
          List.of("the", "bank", "of", "the", "river"),
          List.of(),
          List.of("He", "took", "money", "to", "the", "Bank", "beside", "the", "bank"),
          List.of("a", "fish", "swam"));

  @TempDir Path folder;

  private static VectorRows rows(int dim) {
    return new VectorRows("m", "elmo", dim, "mean", "", "");
  }

  private static float[] vector(Random random, int dim) {
    float[] vector = new float[dim];
    for (int i = 0; i < dim; i++) {
      vector[i] = random.nextFloat() - 0.5f;
    }
    return vector;
  }

  /** Writes a file with these vectors. Row r has sentence 2 r, token r % 5 and text "row r". */
  private Path file(String name, List<float[]> vectors, int dim) throws IOException {
    Path file = folder.resolve(name);
    try (VectorFileWriter writer = new VectorFileWriter(file, rows(dim))) {
      for (int r = 0; r < vectors.size(); r++) {
        writer.add(vectors.get(r), 2L * r, r % 5, "row " + r);
      }
      assertEquals(vectors.size(), writer.finish());
    }
    return file;
  }

  // The counts are one row, few rows, and several blocks with a part of one. The queries are one, a
  // panel of several, and several passes.
  @ParameterizedTest
  @CsvSource({"1, 3, 1, 5", "7, 8, 3, 2", "20000, 17, 2, 25", "9000, 33, 40, 1", "300, 5, 600, 4"})
  void theNearestAreThoseOfTheDoubles(int count, int dim, int queries, int k) throws IOException {
    Random random = new Random(count);
    List<float[]> vectors = Stream.generate(() -> vector(random, dim)).limit(count).toList();
    List<float[]> wanted = Stream.generate(() -> vector(random, dim)).limit(queries).toList();
    List<List<Hit>> alone;
    try (VectorFile file = VectorFile.open(file("v", vectors, dim), 1)) {
      assertEquals(count, file.size());
      assertEquals(dim, file.dim());
      alone = file.nearest(wanted, k);
    }
    try (VectorFile file = VectorFile.open(folder.resolve("v"), 3)) {
      assertEquals(alone, file.nearest(wanted, k));
      assertEquals(alone.get(0), file.nearest(wanted.get(0), k));
    }
    assertEquals(queries, alone.size());
    for (int q = 0; q < queries; q++) {
      float[] query = wanted.get(q);
      double[] cosines = vectors.stream().mapToDouble(v -> Expected.cosine(v, query)).toArray();
      List<Integer> order = new ArrayList<>(IntStream.range(0, count).boxed().toList());
      order.sort(Comparator.comparingDouble(r -> -cosines[r]));
      List<Hit> hits = alone.get(q);
      assertEquals(Math.min(k, count), hits.size());
      for (int i = 0; i < hits.size(); i++) {
        Hit hit = hits.get(i);
        int row = (int) (hit.sentence() / 2);
        // If two cosines differ by less than the rounding error, either row may come first.
        assertEquals(cosines[order.get(i)], cosines[row], 1e-6);
        assertEquals(cosines[row], hit.cosine(), 1e-6);
        assertEquals(row % 5, hit.token());
        assertEquals("row " + row, hit.text());
      }
    }
  }

  @Test
  void ofEquallyNearOnesTheFirstComeWhateverTheThreads() throws IOException {
    int count = 50_000;
    float[] a = {3, 4, 0};
    float[] b = {0, 0, 0};
    List<float[]> vectors = new ArrayList<>();
    for (int r = 0; r < count; r++) {
      vectors.add(r % 10 == 9 ? a : b);
    }
    file("v", vectors, 3);
    for (int threads : new int[] {1, 2, 5}) {
      try (VectorFile file = VectorFile.open(folder.resolve("v"), threads)) {
        List<Hit> hits = file.nearest(new float[] {30, 40, 0}, 5010);
        for (int i = 0; i < 5010; i++) {
          int row = i < 5000 ? 10 * i + 9 : i - 5000 + (i - 5000) / 9;
          assertEquals(2L * row, hits.get(i).sentence());
          assertEquals(i < 5000 ? 1 : 0, hits.get(i).cosine(), 1e-6);
          assertTrue(hits.get(i).cosine() <= 1);
        }
        assertEquals(0, file.nearest(new float[3], 1).get(0).cosine());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Pool.class)
  void aSentencesVectorIsPooledFromItsTokens(Pool pool) {
    try (ElmoModel model = ElmoModel.miniEnglish();
        Embeddings embeddings = model.embed(TEXT, Layer.lstm(1), Layer.ELMO)) {
      VectorRows rows = VectorRows.sentences(model, Layer.ELMO, pool);
      assertEquals(List.of(), rows.vectors(embeddings, 1));
      for (int s : new int[] {0, 2, 3}) {
        float[] numbers = embeddings.get(Layer.ELMO, s).toArray();
        int dim = model.dim(Layer.ELMO);
        double[] wanted = new double[dim];
        for (int c = 0; c < dim; c++) {
          int column = c;
          double[] values =
              IntStream.range(0, TEXT.get(s).size())
                  .mapToDouble(t -> numbers[t * dim + column])
                  .toArray();
          wanted[c] =
              switch (pool) {
                case MEAN -> Arrays.stream(values).average().orElseThrow();
                case MAX -> Arrays.stream(values).max().orElseThrow();
                case FIRST -> values[0];
              };
        }
        List<float[]> found = rows.vectors(embeddings, s);
        assertEquals(1, found.size());
        for (int c = 0; c < dim; c++) {
          assertEquals(wanted[c], found.get(0)[c], 1e-6);
        }
      }
    }
  }

  @Test
  void whatIsMadeOfAModelIsFoundAgain() throws IOException {
    Path path = folder.resolve("bank ü.vectors");
    try (ElmoModel model = ElmoModel.miniEnglish()) {
      VectorRows rows = VectorRows.uses(model, Layer.ELMO, "bank").ofCorpus("text 1");
      assertEquals(3, VectorFile.write(path, rows, model.embedAll(TEXT.iterator(), Layer.ELMO)));
      try (VectorFile file = VectorFile.open(path);
          Embeddings query = model.embed(List.of(TEXT.get(2)), Layer.ELMO)) {
        assertEquals(3, file.size());
        List<float[]> wanted = rows.vectors(query, 0);
        assertEquals(2, wanted.size());
        List<Hit> hits = file.nearest(wanted.get(1), 10);
        assertEquals(3, hits.size());
        assertEquals(1, hits.get(0).cosine(), 1e-5);
        assertEquals(2, hits.get(0).sentence());
        assertEquals(8, hits.get(0).token());
        assertEquals("He took money to the Bank beside the bank", hits.get(0).text());
        file.require(rows);
        file.require(VectorRows.uses(model, Layer.ELMO, "BANK"));
        assertRefused(file, VectorRows.uses(model, Layer.ELMO, "river"), "uses of \"river\"");
        assertRefused(file, VectorRows.uses(model, Layer.lstm(1), "bank"), "layer lstm_outputs1");
        assertRefused(file, VectorRows.sentences(model, Layer.ELMO, Pool.MAX), "sentences by max");
        assertRefused(file, rows.ofCorpus("text 2"), "text 2, found text 1");
        assertEquals(rows.toString(), file.rows().toString());
        assertEquals("text 1", file.rows().corpus());
      }
    }
    try (ElmoModel other =
        ElmoModel.builder().miniEnglish().mix(new org.elmo4j.ScalarMix(new float[3], 2)).load()) {
      try (VectorFile file = VectorFile.open(path)) {
        assertRefused(file, VectorRows.uses(other, Layer.ELMO, "bank"), "of the model ");
      }
    }
  }

  private static void assertRefused(VectorFile file, VectorRows rows, String expected) {
    String message = assertThrows(ElmoException.class, () -> file.require(rows)).getMessage();
    assertTrue(message.contains("expected vectors of") && message.contains(expected), message);
    assertTrue(message.contains("found"), message);
  }

  @Test
  void theFileIsSafetensorsOfUnitVectors() throws IOException {
    Path path = file("v", List.of(new float[] {3, 4}, new float[] {0, 0}, new float[] {0, -2}), 2);
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    int length = (int) bytes.getLong();
    assertEquals(0, (8 + length) % 64);
    JsonNode header = new ObjectMapper().readTree(bytes.array(), 8, length);
    assertEquals("elmo4j-vectors", header.get("__metadata__").get("format").textValue());
    assertEquals("mean", header.get("__metadata__").get("pool").textValue());
    assertEquals("[3,2]", header.get("vectors").get("shape").toString());
    bytes.position(8 + length);
    ByteBuffer vectors = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[6];
    vectors.asFloatBuffer().get(values);
    assertArrayEquals(new float[] {0.6f, 0.8f, 0, 0, 0, -1}, values, 1e-7f);
    int texts = header.get("texts").get("data_offsets").get(0).intValue();
    byte[] text = new byte[15];
    vectors.position(texts).get(text);
    assertEquals("row 0row 1row 2", new String(text, StandardCharsets.UTF_8));
    assertEquals(
        15, vectors.getLong(header.get("text_ends").get("data_offsets").get(1).intValue() - 8));
    assertEquals(
        4, vectors.getLong(header.get("sentences").get("data_offsets").get(1).intValue() - 8));
  }

  @Test
  void aFileThatIsNotFinishedLeavesNothingAndTheOldOneStays() throws IOException {
    Path path = file("v", List.of(new float[] {1}), 1);
    try (VectorFileWriter writer = new VectorFileWriter(path, rows(2))) {
      writer.add(new float[] {1, 2}, 0, -1, "a");
    }
    try (ElmoModel model = ElmoModel.miniEnglish()) {
      VectorRows rows = VectorRows.sentences(model, Layer.ELMO, Pool.MEAN);
      Stream<List<String>> failing =
          Stream.of(List.of("a"), List.<String>of())
              .peek(
                  tokens -> {
                    if (tokens.isEmpty()) {
                      throw new IllegalArgumentException("no more");
                    }
                  });
      assertThrows(
          IllegalArgumentException.class,
          () -> VectorFile.write(path, rows, model.embedAll(failing, Layer.ELMO)));
      String message =
          assertThrows(
                  ElmoException.class,
                  () -> VectorFile.write(path, rows, model.embedAll(TEXT.stream(), Layer.lstm(1))))
              .getMessage();
      assertEquals("embeddings: expected the layer elmo, found [lstm_outputs1]", message);
    }
    try (VectorFile file = VectorFile.open(path);
        Stream<Path> left = Files.list(folder)) {
      assertEquals(1, file.dim());
      assertEquals(List.of(path), left.toList());
    }
  }

  @Test
  void anEmptyFileHasNoNearest() throws IOException {
    try (VectorFile file = VectorFile.open(file("v", List.of(), 4))) {
      assertEquals(0, file.size());
      assertEquals(List.of(), file.nearest(new float[4], 3));
      assertEquals(List.of(), file.nearest(List.of(), 3));
    }
  }

  @Test
  void badArgumentsAreNamed() throws IOException {
    Path path = file("v", List.of(new float[] {1, 2}), 2);
    try (VectorFile file = VectorFile.open(path)) {
      assertFails("vector: expected 2 numbers, found 3", () -> file.nearest(new float[3], 1));
      assertFails(
          "vector: expected finite numbers, found NaN",
          () -> file.nearest(new float[] {0, Float.NaN}, 1));
      assertFails("k: expected 1 or more, found 0", () -> file.nearest(new float[2], 0));
    }
    assertFails("threads: expected 1 or more, found 0", () -> VectorFile.open(path, 0));
    assertFails(
        "expected a readable safetensors file, found a folder", () -> VectorFile.open(folder));
    assertFails("no.vectors", () -> VectorFile.open(folder.resolve("no.vectors")));
    try (ElmoModel model = ElmoModel.miniEnglish()) {
      assertFails(
          "layer: expected one with a vector a token, found default",
          () -> VectorRows.sentences(model, Layer.DEFAULT, Pool.MEAN));
      VectorRows rows = VectorRows.sentences(model, Layer.ELMO, Pool.MEAN);
      assertFails(
          "embeddings: expected a value, found null",
          () -> VectorFile.write(folder.resolve("null"), rows, Stream.of((Embeddings) null)));
      assertFalse(Files.exists(folder.resolve("null")));
      assertFails(
          "word: expected a word, found an empty one",
          () -> VectorRows.uses(model, Layer.ELMO, ""));
    }
  }

  private static void assertFails(String expected, Runnable action) {
    String message = assertThrows(ElmoException.class, action::run).getMessage();
    assertTrue(message.contains(expected), message);
    assertFalse(message.contains("\n"), message);
  }

  private Path changed(Path path, Consumer<ObjectNode> change) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    int length = (int) bytes.getLong();
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode header = (ObjectNode) mapper.readTree(bytes.array(), 8, length);
    change.accept(header);
    byte[] json =
        Arrays.copyOf(mapper.writeValueAsString(header).getBytes(StandardCharsets.UTF_8), length);
    for (int i = length - 1; json[i] == 0; i--) {
      json[i] = ' ';
    }
    bytes.put(8, json);
    return Files.write(folder.resolve("changed"), bytes.array());
  }

  private static ObjectNode tensor(ObjectNode header, String name) {
    return (ObjectNode) header.get(name);
  }

  @Test
  void damagedFilesAreRefused() throws IOException {
    Path path = file("v", List.of(new float[] {1, 2}, new float[] {2, 1}), 2);
    List<Consumer<ObjectNode>> changes =
        List.of(
            header -> ((ObjectNode) header.get("__metadata__")).put("format", "elmo4j"),
            header -> ((ObjectNode) header.get("__metadata__")).put("format_version", "2"),
            header -> ((ObjectNode) header.get("__metadata__")).remove("model"),
            header -> tensor(header, "vectors").putArray("shape").add(2),
            header -> tensor(header, "vectors").putArray("shape").add(2).add(0),
            header -> tensor(header, "vectors").putArray("shape").add(3).add(2),
            header -> tensor(header, "vectors").putArray("shape").add(1L << 62).add(4),
            header -> tensor(header, "vectors").put("dtype", "F64"),
            header -> tensor(header, "tokens").put("dtype", "I64"),
            header -> header.set("other", header.remove("texts")),
            header -> header.set("other", header.remove("vectors")));
    for (Consumer<ObjectNode> change : changes) {
      Path changed = changed(path, change);
      assertThrows(ElmoException.class, () -> VectorFile.open(changed).close());
    }
    byte[] whole = Files.readAllBytes(path);
    for (int bytes : new int[] {0, 7, 100, whole.length - 1}) {
      Path cut = Files.write(folder.resolve("cut"), Arrays.copyOf(whole, bytes));
      assertThrows(ElmoException.class, () -> VectorFile.open(cut).close());
    }
  }

  @Test
  void aTextThatIsNotThereIsAnError() throws IOException {
    Path path = file("v", List.of(new float[] {1}, new float[] {2}), 1);
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    int start = 8 + (int) bytes.getLong(0);
    bytes.putLong(start + 8 + 16, Long.MAX_VALUE); // text_ends[0], after vectors and sentences
    Files.write(path, bytes.array());
    try (VectorFile file = VectorFile.open(path)) {
      assertFails("expected a text for row 0", () -> file.nearest(new float[] {1}, 2));
    }
  }

  /** On Windows, a mapped file cannot be truncated. */
  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void aFileCutShortWhileItIsOpenIsAnErrorAndNoCrash() throws IOException {
    Random random = new Random(1);
    int dim = 64;
    Path path = file("v", Stream.generate(() -> vector(random, dim)).limit(20_000).toList(), dim);
    try (VectorFile file = VectorFile.open(path, 2)) {
      assertEquals(3, file.nearest(new float[dim], 3).size());
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
        channel.truncate(10_000);
      }
      assertFails("while it is open, found it cut to 10000", () -> file.nearest(new float[dim], 3));
    }
  }

  @Test
  void closingEndsTheMappingAndLaterCallsAreErrors() throws IOException {
    Path path = file("v", List.of(new float[] {1, 2}), 2);
    long before = ElmoModel.liveBytes();
    VectorFile file = VectorFile.open(path);
    assertEquals(before + Files.size(path), ElmoModel.liveBytes());
    assertEquals(Files.exists(Path.of("/proc/self/maps")), isMapped(path));
    file.close();
    file.close();
    assertEquals(before, ElmoModel.liveBytes());
    assertFalse(isMapped(path));
    assertThrows(IllegalStateException.class, () -> file.nearest(new float[2], 1));
    assertEquals(1, file.size());
  }

  private static boolean isMapped(Path path) throws IOException {
    Path maps = Path.of("/proc/self/maps");
    if (!Files.exists(maps)) {
      return false; // On other systems than Linux, the test relies on the counted bytes.
    }
    return Files.readString(maps).contains(path.toRealPath().toString());
  }

  @Test
  void closingWhileOthersSearchWaitsForThem() throws Exception {
    int dim = 32;
    Random random = new Random(2);
    Path path = file("v", Stream.generate(() -> vector(random, dim)).limit(30_000).toList(), dim);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      for (int round = 0; round < 5; round++) {
        VectorFile file = VectorFile.open(path, 2);
        List<Hit> wanted = file.nearest(vector(new Random(3), dim), 7);
        CountDownLatch started = new CountDownLatch(4);
        List<Future<Integer>> searches = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
          searches.add(
              threads.submit(
                  () -> {
                    int done = 0;
                    try {
                      while (true) {
                        assertEquals(wanted, file.nearest(vector(new Random(3), dim), 7));
                        done++;
                        started.countDown();
                      }
                    } catch (IllegalStateException e) {
                      return done;
                    }
                  }));
        }
        started.await();
        file.close();
        for (Future<Integer> search : searches) {
          assertTrue(search.get() > 0);
        }
      }
    } finally {
      threads.shutdownNow();
    }
  }
}
