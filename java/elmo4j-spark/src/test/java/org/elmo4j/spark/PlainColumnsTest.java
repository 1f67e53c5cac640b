// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.spark.ml.classification.LogisticRegression;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.StructType;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.Precision;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.text.TextSplitter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests that columns of tokens and text get the same vectors as from the library, in any row and
 * partition.
 */
class PlainColumnsTest extends LocalTest {
  private static List<Row> byId(Dataset<Row> data) {
    List<Row> rows = new ArrayList<>(data.collectAsList());
    rows.sort((a, b) -> Integer.compare(a.<Integer>getAs("id"), b.<Integer>getAs("id")));
    return rows;
  }

  @Test
  void vectorsAreTheLibrarysOwnWhateverTheRowAndThePartition() {
    List<List<String>> sentences = Spark.sentences(100);
    List<float[][]> expected = Spark.expected(sentences, Layer.ELMO);
    for (int partitions : new int[] {1, 5}) {
      for (int budget : new int[] {1, 300, 8192}) {
        Dataset<Row> data = Spark.tokens(session, partitions, sentences);
        List<Row> rows = byId(stage().setBatchTokens(budget).transform(data));
        assertEquals(100, rows.size());
        for (int i = 0; i < 100; i++) {
          assertEquals(sentences.get(i), rows.get(i).getList(1));
          assertArrayEquals(expected.get(i), Spark.vectors(rows.get(i), "vectors"), "row " + i);
        }
      }
    }
  }

  @Test
  void rowsStayInOrder() {
    List<List<String>> sentences = Spark.sentences(200);
    Dataset<Row> data = Spark.tokens(session, 1, sentences).sort("id").coalesce(1);
    List<Row> rows = stage().setBatchTokens(100).transform(data).collectAsList();
    for (int i = 0; i < 200; i++) {
      assertEquals(i, rows.get(i).getInt(0));
    }
  }

  @Test
  void schemaIsTheOneForetold() {
    ElmoEmbeddings stage =
        stage().setOutputCols("vectors", "mean").setPoolingLayers("word_emb", "default");
    StructType before =
        new StructType()
            .add("id", DataTypes.IntegerType, false)
            .add(
                "tokens",
                Spark.TOKENS,
                true,
                new MetadataBuilder().putString("of", "interest").build());
    Dataset<Row> data = session.createDataFrame(List.<Row>of(), before);
    StructType after = stage.transform(data).schema();
    assertEquals(stage.transformSchema(before), after);
    assertEquals("interest", after.apply("tokens").metadata().getString("of"));
    assertEquals("array<array<float>>", after.apply("vectors").dataType().catalogString());
    assertEquals(SQLDataTypes.VectorType(), after.apply("mean").dataType());
    assertEquals(16, stage.getDimension());
    assertEquals(List.of(), stage.transform(data).collectAsList());
  }

  @Test
  void severalOutputsComeFromOneRun() {
    List<List<String>> sentences = Spark.sentences(20);
    ScalarMix mix = new ScalarMix(new float[] {0.5f, -1, 2}, 0.7f);
    ElmoEmbeddings stage =
        stage()
            .setScalarMix(mix)
            .setOutputCols("a", "b", "c", "d", "e")
            .setPoolingLayers(
                "word_emb", "lstm_outputs2", "elmo", "default", "mean(lstm_outputs1)");
    List<Row> rows = byId(stage.transform(Spark.tokens(session, 2, sentences)));
    List<float[][]> a = Spark.expected(sentences, Layer.WORD_EMB);
    List<float[][]> b = Spark.expected(sentences, Layer.lstm(2));
    List<float[][]> c = Spark.expected(sentences, Layer.elmo(mix));
    List<float[][]> d = Spark.expected(sentences, Layer.mean(Layer.elmo(mix)));
    List<float[][]> e = Spark.expected(sentences, Layer.mean(Layer.lstm(1)));
    for (int i = 0; i < 20; i++) {
      assertArrayEquals(a.get(i), Spark.vectors(rows.get(i), "a"));
      assertArrayEquals(b.get(i), Spark.vectors(rows.get(i), "b"));
      assertArrayEquals(c.get(i), Spark.vectors(rows.get(i), "c"));
      assertArrayEquals(wide(d.get(i)[0]), rows.get(i).<Vector>getAs("d").toArray());
      assertArrayEquals(wide(e.get(i)[0]), rows.get(i).<Vector>getAs("e").toArray());
    }
    assertEquals(20, stage.metrics().rows());
    assertEquals(20, stage.metrics().sentences());
    assertEquals(sentences.stream().mapToInt(List::size).sum(), stage.metrics().tokens());
    assertTrue(stage.metrics().batches() <= 10, "batches: " + stage.metrics().batches());
    assertTrue(stage.metrics().modelSeconds() > 0);
  }

