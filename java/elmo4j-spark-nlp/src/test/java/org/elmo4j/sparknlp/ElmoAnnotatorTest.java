// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.sparknlp;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.johnsnowlabs.nlp.Annotation;
import com.johnsnowlabs.nlp.IAnnotation;
import com.johnsnowlabs.nlp.LightPipeline;
import com.johnsnowlabs.nlp.embeddings.SentenceEmbeddings;
import com.johnsnowlabs.nlp.pretrained.PretrainedPipeline;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.spark.ElmoEmbeddings;
import org.elmo4j.spark.Spark;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import scala.collection.JavaConverters;

/** Tests Spark NLP's LightPipeline with an annotator of elmo4j. */
@Order(1)
class ElmoAnnotatorTest extends SparkNlp {
  private static final List<String> TEXTS =
      List.of("I love NLP. You do too, don't you?", "", "One sentence only.");

  private static ElmoEmbeddings stage(ElmoEmbeddings stage) {
    return stage.setInputCols("sentence", "token").setOutputCol("embeddings").setKeepAlive(0);
  }

  private static ElmoEmbeddings stage() {
    return stage(small());
  }

  private static ElmoEmbeddings small() {
    return ElmoEmbeddings.load(Spark.small().toString());
  }

  private static PipelineModel pipeline(PipelineStage... last) {
    return new Pipeline().setStages(stages(last).toArray(new PipelineStage[0])).fit(texts());
  }

  private static Dataset<Row> texts() {
    return Spark.texts(session, TEXTS.toArray(new String[0]));
  }

  /** Returns the annotations that the pipeline gives for a DataFrame of the texts. */
  private static List<List<Annotation>> embedded(PipelineModel pipeline, String column) {
    List<List<Annotation>> embedded = new ArrayList<>();
    for (Row row : pipeline.transform(texts()).select(column).collectAsList()) {
      List<Row> annotations = row.getList(0);
      embedded.add(annotations.stream().map(Annotation::apply).toList());
    }
    return embedded;
  }

  private static List<Annotation> light(LightPipeline light, String text, String column) {
    List<IAnnotation> found =
        JavaConverters.seqAsJavaList(light.fullAnnotate(text, "").get(column).get());
    return found.stream().map(annotation -> (Annotation) annotation).toList();
  }

