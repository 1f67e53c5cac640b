// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.sparknlp;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.johnsnowlabs.nlp.EmbeddingsFinisher;
import com.johnsnowlabs.nlp.annotators.ner.crf.NerCrfApproach;
import com.johnsnowlabs.nlp.annotators.sbd.pragmatic.SentenceDetector;
import com.johnsnowlabs.nlp.embeddings.ChunkEmbeddings;
import com.johnsnowlabs.nlp.embeddings.SentenceEmbeddings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.StructType;
import org.elmo4j.Layer;
import org.elmo4j.spark.ElmoEmbeddings;
import org.elmo4j.spark.Spark;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests the pipeline of Spark NLP's documentation, with Spark NLP's stages before and after, on two
 * executors.
 */
@Order(1)
class SparkNlpTest extends SparkNlp {
  private static final String[] TEXTS = {
    "I love NLP. You do too, don't you? Its models have vectors.",
    "One sentence only.",
    "First of all, rows differ. Then their sentences do. Third, one more. And the fourth.",
    "",
    "I love NLP. I love NLP."
  };

  private static ElmoEmbeddings embeddings() {
    return embeddings(ElmoEmbeddings.load(Spark.small().toString()));
  }

  private static ElmoEmbeddings bundled() {
    return embeddings(ElmoEmbeddings.pretrained("mini-en", "en"));
  }

  private static ElmoEmbeddings embeddings(ElmoEmbeddings stage) {
    return stage
        .setInputCols("sentence", "token")
        .setOutputCol("embeddings")
        .setPoolingLayer("elmo")
        .setKeepAlive(0);
  }

  private static Dataset<Row> run(List<PipelineStage> stages, Dataset<Row> data) {
    return new Pipeline().setStages(stages.toArray(new PipelineStage[0])).fit(data).transform(data);
  }

  private static List<Row> annotations(Row row, String column) {
    return row.getList(row.fieldIndex(column));
  }

  /**
   * Returns the tokens of each sentence of a row, by the sentence numbers that Spark NLP gave them.
   */
  private static List<List<String>> sentences(Row row) {
    List<List<String>> sentences = new ArrayList<>();
    annotations(row, "sentence").forEach(sentence -> sentences.add(new ArrayList<>()));
    for (Row token : annotations(row, "token")) {
      int sentence = Integer.parseInt((String) token.getJavaMap(4).get("sentence"));
      sentences.get(sentence).add(token.getString(3));
    }
    return sentences;
  }

  @Test
  void everySentenceGetsItsOwnVectors() {
    Dataset<Row> data = Spark.texts(session, TEXTS).repartition(2);
    List<Row> rows = run(stages(bundled()), data).collectAsList();
    assertEquals(TEXTS.length, rows.size());
    int several = 0;
    for (Row row : rows) {
      List<List<String>> sentences = sentences(row);
      several += sentences.size() > 1 ? 1 : 0;
      List<float[][]> expected = Spark.bundled(sentences, Layer.ELMO);
      List<Row> tokens = annotations(row, "token");
      List<Row> vectors = annotations(row, "embeddings");
      assertEquals(tokens.size(), vectors.size());
      int at = 0;
      for (int s = 0; s < sentences.size(); s++) {
        for (int t = 0; t < sentences.get(s).size(); t++, at++) {
          Row token = tokens.get(at);
          Row vector = vectors.get(at);
          assertEquals("word_embeddings", vector.getString(0));
          assertEquals(token.getInt(1), vector.getInt(1));
          assertEquals(token.getInt(2), vector.getInt(2));
          assertEquals(sentences.get(s).get(t), vector.getString(3));
          assertEquals(
              Map.of(
                  "sentence", "" + s,
                  "token", sentences.get(s).get(t),
                  "pieceId", "-1",
                  "isWordStart", "true",
                  "isOOV", "false"),
              vector.getJavaMap(4));
          assertArrayEquals(expected.get(s)[t], Spark.floats(vector, 5));
        }
      }
      assertEquals(vectors.size(), at);
    }
    assertEquals(3, several);
  }