  private static double[] wide(float[] floats) {
    double[] doubles = new double[floats.length];
    for (int i = 0; i < doubles.length; i++) {
      doubles[i] = floats[i];
    }
    return doubles;
  }

  @Test
  void textIsSplitAndItsTokensTold() {
    String text = "I love NLP. Each sentence has its own vectors, doesn't it?";
    Dataset<Row> data = Spark.texts(session, text, "", null);
    List<Row> rows =
        Spark.stage()
            .setInputCols("text")
            .setTokensCol("words")
            .setOutputCols("vectors", "mean")
            .setPoolingLayers("elmo", "default")
            .transform(data)
            .collectAsList();
    List<List<String>> sentences = TextSplitter.split(text);
    assertEquals(2, sentences.size());
    List<String> words = new ArrayList<>();
    List<float[]> expected = new ArrayList<>();
    for (List<String> sentence : sentences) {
      words.addAll(sentence);
      expected.addAll(Arrays.asList(Spark.expected(List.of(sentence), Layer.ELMO).get(0)));
    }
    assertEquals(words, rows.get(0).getList(3));
    assertArrayEquals(expected.toArray(new float[0][]), Spark.vectors(rows.get(0), "vectors"));
    double[] mean = rows.get(0).<Vector>getAs("mean").toArray();
    for (int i = 0; i < mean.length; i++) {
      double sum = 0;
      for (float[] vector : expected) {
        sum += vector[i];
      }
      assertEquals(sum / words.size(), mean[i], 1e-6);
    }
    assertEquals(List.of(), rows.get(1).getList(1));
    assertEquals(List.of(), rows.get(1).getList(3));
    assertArrayEquals(new double[32], rows.get(1).<Vector>getAs("mean").toArray());
    for (int column = 0; column < 4; column++) {
      assertNull(rows.get(2).get(column));
    }
  }

  @Test
  void nullRowsStayNullAndEmptyOnesEmpty() {
    List<List<String>> sentences = Arrays.asList(List.of("a", ""), null, List.of(), List.of("b"));
    ElmoEmbeddings stage =
        stage().setOutputCols("vectors", "mean").setPoolingLayers("elmo", "mean(word_emb)");
    List<Row> rows = byId(stage.transform(Spark.tokens(session, 1, sentences)));
    assertArrayEquals(
        Spark.expected(List.of(List.of("a", "")), Layer.ELMO).get(0),
        Spark.vectors(rows.get(0), "vectors"));
    assertNull(rows.get(1).get(1));
    assertNull(rows.get(1).get(2));
    assertNull(rows.get(1).get(3));
    assertEquals(0, Spark.vectors(rows.get(2), "vectors").length);
    assertArrayEquals(new double[16], rows.get(2).<Vector>getAs("mean").toArray());
    assertArrayEquals(
        Spark.expected(List.of(List.of("b")), Layer.ELMO).get(0),
        Spark.vectors(rows.get(3), "vectors"));
  }

  @Test
  void aNullTokenEndsTheJobWithTheColumnsName() {
    Dataset<Row> data = Spark.tokens(session, 1, List.of(Arrays.asList("a", null)));
    Exception e = assertThrows(Exception.class, () -> stage().transform(data).collect());
    assertTrue(
        e.getMessage()
            .contains("column tokens: expected no null in its arrays, found one at position 1"),
        e.getMessage());
  }

  @Test
  void aSentenceOfTenThousandTokensIsEmbedded() {
    List<String> sentence = Collections.nCopies(10_000, "word");
    List<List<String>> sentences = List.of(List.of("short"), sentence, List.of("shorter"));
    List<float[][]> expected = Spark.expected(sentences, Layer.ELMO);
    List<Row> rows = byId(stage().transform(Spark.tokens(session, 1, sentences)));
    for (int i = 0; i < 3; i++) {
      assertArrayEquals(expected.get(i), Spark.vectors(rows.get(i), "vectors"));
    }
  }