  private static void assertSame(List<Annotation> expected, List<Annotation> found) {
    // Annotation.equals does not compare the vectors, so they are compared here.
    assertEquals(expected, found);
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i).embeddings(), found.get(i).embeddings());
    }
  }

  @Test
  void lightPipelinesGiveTheVectorsOfDataFrames() {
    SentenceEmbeddings mean = new SentenceEmbeddings();
    mean.setInputCols(new String[] {"sentence", "embeddings"});
    mean.setOutputCol("mean");
    mean.setPoolingStrategy("AVERAGE");
    ElmoEmbeddings own = stage(ElmoEmbeddings.miniEnglish()).setOutputCol("own mean");
    PipelineModel pipeline =
        pipeline(
            new ElmoAnnotator(stage(ElmoEmbeddings.miniEnglish())),
            mean,
            new ElmoAnnotator(own.setPoolingLayer("default")));
    LightPipeline light = new LightPipeline(pipeline, false);
    for (String column : List.of("embeddings", "mean", "own mean")) {
      List<List<Annotation>> expected = embedded(pipeline, column);
      assertEquals(TEXTS.size(), expected.size());
      for (int i = 0; i < TEXTS.size(); i++) {
        assertSame(expected.get(i), light(light, TEXTS.get(i), column));
      }
    }

    // The vectors are the library's, and each sentence has its own.
    List<Annotation> vectors = light(light, TEXTS.get(0), "embeddings");
    List<String> second = List.of("You", "do", "too", ",", "don't", "you", "?");
    assertEquals(second, vectors.subList(4, 11).stream().map(Annotation::result).toList());
    assertEquals(11, vectors.size());
    try (ElmoModel model = ElmoModel.miniEnglish();
        Embeddings expected = model.embed(List.of(second), Layer.ELMO)) {
      for (int t = 0; t < second.size(); t++) {
        Annotation vector = vectors.get(4 + t);
        assertEquals("word_embeddings", vector.annotatorType());
        assertEquals("1", vector.metadata().apply("sentence"));
        float[] all = expected.get(Layer.ELMO, 0).toArray();
        assertArrayEquals(Arrays.copyOfRange(all, t * 256, (t + 1) * 256), vector.embeddings());
      }
    }
    assertEquals(2, light(light, TEXTS.get(0), "own mean").size());
    assertEquals(
        "sentence_embeddings", light(light, TEXTS.get(0), "own mean").get(0).annotatorType());
  }

  @Test
  void manyTextsAtOnceShareTheModel() {
    PipelineModel pipeline = pipeline(new ElmoAnnotator(stage().setKeepAlive(60)));
    LightPipeline light = new LightPipeline(pipeline, false);
    try {
      List<Annotation> expected = light(light, TEXTS.get(0), "embeddings");
      long bytes = NativeMemory.liveBytes();
      assertTrue(bytes > 0, "the model stays loaded");
      String[] many = new String[50];
      Arrays.fill(many, TEXTS.get(0));
      for (var found : light.fullAnnotate(many)) {
        List<IAnnotation> vectors = JavaConverters.seqAsJavaList(found.get("embeddings").get());
        assertSame(expected, vectors.stream().map(vector -> (Annotation) vector).toList());
      }
      assertEquals(bytes, NativeMemory.liveBytes());
    } finally {
      // A further call with keepAlive 0 closes the model.
      light(
          new LightPipeline(pipeline(new ElmoAnnotator(stage())), false),
          TEXTS.get(2),
          "embeddings");
    }
  }

  @Test
  void savedPipelinesHoldAnnotatorAndModel(@TempDir Path folder) throws Exception {
    Path model =
        Spark.small(
            folder.resolve("model"), Map.of("mix_weights", "[0.0, 1.0, 2.0]", "mix_gamma", "0.5"));
    ElmoAnnotator annotator =
        new ElmoAnnotator(
            stage(ElmoEmbeddings.load(model.toString())).setBatchTokens(7).setStorageRef("mine"));
    PipelineModel pipeline = pipeline(annotator);
    List<Annotation> expected = embedded(pipeline, "embeddings").get(0);
    String saved = folder.resolve("pipeline").toString();
    pipeline.save(saved);
    Files.delete(model);
    PipelineModel.load(saved).write().overwrite().save(saved);

    PretrainedPipeline read = PretrainedPipeline.fromDisk(saved, false);
    assertSame(expected, light(read.lightModel(), TEXTS.get(0), "embeddings"));
    assertSame(expected, embedded(read.model(), "embeddings").get(0));
    ElmoAnnotator again = (ElmoAnnotator) read.model().stages()[3];
    assertEquals(annotator.uid(), again.uid());
    assertEquals(7, again.stage().getBatchTokens());
    assertEquals("mine", again.stage().getStorageRef());
    assertArrayEquals(new String[] {"sentence", "token"}, again.getInputCols());
    assertEquals("embeddings", again.getOutputCol());
  }

  @Test
  void columnsMayBeNamedAnew() {
    ElmoAnnotator annotator = new ElmoAnnotator(small().setKeepAlive(0));
    annotator.setInputCols(new String[] {"token", "document"});
    annotator.setOutputCol("whole");
    PipelineModel pipeline = pipeline(annotator);
    List<Annotation> found = light(new LightPipeline(pipeline, false), TEXTS.get(0), "whole");
    assertSame(embedded(pipeline, "whole").get(0), found);
    assertEquals("0", found.get(10).metadata().apply("sentence"));
  }

  @Test
  void theOrdinaryStageIsPassedOver() {
    PipelineModel pipeline = pipeline(stage());
    LightPipeline light = new LightPipeline(pipeline, false);
    assertFalse(light.fullAnnotate(TEXTS.get(0), "").contains("embeddings"));
  }

  @Test
  void whatAnAnnotatorCannotDoIsRefused(@TempDir Path folder) throws Exception {
    ElmoEmbeddings several = stage().setOutputCols("a", "b");
    Exception e = assertThrows(IllegalArgumentException.class, () -> new ElmoAnnotator(several));
    assertEquals(
        several.uid() + ": outputCols: expected one column from an annotator, found a, b",
        e.getMessage());
    ElmoEmbeddings tokens = stage().setTokensCol("words");
    e = assertThrows(IllegalArgumentException.class, () -> new ElmoAnnotator(tokens));
    assertTrue(e.getMessage().endsWith("found tokensCol words"), e.getMessage());

    Path model = Spark.small(folder.resolve("model"), Map.of());
    ElmoAnnotator reference =
        new ElmoAnnotator(stage(ElmoEmbeddings.loadByReference(model.toString())));
    assertThrows(ElmoException.class, () -> reference.write().overwrite().save(folder.toString()));
    assertTrue(Files.exists(model));
    PipelineModel pipeline = pipeline(reference);
    assertSame(
        embedded(pipeline, "embeddings").get(2),
        light(new LightPipeline(pipeline, false), TEXTS.get(2), "embeddings"));
  }
}