  /**
   * Runs the published pipeline with one sentence in each row, saves it over itself and loads it
   * again.
   */
  @Test
  void explodedSentencesKeepTheirNumbers(@TempDir Path folder) throws Exception {
    List<PipelineStage> stages = stages(embeddings());
    ((SentenceDetector) stages.get(1)).setExplodeSentences(true);
    SentenceEmbeddings mean = new SentenceEmbeddings();
    mean.setInputCols(new String[] {"sentence", "embeddings"});
    mean.setOutputCol("mean");
    mean.setPoolingStrategy("AVERAGE");
    stages.add(mean);
    stages.add(embeddings().setOutputCol("own mean").setPoolingLayer("default"));
    Dataset<Row> data = Spark.texts(session, TEXTS);
    String saved = folder.resolve("pipeline").toString();
    new Pipeline().setStages(stages.toArray(new PipelineStage[0])).fit(data).save(saved);
    PipelineModel.load(saved).write().overwrite().save(saved);
    List<Row> rows = PipelineModel.load(saved).transform(data).collectAsList();
    assertEquals(10, rows.size());
    int later = 0;
    for (Row row : rows) {
      List<Row> sentence = annotations(row, "sentence");
      assertEquals(1, sentence.size());
      String number = (String) sentence.get(0).getJavaMap(4).get("sentence");
      later += number.equals("0") ? 0 : 1;
      List<String> words =
          annotations(row, "token").stream().map(token -> token.getString(3)).toList();
      float[][] expected = Spark.expected(List.of(words), Layer.ELMO).get(0);
      List<Row> vectors = annotations(row, "embeddings");
      assertEquals(expected.length, vectors.size());
      for (int t = 0; t < expected.length; t++) {
        assertEquals(number, vectors.get(t).getJavaMap(4).get("sentence"));
        assertArrayEquals(expected[t], Spark.floats(vectors.get(t), 5));
      }
      for (String column : List.of("mean", "own mean")) {
        Row pooled = annotations(row, column).get(0);
        assertEquals(number, pooled.getJavaMap(4).get("sentence"));
        assertArrayEquals(
            Spark.expected(List.of(words), Layer.DEFAULT).get(0)[0],
            Spark.floats(pooled, 5),
            1e-6f);
      }
    }
    assertEquals(6, later);
  }

  @Test
  void ofSentencesFilteredOutTheOthersKeepTheirNumbers() {
    List<PipelineStage> stages = stages(embeddings());
    Dataset<Row> data =
        run(stages.subList(0, 3), Spark.texts(session, TEXTS[2]))
            .withColumn(
                "sentence",
                functions
                    .expr("filter(sentence, s -> s.metadata['sentence'] in ('1', '3'))")
                    .as("sentence", type("document")));
    // ChunkEmbeddings sorts the sentences of a row by their numbers and then counts them.
    ChunkEmbeddings chunks = new ChunkEmbeddings();
    chunks.setInputCols(new String[] {"chunk", "embeddings"});
    chunks.setOutputCol("chunk_embeddings");
    Dataset<Row> embedded =
        embeddings()
            .transform(data)
            .withColumn(
                "chunk",
                functions
                    .expr(
                        "transform(sentence, (s, i) -> named_struct('annotatorType', 'chunk',"
                            + " 'begin', s.begin, 'end', s.end, 'result', s.result, 'metadata',"
                            + " map('sentence', string(i), 'chunk', '0'), 'embeddings',"
                            + " s.embeddings))")
                    .as("chunk", type("chunk")));
    Row row = chunks.transform(embedded).head();
    assertEquals(
        Set.of("1", "3"),
        annotations(row, "embeddings").stream()
            .map(token -> (String) token.getJavaMap(4).get("sentence"))
            .collect(Collectors.toSet()));
    Map<String, List<String>> words = new TreeMap<>();
    for (Row token : annotations(row, "token")) {
      String number = (String) token.getJavaMap(4).get("sentence");
      words.computeIfAbsent(number, n -> new ArrayList<>()).add(token.getString(3));
    }
    words.keySet().retainAll(Set.of("1", "3"));
    assertEquals(2, words.size());
    List<Row> found = annotations(row, "chunk_embeddings");
    assertEquals(2, found.size());
    int c = 0;
    for (List<String> sentence : words.values()) {
      assertArrayEquals(
          Spark.expected(List.of(sentence), Layer.DEFAULT).get(0)[0],
          Spark.floats(found.get(c++), 5),
          1e-6f);
    }
  }

