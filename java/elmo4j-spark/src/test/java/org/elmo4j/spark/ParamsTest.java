// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.elmo4j.ElmoException;
import org.elmo4j.Layer;
import org.elmo4j.ScalarMix;
import org.elmo4j.weights.WeightStores;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests which values params accept, for each way to set them. */
class ParamsTest extends LocalTest {
  @Test
  void mixIsReadFromItsFile(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("mix.json");
    List<List<String>> sentences = Spark.sentences(3);
    ScalarMix mix = new ScalarMix(new float[] {0.5f, -1, 2}, 0.7f);
    WeightStores.write(mix, file);
    List<float[][]> expected = Spark.expected(sentences, Layer.elmo(mix));
    ElmoEmbeddings stage = stage().setScalarMix(file.toString());
    List<Row> rows =
        stage.transform(Spark.tokens(session, 1, sentences)).sort("id").collectAsList();
    for (int i = 0; i < 3; i++) {
      assertArrayEquals(expected.get(i), Spark.vectors(rows.get(i), "vectors"));
    }

    Files.writeString(file, "{\"weights\": [0.5, -1, 2], \"gamma\": 0.7}");
    refusedMix(file, "expected format elmo4j-mix");
    WeightStores.write(new ScalarMix(new float[3], 1, ScalarMix.LayerNorm.ALLENNLP), file);
    refusedMix(file, "expected a mix without layer norm, found layer norm allennlp");
    refusedMix(folder.resolve("none.json"), "expected a readable mix, found ");
    Exception two =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                stage()
                    .setScalarMix(new ScalarMix(new float[2], 1))
                    .transform(Spark.tokens(session, 1, sentences)));
    assertTrue(
        two.getMessage().contains("scalarMixWeights: expected one a layer, 3, found 2"),
        two.getMessage());
  }

  private static void refusedMix(Path file, String message) {
    Exception e = assertThrows(ElmoException.class, () -> stage().setScalarMix(file.toString()));
    assertTrue(e.getMessage().startsWith(file + ": " + message), e.getMessage());
  }

  @Test
  void aGridMayVaryTheLayer() {
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    ElmoEmbeddings stage = stage().setPoolingLayer("elmo");
    ParamMap words = new ParamMap().put(stage.poolingLayer(), "word_emb");
    Row row = stage.transform(data, words).head();
    assertArrayEquals(
        Spark.expected(Spark.sentences(1), Layer.WORD_EMB).get(0), Spark.vectors(row, "vectors"));
    assertArrayEquals(new String[] {"elmo"}, stage.getPoolingLayers());
    stage.setPoolingLayers("lstm_outputs1");
    assertEquals("lstm_outputs1", stage.getPoolingLayer());
    Exception e = assertThrows(IllegalArgumentException.class, () -> stage.transform(data, words));
    assertEquals(
        stage.uid() + ": poolingLayer: expected it or poolingLayers to be set, found both",
        e.getMessage());
    assertEquals("word_emb", stage.setPoolingLayer("word_emb").getPoolingLayer());
  }

  @Test
  void badValuesAreRefusedWithTheStagesUidHoweverTheyAreSet() {
    ElmoEmbeddings stage = stage();
    refused(
        stage, stage.device(), "abacus", "expected auto, cpu, cuda or cuda:N, found \"abacus\"");
    refused(stage, stage.precision(), "fp64", "expected fp32, bf16, int8 or fp16, found \"fp64\"");
    refused(stage, stage.poolingLayer(), "elmo2", "expected ");
    refused(stage, stage.poolingLayers(), new String[] {"elmo", "elmo2"}, "expected ");
    refused(stage, stage.batchTokens(), 0, "expected 1 or more, found 0");
    refused(stage, stage.keepAlive(), -1, "expected 0 or more, found -1");
    assertThrows(IllegalArgumentException.class, () -> stage.setBatchSize(0));
    assertThrows(IllegalArgumentException.class, () -> stage.setThreads(-1));
    assertThrows(IllegalArgumentException.class, () -> stage.setPoolingLayer("mean(default)"));
    assertThrows(ElmoException.class, () -> ElmoEmbeddings.pretrained("none", "xx"));
    assertThrows(ElmoException.class, () -> ElmoEmbeddings.load("no/such/model"));
  }

  private static <T> void refused(ElmoEmbeddings stage, Param<T> param, T value, String message) {
    Exception e =
        assertThrows(IllegalArgumentException.class, () -> new ParamMap().put(param, value));
    String expected = stage.uid() + ": " + param.name() + ": " + message;
    assertTrue(e.getMessage().startsWith(expected), e.getMessage());
  }

  @Test
  void settersOfSparkNlpAreThere() {
    ElmoEmbeddings stage =
        stage().setDimension(512).setLazyAnnotator(true).setConfigProtoBytes(16, 1);
    assertEquals(32, stage.getDimension());
    assertEquals("mini-en", ElmoEmbeddings.pretrained("mini-en", "en", "public/models").getModel());
  }
}
