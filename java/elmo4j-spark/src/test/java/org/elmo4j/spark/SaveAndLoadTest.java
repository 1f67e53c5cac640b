// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.elmo4j.ElmoException;
import org.elmo4j.ScalarMix;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SaveAndLoadTest {
  private static SparkSession session;

  @TempDir Path folder;

  @BeforeAll
  static void start() {
    session = Spark.local("local[2]");
  }

  @AfterAll
  static void stop() {
    Spark.stop(session);
  }

  /** A model in the original form: two files in a folder. */
  private Path model() throws IOException {
    Path golden = Path.of(System.getProperty("elmo4j.root"), "tests", "golden", "relu-skip");
    Path model = Files.createDirectory(folder.resolve("model"));
    for (String file : List.of("options.json", "weights.hdf5")) {
      Files.copy(golden.resolve(file), model.resolve(file));
    }
    return model;
  }

  private static ElmoEmbeddings configured(ElmoEmbeddings stage) {
    return stage
        .setKeepAlive(0)
        .setInputCols("tokens")
        .setOutputCols("a", "b")
        .setPoolingLayers("elmo", "word_emb")
        .setScalarMix(new ScalarMix(new float[] {0.1f, 0.2f, 0.3f}, 1.5f))
        .setBatchTokens(77)
        .setStorageRef("mine");
  }

  private static float[][] first(Dataset<Row> data, String column) {
    return Spark.vectors(data.collectAsList().get(0), column);
  }

  @Test
  void aSavedPipelineHoldsItsModel() throws IOException {
    Path model = model();
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    ElmoEmbeddings stage = configured(ElmoEmbeddings.load(model.toString()));
    PipelineModel pipeline = new Pipeline().setStages(new PipelineStage[] {stage}).fit(data);
    float[][] a = first(pipeline.transform(data), "a");
    float[][] b = first(pipeline.transform(data), "b");
    Path saved = folder.resolve("pipeline");
    pipeline.save(saved.toString());
    delete(model);
    Path moved = Files.move(saved, folder.resolve("moved"));

    PipelineModel loaded = PipelineModel.load(moved.toString());
    assertArrayEquals(a, first(loaded.transform(data), "a"));
    assertArrayEquals(b, first(loaded.transform(data), "b"));
    ElmoEmbeddings read = (ElmoEmbeddings) loaded.stages()[0];
    assertEquals(stage.uid(), read.uid());
    assertEquals(77, read.getBatchTokens());
    assertEquals("mine", read.getStorageRef());
    assertArrayEquals(new String[] {"a", "b"}, read.getOutputCols());

    // And again from there.
    Path again = folder.resolve("again");
    read.save(again.toString());
    delete(moved);
    assertArrayEquals(a, first(ElmoEmbeddings.load(again.toString()).transform(data), "a"));
    assertThrows(
        IOException.class, () -> ElmoEmbeddings.load(again.toString()).save(again.toString()));
  }

  @Test
  void byReferenceTheModelStaysWhereItIs() throws IOException {
    Path model = model();
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    ElmoEmbeddings stage = configured(ElmoEmbeddings.loadByReference(model.toString()));
    float[][] a = first(stage.transform(data), "a");
    Path saved = folder.resolve("stage");
    stage.save(saved.toString());
    try (Stream<Path> files = Files.walk(saved)) {
      assertFalse(files.anyMatch(file -> file.endsWith("weights")));
    }
    assertArrayEquals(a, first(ElmoEmbeddings.load(saved.toString()).transform(data), "a"));
    delete(model);
    Exception e = assertThrows(ElmoException.class, () -> ElmoEmbeddings.load(saved.toString()));
    assertTrue(e.getMessage().contains(model + ": expected"), e.getMessage());
  }

  @Test
  void theModelInTheBoxIsSavedByName() throws IOException {
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    ElmoEmbeddings stage = configured(ElmoEmbeddings.miniEnglish());
    Path saved = folder.resolve("stage");
    stage.save(saved.toString());
    ElmoEmbeddings read = ElmoEmbeddings.read().load(saved.toString());
    assertEquals("mini-en", read.getModel());
    assertArrayEquals(first(stage.transform(data), "a"), first(read.transform(data), "a"));
  }

  @Test
  void aDamagedModelIsRefusedWithItsName() throws IOException {
    Path model = model();
    ElmoEmbeddings stage = configured(ElmoEmbeddings.load(model.toString()));
    Path saved = folder.resolve("stage");
    stage.save(saved.toString());
    Path weights = saved.resolve("weights");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 1] ^= 1;
    Files.write(weights, bytes);
    Files.deleteIfExists(saved.resolve(".weights.crc"));
    Exception e = assertThrows(ElmoException.class, () -> ElmoEmbeddings.load(saved.toString()));
    assertTrue(e.getMessage().contains(weights + ": expected tensors of sha256"), e.getMessage());
  }

  @Test
  void copiesHaveAllParams() {
    ElmoEmbeddings stage = configured(ElmoEmbeddings.miniEnglish());
    ElmoEmbeddings copy = stage.copy(new ParamMap());
    for (Param<?> param : stage.params()) {
      assertEquals(stage.isDefined(param), copy.isDefined(copy.getParam(param.name())));
      if (stage.isDefined(param)) {
        assertEquals(
            Arrays.deepToString(new Object[] {stage.getOrDefault(param)}),
            Arrays.deepToString(new Object[] {copy.getOrDefault(copy.getParam(param.name()))}));
      }
    }
    assertEquals(16, stage.params().length);
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