  @Test
  void laterStagesTakeTheVectors() {
    SentenceEmbeddings sentence = new SentenceEmbeddings();
    sentence.setInputCols(new String[] {"sentence", "embeddings"});
    sentence.setOutputCol("sentence_embeddings");
    sentence.setPoolingStrategy("AVERAGE");
    EmbeddingsFinisher finisher = new EmbeddingsFinisher();
    finisher.setInputCols(new String[] {"embeddings", "sentence_embeddings"});
    finisher.setOutputCols(new String[] {"finished", "finished_sentences"});
    finisher.setCleanAnnotations(false);
    List<PipelineStage> stages = stages(embeddings());
    stages.add(sentence);
    stages.add(finisher);
    Dataset<Row> data = Spark.texts(session, TEXTS);
    for (Row row : run(stages, data).collectAsList()) {
      List<List<String>> sentences = sentences(row);
      List<float[][]> expected = Spark.expected(sentences, Layer.ELMO);
      List<Object> finished = row.getList(row.fieldIndex("finished"));
      List<float[]> flat = new ArrayList<>();
      expected.forEach(vectors -> flat.addAll(Arrays.asList(vectors)));
      assertEquals(flat.size(), finished.size());
      for (int i = 0; i < flat.size(); i++) {
        assertArrayEquals(flat.get(i), Spark.floats(RowFactory.create(finished.get(i)), 0));
      }
      List<float[][]> means = Spark.expected(sentences, Layer.DEFAULT);
      List<Row> pooled = annotations(row, "sentence_embeddings");
      assertEquals(sentences.size(), pooled.size());
      for (int s = 0; s < means.size(); s++) {
        assertArrayEquals(means.get(s)[0], Spark.floats(pooled.get(s), 5), 1e-6f);
      }
    }
  }

  @Test
  void aNerModelTrainsOnTheVectorsAndFindsNames() {
    List<Row> rows = new ArrayList<>();
    for (String name : List.of("Anna", "Peter", "Mary", "John", "Clara", "Paul")) {
      for (String rest : List.of("is here .", "loves the sea .", "reads a book .")) {
        rows.add(labelled(name + " " + rest));
      }
    }
    StructType schema =
        new StructType()
            .add("text", DataTypes.StringType)
            .add("label", AnnotationsOf.TYPE, true, type("named_entity"));
    NerCrfApproach ner = new NerCrfApproach();
    ner.setInputCols(new String[] {"sentence", "token", "pos", "embeddings"});
    ner.setLabelColumn("label");
    ner.setOutputCol("ner");
    ner.setMinEpochs(20);
    ner.setMaxEpochs(20);
    ner.setC0(1250); // With so few examples, training needs large steps.
    ner.setRandomSeed(1);
    List<PipelineStage> stages = stages(bundled().setStorageRef("mini-en"));
    Dataset<Row> data =
        AnnotationsOf.withPartsOfSpeech(run(stages, session.createDataFrame(rows, schema)))
            .coalesce(1)
            .cache();
    Dataset<Row> found = ner.fit(data).transform(data);
    for (Row row : found.select("ner").collectAsList()) {
      List<String> tags = annotations(row, "ner").stream().map(tag -> tag.getString(3)).toList();
      assertEquals("PER", tags.get(0));
      assertEquals(Set.of("O"), Set.copyOf(tags.subList(1, tags.size())));
    }
  }

