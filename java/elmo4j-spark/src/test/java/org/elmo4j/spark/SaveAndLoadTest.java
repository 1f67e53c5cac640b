// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.elmo4j.ElmoException;
import org.elmo4j.ScalarMix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SaveAndLoadTest extends LocalTest {
  @TempDir Path folder;

  /** Writes a model in the original format, two files in a folder. */
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

    // Save the loaded stage again.
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
    assertEquals(17, stage.params().length);
  }

  /** A stage that cannot be saved. */
  public static final class Unwritable extends Transformer implements MLWritable {
    @Override
    public String uid() {
      return "unwritable";
    }

    @Override
    public Dataset<Row> transform(Dataset<?> data) {
      return data.toDF();
    }

    @Override
    public StructType transformSchema(StructType schema) {
      return schema;
    }

    @Override
    public Unwritable copy(ParamMap extra) {
      return this;
    }

    @Override
    public MLWriter write() {
      return new MLWriter() {
        @Override
        public void saveImpl(String path) {
          throw new IllegalStateException("the disk is full");
        }
      };
    }
  }

  @Test
  void aStageIsSavedOverThePathItWasLoadedFrom() throws IOException {
    String model = model().toString();
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    ElmoEmbeddings stage = configured(ElmoEmbeddings.load(model));
    float[][] a = first(stage.transform(data), "a");
    stage.write().overwrite().save(model);
    assertArrayEquals(a, first(ElmoEmbeddings.load(model).transform(data), "a"));
    ElmoEmbeddings.load(model).setBatchTokens(5).write().overwrite().save(model);
    ElmoEmbeddings read = ElmoEmbeddings.load(model);
    assertEquals(5, read.getBatchTokens());
    assertArrayEquals(a, first(read.transform(data), "a"));
  }

  @Test
  void aPipelineIsSavedOverThePathItWasLoadedFrom() throws IOException {
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    ElmoEmbeddings stage = configured(ElmoEmbeddings.load(model().toString()));
    float[][] a = first(stage.transform(data), "a");
    String saved = folder.resolve("pipeline").toString();
    new Pipeline().setStages(new PipelineStage[] {stage}).fit(data).save(saved);
    PipelineModel loaded = PipelineModel.load(saved);

    // The first attempt fails after Spark has deleted the folder.
    PipelineModel failing =
        new Pipeline()
            .setStages(new PipelineStage[] {new Unwritable(), loaded.stages()[0]})
            .fit(data);
    Exception e =
        assertThrows(IllegalStateException.class, () -> failing.write().overwrite().save(saved));
    assertEquals("the disk is full", e.getMessage());
    assertArrayEquals(a, first(loaded.transform(data), "a"));
    loaded.write().overwrite().save(saved);
    assertArrayEquals(a, first(PipelineModel.load(saved).transform(data), "a"));
  }

  @Test
  void aStageIsNotSavedOverTheModelItRefersTo() throws IOException {
    Path model = model();
    ElmoEmbeddings stage = configured(ElmoEmbeddings.loadByReference(model.toString()));
    for (Path target : List.of(model, folder)) {
      Exception e =
          assertThrows(
              ElmoException.class, () -> stage.write().overwrite().save(target.toString()));
      assertTrue(
          e.getMessage()
              .startsWith(
                  target
                      + ": expected a place to write to, found the model that the stage refers to"),
          e.getMessage());
    }
    assertTrue(Files.exists(model.resolve("weights.hdf5")));
  }

  @Test
  void pathsWithoutASchemeAreOnTheDefaultFileSystem() throws IOException {
    Configuration hadoop = session.sparkContext().hadoopConfiguration();
    Path remote = Files.createTempDirectory(Path.of(Spark.remoteFolder()), "default");
    Files.move(model(), remote.resolve("model"));
    String place = "/data/" + remote.getFileName();
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    String before = hadoop.get("fs.defaultFS");
    hadoop.set("fs.defaultFS", "viewfs://elmo4j/");
    try {
      ElmoEmbeddings stage = configured(ElmoEmbeddings.load(place + "/model"));
      assertEquals("viewfs://elmo4j" + place + "/model", stage.getModel());
      float[][] a = first(stage.transform(data), "a");
      stage.save(place + "/stage");
      assertTrue(Files.exists(remote.resolve("stage/weights")));
      assertArrayEquals(a, first(ElmoEmbeddings.load(place + "/stage").transform(data), "a"));
      ElmoEmbeddings.load(place + "/stage").write().overwrite().save(place + "/stage");
      assertArrayEquals(
          a, first(ElmoEmbeddings.read().load(place + "/stage").transform(data), "a"));
      PipelineModel pipeline = new Pipeline().setStages(new PipelineStage[] {stage}).fit(data);
      pipeline.save(place + "/pipeline");
      assertArrayEquals(a, first(PipelineModel.load(place + "/pipeline").transform(data), "a"));
      ElmoEmbeddings reference = configured(ElmoEmbeddings.loadByReference(place + "/model"));
      assertArrayEquals(a, first(reference.transform(data), "a"));
      reference.save(place + "/reference");
      // The bundled model and named models do not depend on the default file system.
      assertEquals("mini-en", ElmoEmbeddings.pretrained("mini-en").getModel());
      // A path that contains its file system does not depend on the default either.
      hadoop.set("fs.defaultFS", before);
      String saved = "viewfs://elmo4j" + place + "/reference";
      assertArrayEquals(a, first(ElmoEmbeddings.load(saved).transform(data), "a"));
      ElmoEmbeddings mine = ElmoEmbeddings.pretrained("model", "en", "viewfs://elmo4j" + place);
      assertArrayEquals(a, first(configured(mine).transform(data), "a"));
    } finally {
      hadoop.set("fs.defaultFS", before);
      delete(remote);
    }
  }

  @Test
  void aModelReplacedAtItsPathIsAnother() throws IOException {
    Path remote = Files.createTempDirectory(Path.of(Spark.remoteFolder()), "replaced");
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    try {
      for (String place :
          List.of(remote + "/model", "viewfs://elmo4j/data/" + remote.getFileName() + "/model")) {
        Path file = remote.resolve("model");
        write(file, 1);
        ElmoEmbeddings old = plain(ElmoEmbeddings.load(place)).setKeepAlive(3);
        ElmoEmbeddings reference = plain(ElmoEmbeddings.loadByReference(place)).setKeepAlive(3);
        float[][] one = first(old.transform(data), "a");
        assertArrayEquals(one, first(reference.transform(data), "a"));

        write(file, 2);
        float[][] two = first(plain(ElmoEmbeddings.load(place)).transform(data), "a");
        for (int i = 0; i < one[0].length; i++) {
          assertEquals(2 * one[0][i], two[0][i], 1e-6);
        }
        assertArrayEquals(two, first(reference.setKeepAlive(0).transform(data), "a"));
        // A stage keeps the model it was loaded with.
        assertArrayEquals(one, first(old.setKeepAlive(0).transform(data), "a"));
        // The first model again, at the same path and with the same length.
        write(file, 1);
        assertArrayEquals(one, first(plain(ElmoEmbeddings.load(place)).transform(data), "a"));
        Files.delete(file);
      }
    } finally {
      delete(remote);
    }
  }

  private static ElmoEmbeddings plain(ElmoEmbeddings stage) {
    return stage.setKeepAlive(0).setInputCols("tokens").setOutputCol("a");
  }

  /** Writes a model with a factor of its mix. */
  private static void write(Path file, float gamma) {
    Spark.small(file, Map.of("mix_weights", "[0.0, 0.0, 0.0]", "mix_gamma", Float.toString(gamma)));
  }

  @Test
  void sparkNlpsSavedStageIsAModel() {
    String saved =
        Path.of(System.getProperty("elmo4j.root"), "tests/golden-formats/spark-nlp/model")
            .toString();
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    float[][] a = first(configured(ElmoEmbeddings.load(saved)).transform(data), "a");
    assertTrue(a.length > 0 && a[0].length > 0);
    for (ElmoEmbeddings stage :
        List.of(ElmoEmbeddings.read().load(saved), ElmoEmbeddings.loadSavedModel(saved, session))) {
      assertArrayEquals(a, first(configured(stage).transform(data), "a"));
    }
  }

  @Test
  void aStageIsSerializedAsAnyObject() throws Exception {
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    ElmoEmbeddings stage = configured(ElmoEmbeddings.load(model().toString()));
    float[][] a = first(stage.transform(data), "a");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(stage);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      ElmoEmbeddings read = (ElmoEmbeddings) in.readObject();
      assertEquals(stage.uid(), read.uid());
      assertArrayEquals(a, first(read.transform(data), "a"));
      assertEquals(1, read.metrics().rows());
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
