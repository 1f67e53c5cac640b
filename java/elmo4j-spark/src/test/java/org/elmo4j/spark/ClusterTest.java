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
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.elmo4j.Layer;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.internal.backend.NativeMemory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests with executors in JVMs of their own. The test that ends an executor runs last of all on
 * them.
 */
@Order(2)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ClusterTest {
  private static SparkSession session;

  @TempDir Path folder;

  @BeforeAll
  static void start() {
    session = Spark.cluster();
  }

  @AfterAll
  static void stop() {
    Spark.check();
  }

  /** Writes a model with a content that executors do not have yet. */
  private static Path model(Path folder, String content) {
    return Spark.small(folder.resolve(content), Map.of("test", content));
  }

  private static ElmoEmbeddings stage(String model) {
    return ElmoEmbeddings.load(model)
        .setKeepAlive(0)
        .setInputCols("tokens")
        .setOutputCol("vectors");
  }

  /** Runs one task on each executor and returns the results. */
  private static List<String> onExecutors(MapPartitionsFunction<Long, String> task) {
    return session
        .range(0, 2, 1, 2)
        .map(
            (MapFunction<Long, Long>)
                i -> {
                  Thread.sleep(1000); // So that one executor does not get both.
                  return i;
                },
            Encoders.LONG())
        .mapPartitions(task, Encoders.STRING())
        .collectAsList();
  }

  /** Returns the id of each executor with the native memory that it uses. */
  private static Set<String> liveBytes() {
    return new HashSet<>(
        onExecutors(
            longs -> {
              longs.forEachRemaining(i -> {});
              return List.of(SparkEnv.get().executorId() + " " + NativeMemory.liveBytes())
                  .iterator();
            }));
  }

  @Test
  void theModelIsSentAndVectorsAreTheLibrarysOwn() throws Exception {
    List<List<String>> sentences = Spark.sentences(200);
    Dataset<Row> data = Spark.tokens(session, 4, sentences);
    Spark.assertVectors(sentences, stage(model(folder, "sent").toString()).transform(data));

    // The same model from another path. The executors already have its file.
    Path copy = Files.copy(folder.resolve("sent"), folder.resolve("copy"));
    Spark.assertVectors(
        sentences.subList(0, 1), stage(copy.toString()).transform(data.filter("id = 0")));
    assertEquals(Set.of("0 0", "1 0"), liveBytes());
  }

  @Test
  void theGpuThatSparkGivesATaskIsTheOneAskedFor() {
    Dataset<Row> embedded =
        stage(model(folder, "gpu").toString())
            .setDevice("cuda")
            .transform(Spark.tokens(session, 2, Spark.sentences(4)));
    // No machine has that many GPUs, so the number in the message is the address from Spark.
    Exception e = assertThrows(Exception.class, embedded::collectAsList);
    assertTrue(e.getMessage().matches("(?s).*cuda:123[45].*"), e.getMessage());
  }

  @Test
  void aModelDamagedOnExecutorsEndsTheJobWithTheNameOfOne() throws Exception {
    Path model = model(folder, "damaged");
    Dataset<Row> embedded =
        stage(model.toString()).transform(Spark.tokens(session, 4, Spark.sentences(200)));
    assertEquals(200, embedded.collectAsList().size());
    String name = ModelRef.fileName(ModelHub.sha256(model));
    List<String> damaged =
        onExecutors(
            longs -> {
              longs.forEachRemaining(i -> {});
              Path file = NodeFiles.folder().resolve(name);
              assertTrue(Files.deleteIfExists(file));
              Files.write(file, new byte[] {1});
              return List.of(SparkEnv.get().executorId()).iterator();
            });
    assertEquals(Set.of("0", "1"), Set.copyOf(damaged));
    Exception e = assertThrows(Exception.class, embedded::collectAsList);
    assertTrue(
        e.getMessage()
            .matches("(?s).*executor [01]: \\S*" + name + ": expected content of sha256 .*"),
        e.getMessage());
  }

  /**
   * Both precisions run at once on both executors, and each executor fetches the file only once.
   */
  @Test
  void twoPrecisionsOfOneModelShareItsFile() {
    List<List<String>> sentences = Spark.sentences(20);
    ElmoEmbeddings full = stage(model(folder, "shared").toString());
    ElmoEmbeddings half = full.copy(new ParamMap()).setPrecision("bf16");
    Dataset<Row> data = Spark.tokens(session, 2, sentences);
    List<Row> rows = full.transform(data).union(half.transform(data)).collectAsList();
    assertEquals(40, rows.size());
    float[] first = Spark.expected(sentences, Layer.ELMO).get(0)[0];
    for (Row row : rows) {
      if (row.getInt(0) == 0) {
        assertArrayEquals(first, Spark.vectors(row, "vectors")[0], 0.05f);
      }
    }
  }

  @Test
  void everyNodeFetchesARemoteModelByReference() {
    model(Path.of(Spark.remoteFolder()), "referred");
    List<List<String>> sentences = Spark.sentences(20);
    ElmoEmbeddings stage =
        ElmoEmbeddings.loadByReference("viewfs://elmo4j/data/referred")
            .setKeepAlive(0)
            .setInputCols("tokens")
            .setOutputCol("vectors");
    ModelRef sent = stage.known().send(session.sparkContext());
    assertEquals("viewfs://elmo4j/data/referred", sent.place());
    Spark.assertVectors(sentences, stage.transform(Spark.tokens(session, 4, sentences)));
  }

  @Test
  @Order(Integer.MAX_VALUE)
  void anExecutorThatDiesIsReplacedAndRowsAreRight() {
    List<List<String>> sentences = Spark.sentences(200);
    Dataset<Row> embedded =
        stage(model(folder, "dies").toString())
            .setBatchTokens(100)
            .transform(Spark.tokens(session, 4, sentences));
    String marker = folder.resolve("dead").toString();
    Dataset<Row> dying =
        embedded.map(
            (MapFunction<Row, Row>)
                row -> {
                  // Only once: each new attempt reads its input from the beginning and comes here.
                  if (row.getInt(0) == 100 && new File(marker).createNewFile()) {
                    Runtime.getRuntime().halt(1);
                  }
                  return row;
                },
            Encoders.row(embedded.schema()));
    Spark.assertVectors(sentences, dying);
    assertTrue(Files.exists(Path.of(marker)));
  }
}