  private static Row labelled(String text) {
    List<Row> labels = new ArrayList<>();
    int begin = 0;
    for (String word : text.split(" ")) {
      labels.add(
          RowFactory.create(
              "named_entity",
              begin,
              begin + word.length() - 1,
              begin == 0 ? "PER" : "O",
              Map.of("word", word, "sentence", "0"),
              new Float[0]));
      begin += word.length() + 1;
    }
    return RowFactory.create(text, labels.toArray(new Row[0]));
  }

  private static Metadata type(String annotatorType) {
    return new MetadataBuilder().putString("annotatorType", annotatorType).build();
  }

  @Test
  void aMeanGivesSentenceEmbeddings() {
    ElmoEmbeddings means = embeddings().setPoolingLayer("default");
    for (Row row : run(stages(means), Spark.texts(session, TEXTS)).collectAsList()) {
      List<Row> sentences = annotations(row, "sentence");
      List<Row> vectors = annotations(row, "embeddings");
      List<float[][]> expected = Spark.expected(sentences(row), Layer.DEFAULT);
      assertEquals(sentences.size(), vectors.size());
      for (int s = 0; s < vectors.size(); s++) {
        assertEquals("sentence_embeddings", vectors.get(s).getString(0));
        assertEquals(sentences.get(s).getInt(1), vectors.get(s).getInt(1));
        assertEquals(sentences.get(s).getInt(2), vectors.get(s).getInt(2));
        assertEquals(sentences.get(s).getString(3), vectors.get(s).getString(3));
        assertArrayEquals(expected.get(s)[0], Spark.floats(vectors.get(s), 5));
      }
    }
  }

  @Test
  void documentsMayStandForSentencesAndColumnsInEitherOrder() {
    ElmoEmbeddings whole = embeddings().setInputCols("token", "document");
    Dataset<Row> data = run(stages(whole), Spark.texts(session, TEXTS[0]));
    Row row = data.collectAsList().get(0);
    List<String> all = new ArrayList<>();
    sentences(row).forEach(all::addAll);
    float[][] expected = Spark.expected(List.of(all), Layer.ELMO).get(0);
    List<Row> vectors = annotations(row, "embeddings");
    assertEquals(expected.length, vectors.size());
    for (int i = 0; i < expected.length; i++) {
      assertEquals("0", vectors.get(i).getJavaMap(4).get("sentence"));
      assertArrayEquals(expected[i], Spark.floats(vectors.get(i), 5));
    }
  }

  @Test
  void schemaIsTheOneForetoldAndItsMetadataSpeaksSparkNlp() {
    ElmoEmbeddings stage = embeddings();
    Dataset<Row> before = run(stages(stage).subList(0, 3), Spark.texts(session, TEXTS[0]));
    StructType after = stage.transform(before).schema();
    assertEquals(stage.transformSchema(before.schema()), after);
    assertEquals(before.schema().apply("token"), after.apply("token"));
    assertEquals(before.schema().apply("token").dataType(), after.apply("embeddings").dataType());
    Metadata metadata = after.apply("embeddings").metadata();
    assertEquals("word_embeddings", metadata.getString("annotatorType"));
    assertEquals(32, metadata.getLong("dimension"));
    assertEquals(stage.uid(), metadata.getString("ref"));
  }

  @Test
  void columnsOfWrongTypesAreNamed() {
    ElmoEmbeddings stage = embeddings().setInputCols("document", "sentence");
    Exception e =
        assertThrows(
            IllegalArgumentException.class, () -> run(stages(stage), Spark.texts(session, TEXTS)));
    assertTrue(
        e.getMessage()
            .startsWith(
                stage.uid()
                    + ": inputCols: expected annotations of types document and token, found"
                    + " document: document, sentence: document"),
        e.getMessage());
  }
}
