// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Layer;
import org.elmo4j.Precision;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.internal.backend.NativeMemory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests when models are loaded and closed, and that failed and killed tasks leave no memory behind.
 */
class LifetimeTest extends LocalTest {
  private static final ModelRef BOX = ModelRef.box();

  private static SharedModels.Lease acquire(ModelRef model, int keepAlive) {
    return SharedModels.acquire(model, Device.cpu(), Precision.FP32, 1, keepAlive);
  }

  @Test
  void tasksShareOneModelUntilTheLastIsDone() {
    ElmoModel model;
    try (SharedModels.Lease first = acquire(BOX, 0)) {
      model = first.model();
      try (SharedModels.Lease second = acquire(BOX, 0)) {
        assertSame(model, second.model());
      }
      assertEquals(128, model.dim(Layer.WORD_EMB));
      model.embed(List.of(List.of("open"))).close();
    }
    assertThrows(IllegalStateException.class, () -> model.embed(List.of(List.of("closed"))));
    assertEquals(0, NativeMemory.liveBytes());
  }

  @Test
  void eachPrecisionHasAModelOfItsOwn() {
    try (SharedModels.Lease full = acquire(BOX, 0);
        SharedModels.Lease half = SharedModels.acquire(BOX, Device.auto(), Precision.BF16, 1, 0)) {
      assertNotSame(full.model(), half.model());
      assertTrue(half.model().weightBytes() < full.model().weightBytes());
    }
    assertEquals(0, NativeMemory.liveBytes());
  }

