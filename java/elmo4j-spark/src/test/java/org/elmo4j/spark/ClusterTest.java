// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.SparkEnv;
import org.apache.spark.SparkFiles;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.elmo4j.Layer;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.weights.Dtype;
import org.elmo4j.internal.weights.SafetensorsWriter;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Executors in JVMs of their own. */
class ClusterTest {
  @TempDir Path folder;

  /** The model in the box, as a file that executors do not have. */
  private Path model() {
    Path file = folder.resolve("model.safetensors");
    try (WeightStore store = WeightStores.miniEnglish()) {
      SafetensorsWriter.write(store, file, Dtype.F32, Map.of());
    }
    return file;
  }

  private static ElmoEmbeddings stage(String model) {
    return ElmoEmbeddings.load(model)
        .setKeepAlive(0)
        .setInputCols("tokens")
        .setOutputCol("vectors");
  }

  /** Runs one task on each executor and returns what they say. */
  private static List<String> onExecutors(
      SparkSession session, MapPartitionsFunction<Long, String> task) {
    return session
        .range(0, 2, 1, 2)
        .map(
            (MapFunction<Long, Long>)
                i -> {
                  Thread.sleep(1000); // So that neither executor gets both.
                  return i;
                },
            Encoders.LONG())
        .mapPartitions(task, Encoders.STRING())
        .collectAsList();
  }

  /** Of each executor, its id and its native memory in use. */
  private static Set<String> liveBytes(SparkSession session) {
    return new HashSet<>(
        onExecutors(
            session,
            longs -> {
              longs.forEachRemaining(i -> {});
              return List.of(SparkEnv.get().executorId() + " " + NativeMemory.liveBytes())
                  .iterator();
            }));
  }

  @Test
  void theModelIsSentAndVectorsAreTheLibrarysOwn() throws Exception {
    List<List<String>> sentences = Spark.sentences(200);
    List<float[][]> expected = Spark.expected(sentences, Layer.ELMO);
    SparkSession session = Spark.cluster(Map.of());
    try {
      Dataset<Row> data = Spark.tokens(session, 4, sentences);
      List<Row> rows = stage(model().toString()).transform(data).sort("id").collectAsList();
      assertEquals(200, rows.size());
      for (int i = 0; i < 200; i++) {
        assertArrayEquals(expected.get(i), Spark.vectors(rows.get(i), "vectors"));
      }

      // The same model from another path, of which executors have the file already.
      Path copy = Files.copy(folder.resolve("model.safetensors"), folder.resolve("copy"));
      assertArrayEquals(
          expected.get(0),
          Spark.vectors(
              stage(copy.toString()).transform(data.filter("id = 0")).collectAsList().get(0),
              "vectors"));
      assertEquals(Set.of("0 0", "1 0"), liveBytes(session));
    } finally {
      Spark.stop(session);
    }
  }

  @Test
  void theGpuThatSparkGivesATaskIsTheOneAskedFor() throws Exception {
    Path script =
        Files.writeString(
            folder.resolve("gpus"),
            "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [\"1234\"]}'\n");
    assertTrue(script.toFile().setExecutable(true));
    SparkSession session =
        Spark.cluster(
            Map.of(
                "spark.task.maxFailures", "1",
                "spark.worker.resource.gpu.amount", "1",
                "spark.worker.resource.gpu.discoveryScript", script.toString(),
                "spark.executor.resource.gpu.amount", "1",
                "spark.task.resource.gpu.amount", "1"));
    try {
      Dataset<Row> embedded =
          stage(model().toString())
              .setDevice("cuda")
              .transform(Spark.tokens(session, 2, Spark.sentences(4)));
      // No machine has that many: so the address has come through.
      Exception e = assertThrows(Exception.class, embedded::collectAsList);
      assertTrue(e.getMessage().contains("cuda:1234"), e.getMessage());
    } finally {
      Spark.stop(session);
    }
  }

