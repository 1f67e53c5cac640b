// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.sparknlp;

import com.johnsnowlabs.nlp.DocumentAssembler;
import com.johnsnowlabs.nlp.annotators.Tokenizer;
import com.johnsnowlabs.nlp.annotators.sbd.pragmatic.SentenceDetector;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.sql.SparkSession;
import org.elmo4j.spark.Spark;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Base of the tests with Spark NLP's own stages; they share a session with two executors. */
abstract class SparkNlp {
  static SparkSession session;

  @BeforeAll
  static void start() {
    session = Spark.cluster();
  }

  @AfterAll
  static void stop() {
    Spark.check();
  }

  /**
   * Returns Spark NLP's stages that make the columns document, sentence and token of a column text,
   * followed by others.
   */
  static List<PipelineStage> stages(PipelineStage... last) {
    DocumentAssembler documents = new DocumentAssembler();
    documents.setInputCol("text");
    documents.setOutputCol("document");
    SentenceDetector sentences = new SentenceDetector();
    sentences.setInputCols(new String[] {"document"});
    sentences.setOutputCol("sentence");
    Tokenizer tokenizer = new Tokenizer();
    tokenizer.setInputCols(new String[] {"sentence"});
    tokenizer.setOutputCol("token");
    List<PipelineStage> stages = new ArrayList<>(List.of(documents, sentences, tokenizer));
    stages.addAll(Arrays.asList(last));
    return stages;
  }
}