  @Test
  void manyThreadsGetOneModel() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try (SharedModels.Lease lease = acquire(BOX, 0)) {
      List<Future<ElmoModel>> models =
          java.util.stream.IntStream.range(0, 32)
              .mapToObj(
                  i ->
                      threads.submit(
                          () -> {
                            try (SharedModels.Lease own = acquire(BOX, 0)) {
                              return own.model();
                            }
                          }))
              .toList();
      for (Future<ElmoModel> model : models) {
        assertSame(lease.model(), model.get());
      }
    } finally {
      threads.shutdown();
    }
    assertEquals(0, NativeMemory.liveBytes());
  }

  @Test
  void tasksThatLoadOneFileUnderSeveralKeysFetchItOnce(@TempDir Path folder) throws Exception {
    Path file = Spark.small(folder.resolve("model"), Map.of("test", "fetched once"));
    String sha256 = ModelHub.sha256(file);
    Path named = Files.move(file, folder.resolve(ModelRef.fileName(sha256)));
    String address = SparkEnv.get().rpcEnv().fileServer().addFile(named.toFile());
    ModelRef sent = new ModelRef(ModelRef.Kind.SENT, address, sha256, null);
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Future<?>> loads = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        Precision precision = i % 2 == 0 ? Precision.FP32 : Precision.BF16;
        // Not through SharedModels, so that each call loads the model.
        loads.add(
            threads.submit(() -> sent.open(sent.content(), Device.cpu(), precision, 1).close()));
      }
      for (Future<?> load : loads) {
        load.get();
      }
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void anIdleModelIsKeptForAWhileAndThenClosed() {
    SharedModels.Lease lease = acquire(BOX, 1);
    ElmoModel model = lease.model();
    lease.close();
    lease.close();
    assertTrue(NativeMemory.liveBytes() > 0);
    lease = acquire(BOX, 1);
    assertSame(model, lease.model());
    lease.close();
    assertEquals(0, Spark.settle());
    try (SharedModels.Lease another = acquire(BOX, 0)) {
      assertNotSame(model, another.model());
    }
  }

  @Test
  void aModelThatCannotBeLoadedLeavesNothingAndMayBeTriedAgain() {
    ModelRef missing = ModelRef.reference(session.sparkContext(), "file:/no/such/model");
    for (int i = 0; i < 2; i++) {
      Exception e = assertThrows(ElmoException.class, () -> acquire(missing, 60));
      assertTrue(
          e.getMessage().matches("executor driver: /no/such/model: expected .*"), e.getMessage());
    }
  }

  /** Local files under another scheme, which counts how often it is asked about them. */
  public static final class CountedFiles extends RawLocalFileSystem {
    private static final AtomicInteger LOOKS = new AtomicInteger();
    private static final AtomicInteger OPENED = new AtomicInteger();

    @Override
    public URI getUri() {
      return URI.create("counted:///");
    }

    @Override
    public FileStatus getFileStatus(org.apache.hadoop.fs.Path path) throws IOException {
      LOOKS.incrementAndGet();
      return super.getFileStatus(path);
    }

    @Override
    public FSDataInputStream open(org.apache.hadoop.fs.Path path, int bytes) throws IOException {
      OPENED.incrementAndGet();
      return super.open(path, bytes);
    }

    /** How often files were looked at and opened since the last call. */
    static List<Integer> count() {
      return List.of(LOOKS.getAndSet(0), OPENED.getAndSet(0));
    }
  }

  @Test
  void filesOfAModelAreLookedAtOnceATransformAndOnceATask(@TempDir Path folder) {
    session
        .sparkContext()
        .hadoopConfiguration()
        .set("fs.counted.impl", CountedFiles.class.getName());
    String place = "counted://" + Spark.small(folder.resolve("model"), Map.of("test", "counted"));
    List<List<String>> sentences = Spark.sentences(60);
    Dataset<Row> data = Spark.tokens(session, 3, sentences);

    // By reference, a model may be replaced: hence a look, but the node has it already.
    ElmoEmbeddings reference = columns(ElmoEmbeddings.loadByReference(place)).setBatchTokens(50);
    assertEquals(1, CountedFiles.count().get(1));
    Dataset<Row> embedded = reference.transform(data);
    assertEquals(List.of(1, 0), CountedFiles.count());
    Spark.assertVectors(sentences, embedded);
    assertEquals(List.of(3, 0), CountedFiles.count());
    reference.transformSchema(data.schema());
    assertEquals(List.of(1, 0), CountedFiles.count());

    // Otherwise the driver has its copy.
    ElmoEmbeddings held = columns(ElmoEmbeddings.load(place));
    assertEquals(1, CountedFiles.count().get(1));
    Spark.assertVectors(sentences, held.transform(data));
    assertEquals(List.of(0, 0), CountedFiles.count());
  }

  private static ElmoEmbeddings columns(ElmoEmbeddings stage) {
    return stage.setKeepAlive(0).setInputCols("tokens").setOutputCol("vectors");
  }

  @Test
  void aTaskThatFailsMidwayIsRunAgainAndRowsAreRight() {
    runsAgain(
        row -> {
          if (TaskContext.get().attemptNumber() < 2 && row.getInt(0) % 20 == 13) {
            throw new IllegalStateException("on purpose");
          }
          return row;
        });
  }

  @Test
  void aTaskKilledMidwayIsRunAgainAndRowsAreRight() {
    runsAgain(
        row -> {
          TaskContext task = TaskContext.get();
          if (task.attemptNumber() == 0 && row.getInt(0) % 20 == 13) {
            SparkContext.getOrCreate().killTaskAttempt(task.taskAttemptId(), true, "test");
            Thread.sleep(10_000); // Waits to be killed.
          }
          return row;
        });
  }

  private static void runsAgain(MapFunction<Row, Row> ends) {
    List<List<String>> sentences = Spark.sentences(60);
    Dataset<Row> embedded =
        stage().setBatchTokens(50).transform(Spark.tokens(session, 2, sentences));
    Spark.assertVectors(sentences, embedded.map(ends, Encoders.row(embedded.schema())));
    assertEquals(0, Spark.settle());
  }

  /**
   * Runs two attempts at the same partitions and kills one, as Spark does after a speculative copy
   * has won.
   */
  @Test
  void ofTwoAttemptsAtOnceTheKilledOneHarmsNeitherTheOtherNorMemory() throws Exception {
    List<List<String>> sentences = Spark.sentences(2_000);
    Dataset<Row> embedded =
        ElmoEmbeddings.miniEnglish()
            .setKeepAlive(0)
            .setInputCols("tokens")
            .setOutputCols("vectors", "mean")
            .setPoolingLayers("elmo", "default")
            .setBatchTokens(1_000)
            .transform(Spark.tokens(session, 1, sentences));
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      Future<Long> killed =
          threads.submit(
              () -> {
                session.sparkContext().setJobGroup("killed", "", true);
                // A filter on the vectors, since count() alone would not compute them.
                return embedded.filter("size(vectors) > 0").count();
              });
      while (NativeMemory.liveBytes() == 0) {
        assertFalse(killed.isDone());
        Thread.sleep(5);
      }
      Future<List<Row>> other =
          threads.submit(
              () -> {
                session.sparkContext().setJobGroup("other", "", true);
                return embedded.select("id", "mean").collectAsList();
              });
      Thread.sleep(100);
      assertFalse(killed.isDone());
      session.sparkContext().cancelJobGroup("killed");
      assertThrows(Exception.class, killed::get);

      List<float[][]> expected = Spark.bundled(sentences.subList(0, 100), Layer.DEFAULT);
      assertEquals(2_000, other.get().size());
      for (Row row : other.get()) {
        if (row.getInt(0) < 100) {
          double[] mean = row.<Vector>getAs("mean").toArray();
          for (int i = 0; i < mean.length; i++) {
            assertEquals(expected.get(row.getInt(0))[0][i], mean[i]);
          }
        }
      }
    } finally {
      threads.shutdownNow();
    }
    assertEquals(0, Spark.settle());
  }
}