  @Test
  void aModelDamagedOnOneExecutorEndsTheJobWithItsName() {
    SparkSession session = Spark.cluster(Map.of("spark.task.maxFailures", "1"));
    try {
      Dataset<Row> embedded =
          stage(model().toString()).transform(Spark.tokens(session, 4, Spark.sentences(200)));
      assertEquals(200, embedded.collectAsList().size());
      List<String> damaged =
          onExecutors(
              session,
              longs -> {
                longs.forEachRemaining(i -> {});
                List<String> names = new ArrayList<>();
                if (SparkEnv.get().executorId().equals("1")) {
                  for (Path file : list(Path.of(SparkFiles.getRootDirectory()))) {
                    if (file.getFileName().toString().startsWith("elmo4j-")) {
                      byte[] bytes = Files.readAllBytes(file);
                      bytes[bytes.length / 2] ^= 1;
                      Files.delete(file);
                      Files.write(file, bytes);
                      names.add(file.getFileName().toString());
                    }
                  }
                }
                return names.iterator();
              });
      assertEquals(1, damaged.size());
      Exception e = assertThrows(Exception.class, embedded::collectAsList);
      assertTrue(
          e.getMessage()
              .matches(
                  "(?s).*executor 1: \\S*" + damaged.get(0) + ": expected a file of sha256 .*"),
          e.getMessage());
    } finally {
      Spark.stop(session);
    }
  }

  @Test
  void ofATaskAndItsSpeculativeCopyOneSetOfRowsComes() {
    List<List<String>> sentences = Spark.sentences(200);
    List<float[][]> expected = Spark.expected(sentences, Layer.ELMO);
    SparkSession session =
        Spark.cluster(
            Map.of(
                "spark.speculation", "true",
                "spark.speculation.interval", "100ms",
                "spark.speculation.minTaskRuntime", "100ms"));
    try {
      Dataset<Row> embedded =
          stage(model().toString())
              .setBatchTokens(100)
              .transform(Spark.tokens(session, 4, sentences));
      LongAccumulator copies = session.sparkContext().longAccumulator("copies");
      Dataset<Row> slow =
          embedded.map(
              (MapFunction<Row, Row>)
                  row -> {
                    if (row.getInt(0) == 100) {
                      if (TaskContext.get().attemptNumber() == 0) {
                        Thread.sleep(60_000); // In the midst of its rows; the copy wins.
                      }
                      copies.add(1);
                    }
                    return row;
                  },
              Encoders.row(embedded.schema()));
      List<Row> rows = new ArrayList<>(slow.collectAsList());
      rows.sort((a, b) -> Integer.compare(a.getInt(0), b.getInt(0)));
      assertEquals(200, rows.size());
      for (int i = 0; i < 200; i++) {
        assertArrayEquals(expected.get(i), Spark.vectors(rows.get(i), "vectors"));
      }
      assertEquals(1, copies.value());
      assertEquals(Set.of("0 0", "1 0"), liveBytes(session));
    } finally {
      Spark.stop(session);
    }
  }

  @Test
  void anExecutorThatDiesIsReplacedAndRowsAreRight() {
    List<List<String>> sentences = Spark.sentences(200);
    List<float[][]> expected = Spark.expected(sentences, Layer.ELMO);
    SparkSession session = Spark.cluster(Map.of());
    try {
      Dataset<Row> embedded =
          stage(model().toString())
              .setBatchTokens(100)
              .transform(Spark.tokens(session, 4, sentences));
      String marker = folder.resolve("dead").toString();
      Dataset<Row> dying =
          embedded.map(
              (MapFunction<Row, Row>)
                  row -> {
                    // Once only: with the executor went its input, so all attempts begin anew.
                    if (row.getInt(0) == 100 && new File(marker).createNewFile()) {
                      Runtime.getRuntime().halt(1);
                    }
                    return row;
                  },
              Encoders.row(embedded.schema()));
      List<Row> rows = new ArrayList<>(dying.collectAsList());
      rows.sort((a, b) -> Integer.compare(a.getInt(0), b.getInt(0)));
      assertEquals(200, rows.size());
      for (int i = 0; i < 200; i++) {
        assertArrayEquals(expected.get(i), Spark.vectors(rows.get(i), "vectors"));
      }
      assertTrue(Files.exists(Path.of(marker)));
    } finally {
      Spark.stop(session);
    }
  }

  private static List<Path> list(Path folder) throws java.io.IOException {
    try (java.util.stream.Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }
}