  @Test
  void theModelMayBeHeldInLowerPrecision() {
    List<List<String>> sentences = Spark.sentences(3);
    List<float[][]> half = new ArrayList<>();
    try (ElmoModel model =
        ElmoModel.builder().path(Spark.small()).precision(Precision.BF16).load()) {
      for (List<String> sentence : sentences) {
        try (Embeddings embeddings = model.embed(List.of(sentence), Layer.DEFAULT)) {
          half.add(new float[][] {embeddings.get(Layer.DEFAULT, 0).toArray()});
        }
      }
    }
    ElmoEmbeddings stage = stage().setPoolingLayer("default").setPrecision("bf16");
    List<Row> rows = byId(stage.transform(Spark.tokens(session, 1, sentences)));
    List<float[][]> full = Spark.expected(sentences, Layer.DEFAULT);
    for (int i = 0; i < 3; i++) {
      double[] found = rows.get(i).<Vector>getAs("vectors").toArray();
      assertArrayEquals(wide(half.get(i)[0]), found, 1e-5);
      assertFalse(Arrays.equals(wide(full.get(i)[0]), found));
    }
  }

  @Test
  void theWordCacheIsCounted() {
    List<String> sentence = List.of("the", "cat", "saw", "the", "dog");
    ElmoEmbeddings stage = stage().setKeepAlive(60).setBatchTokens(5);
    try {
      Dataset<Row> data = Spark.tokens(session, 1, Collections.nCopies(3, sentence));
      stage.transform(data).collectAsList();
      // The first of three calls computes four words and the two boundaries.
      assertEquals(6, stage.metrics().wordMisses());
      assertEquals(12, stage.metrics().wordHits());
      stage.transform(data).collectAsList();
      assertEquals(6, stage.metrics().wordMisses());
      assertEquals(30, stage.metrics().wordHits());
    } finally {
      // A further task with keepAlive 0 closes the model.
      stage.setKeepAlive(0).transform(Spark.tokens(session, 1, List.of(sentence))).collectAsList();
    }
  }

  @Test
  void wordsMayBePutInLowerCase() {
    List<Row> rows =
        byId(
            stage()
                .setCaseSensitive(false)
                .transform(Spark.tokens(session, 1, List.of(List.of("I", "Love")))));
    assertEquals(List.of("I", "Love"), rows.get(0).getList(1));
    assertArrayEquals(
        Spark.expected(List.of(List.of("i", "love")), Layer.ELMO).get(0),
        Spark.vectors(rows.get(0), "vectors"));
  }

  @Test
  void aClassifierFollowsDirectly() {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      rows.add(RowFactory.create("I love number " + i, 1.0));
      rows.add(RowFactory.create("Nothing is worse than " + i, 0.0));
    }
    StructType schema =
        new StructType().add("text", DataTypes.StringType).add("label", DataTypes.DoubleType);
    Dataset<Row> data =
        Spark.stage()
            .setInputCols("text")
            .setOutputCol("features")
            .setPoolingLayer("default")
            .transform(session.createDataFrame(rows, schema));
    Dataset<Row> predicted =
        new LogisticRegression().setMaxIter(10).setRegParam(0.1).fit(data).transform(data);
    assertEquals(40, predicted.filter("prediction = label").count());
  }

  @Test
  void streamsAreEmbedded(@TempDir Path folder) throws Exception {
    Path in = Files.createDirectory(folder.resolve("in"));
    Files.writeString(in.resolve("a.json"), "{\"tokens\": [\"I\", \"love\", \"NLP\"]}\n");
    Dataset<Row> stream =
        session.readStream().schema(new StructType().add("tokens", Spark.TOKENS)).json("" + in);
    stage()
        .transform(stream)
        .writeStream()
        .format("memory")
        .queryName("embedded")
        .trigger(Trigger.AvailableNow())
        .start()
        .awaitTermination();
    List<Row> rows = session.table("embedded").collectAsList();
    assertEquals(1, rows.size());
    assertArrayEquals(
        Spark.expected(List.of(List.of("I", "love", "NLP")), Layer.ELMO).get(0),
        Spark.vectors(rows.get(0), "vectors"));
  }

  @Test
  void aQueryThatStopsEarlyFreesAll() {
    Dataset<Row> data = stage().transform(Spark.tokens(session, 1, Spark.sentences(100)));
    assertEquals(1, data.limit(1).collectAsList().size());
    assertEquals(1, data.takeAsList(1).size());
    assertEquals(0, Spark.settle());
  }
}
