// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.spark.SparkStatusTracker;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.weights.Dtype;
import org.elmo4j.internal.weights.SafetensorsWriter;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/** Sessions, data and expected values of the tests. */
public final class Spark {
  static final DataType TOKENS = DataTypes.createArrayType(DataTypes.StringType);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  // What the library gave for sentences; each key of the first map is a model's name and a layer.
  private static final Map<String, Map<List<String>, float[][]>> KNOWN = new HashMap<>();
  private static SparkSession shared;
  private static Path small;

  private Spark() {}

  /** Returns a session in one JVM, which all tests share. A task may fail twice. */
  public static synchronized SparkSession local() {
    return shared("local[2,3]", Map.of());
  }

  /**
   * Returns a session with a master and executors of two cores in JVMs of their own, which all
   * tests share. A task may fail once. Spark believes that each executor has two GPUs, with numbers
   * that exist on no machine.
   */
  public static synchronized SparkSession cluster() {
    Path gpus = Path.of("target", "gpus").toAbsolutePath();
    try {
      // The executors use the class path of the tests, but Spark expects this folder to exist.
      Files.createDirectories(Path.of(System.getenv("SPARK_HOME"), "jars"));
      Files.createDirectories(gpus.getParent());
      Files.writeString(
          gpus, "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [\"1234\", \"1235\"]}'\n");
      assertTrue(gpus.toFile().setExecutable(true));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    SparkSession session =
        shared(
            "local-cluster[2,2,2048]",
            Map.of(
                "spark.task.maxFailures", "2",
                "spark.worker.resource.gpu.amount", "2",
                "spark.worker.resource.gpu.discoveryScript", gpus.toString(),
                "spark.executor.resource.gpu.amount", "2",
                "spark.task.resource.gpu.amount", "1"));
    // Wait for both executors, or the first tasks might all go to one of them.
    SparkStatusTracker tracker = session.sparkContext().statusTracker();
    long deadline = System.nanoTime() + 3 * PATIENCE.toNanos();
    while (tracker.getExecutorInfos().length < 3 && System.nanoTime() < deadline) {
      pause();
    }
    assertEquals(3, tracker.getExecutorInfos().length, "the driver and two executors");
    return session;
  }

  /** Whether this is Spark 4, for which elmo4j was not compiled. */
  static boolean is4() {
    return org.apache.spark.package$.MODULE$.SPARK_VERSION().startsWith("4");
  }

  private static SparkSession shared(String master, Map<String, String> settings) {
    if (shared != null && !shared.sparkContext().master().equals(master)) {
      shared.stop();
      shared = null;
    }
    if (shared == null) {
      // PackagesTest and ShellTest run beside the tests on this session, which count the native
      // memory in use. So what they expect is computed before.
      Submit.expected();
      shared = start(master, settings);
    }
    return shared;
  }

  static SparkSession start(String master, Map<String, String> settings) {
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    SparkSession.Builder builder =
        SparkSession.builder()
            .master(master)
            .appName("tests")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.executor.memory", "1g")
            .config("spark.executor.extraClassPath", classPath)
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.warehouse.dir", Path.of("target", "warehouse").toUri().toString())
            .config(
                "spark.hadoop.fs.viewfs.mounttable.elmo4j.link./data", remoteFolder().toString())
            .config(
                "spark.executor.extraJavaOptions",
                System.getProperty("elmo4j.spark.quick", "")
                    + " -Dorg.bytedeco.javacpp.cachedir="
                    + System.getProperty("org.bytedeco.javacpp.cachedir"));
    settings.forEach(builder::config);
    return builder.getOrCreate();
  }

  /**
   * Returns the local folder that tests see as {@code viewfs://elmo4j/data}, on a file system other
   * than the local one.
   */
  static URI remoteFolder() {
    try {
      return Files.createDirectories(Path.of("target", "remote")).toRealPath().toUri();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Checks, after a test class, that no native memory is left in this JVM. */
  public static void check() {
    assertEquals(0, settle(), "bytes of native memory never freed");
  }

  /**
   * Waits until no native memory is in use, for a limited time, and returns the bytes still in use.
   */
  static long settle() {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (NativeMemory.liveBytes() > 0 && System.nanoTime() < deadline) {
      pause();
    }
    return NativeMemory.liveBytes();
  }

  private static void pause() {
    try {
      Thread.sleep(10);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Returns a stage with the small model, which is closed with its last task. */
  static ElmoEmbeddings stage() {
    return ElmoEmbeddings.load(small().toString()).setKeepAlive(0);
  }

  /** Returns rows with an id and the tokens of a sentence. */
  static Dataset<Row> tokens(SparkSession session, int partitions, List<List<String>> sentences) {
    List<Row> rows = new ArrayList<>();
    for (List<String> sentence : sentences) {
      rows.add(
          RowFactory.create(
              rows.size(), sentence == null ? null : sentence.toArray(new String[0])));
    }
    StructType schema = new StructType().add("id", DataTypes.IntegerType).add("tokens", TOKENS);
    return session.createDataFrame(rows, schema).repartition(partitions);
  }

  /** Returns one column of texts, in order, in one partition. */
  public static Dataset<Row> texts(SparkSession session, String... texts) {
    List<Row> rows = Arrays.stream(texts).map(RowFactory::create).toList();
    return session
        .createDataFrame(rows, new StructType().add("text", DataTypes.StringType))
        .coalesce(1);
  }

  /**
   * Returns a file with a small model. Most tests use it, because Spark loads a model for nearly
   * every job, and a load hashes all weights, which is slow without the compiler C2.
   */
  public static synchronized Path small() {
    if (small == null) {
      small = small(Path.of("target", "small-model").toAbsolutePath(), Map.of());
    }
    return small;
  }

  /**
   * Writes the small model to a file. Different metadata give a different file, or a different
   * model.
   */
  public static Path small(Path file, Map<String, String> metadata) {
    Path golden = Path.of(System.getProperty("elmo4j.root"), "tests", "golden", "relu-skip");
    try (WeightStore store = WeightStores.open(golden)) {
      SafetensorsWriter.write(store, file, Dtype.F32, metadata);
    }
    return file;
  }

  /**
   * Checks that each sentence has the vectors that the library gives, in any order of rows.
   *
   * @param rows the rows of {@link #tokens} with a column {@code vectors} of the layer elmo
   */
  static void assertVectors(List<List<String>> sentences, Dataset<Row> rows) {
    List<float[][]> expected = expected(sentences, Layer.ELMO);
    Set<Integer> ids = new HashSet<>();
    for (Row row : rows.collectAsList()) {
      int id = row.getInt(0);
      assertTrue(ids.add(id), "row " + id + " twice");
      assertArrayEquals(expected.get(id), vectors(row, "vectors"), "row " + id);
    }
    assertEquals(sentences.size(), ids.size());
  }

  /** Makes sentences of 1 to 31 words, some of them rare. */
  static List<List<String>> sentences(int count) {
    String[] words = "the cat sat on a mat and it was happy there , I love NLP .".split(" ");
    List<List<String>> sentences = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      List<String> sentence = new ArrayList<>();
      int length = 1 + i * 7 % 31;
      for (int j = 0; j < length; j++) {
        sentence.add(j % 5 == 4 ? "w" + i : words[(i + j * j) % words.length]);
      }
      sentences.add(sentence);
    }
    return sentences;
  }

  /**
   * Returns the vectors that the library gives with the small model for each sentence, embedded
   * alone: [length][dim], or [1][dim] for a mean.
   */
  public static List<float[][]> expected(List<List<String>> sentences, Layer layer) {
    return expected("small", () -> ElmoModel.load(small()), sentences, layer);
  }

  /** Returns what {@link #expected} returns, with the bundled model. */
  public static List<float[][]> bundled(List<List<String>> sentences, Layer layer) {
    return expected("bundled", ElmoModel::miniEnglish, sentences, layer);
  }

  private static List<float[][]> expected(
      String name, Supplier<ElmoModel> load, List<List<String>> sentences, Layer layer) {
    synchronized (KNOWN) {
      Map<List<String>, float[][]> known =
          KNOWN.computeIfAbsent(name + " " + layer, key -> new HashMap<>());
      List<List<String>> missing =
          sentences.stream().filter(sentence -> !known.containsKey(sentence)).toList();
      if (!missing.isEmpty()) {
        try (ElmoModel model = load.get()) {
          missing.forEach(
              sentence -> known.put(List.copyOf(sentence), embedded(model, sentence, layer)));
        }
      }
      return sentences.stream().map(known::get).toList();
    }
  }

  private static float[][] embedded(ElmoModel model, List<String> sentence, Layer layer) {
    int dim = model.dim(layer);
    try (Embeddings embeddings = model.embed(List.of(sentence), layer)) {
      float[] flat = embeddings.get(layer, 0).toArray();
      float[][] rows = new float[flat.length / dim][];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = Arrays.copyOfRange(flat, i * dim, (i + 1) * dim);
      }
      return rows;
    }
  }

  /** Reads a column of type {@code array<array<float>>}. */
  static float[][] vectors(Row row, String column) {
    List<Object> outer = row.getList(row.fieldIndex(column));
    float[][] vectors = new float[outer.size()][];
    for (int i = 0; i < vectors.length; i++) {
      vectors[i] = floats(RowFactory.create(outer.get(i)), 0);
    }
    return vectors;
  }

  /** Reads an array of floats from a row. */
  public static float[] floats(Row row, int index) {
    List<Float> list = row.getList(index);
    float[] floats = new float[list.size()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = list.get(i);
    }
    return floats;
  }
}
