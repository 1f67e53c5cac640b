// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Not a test: an application on {@code --packages}. It prints tokens and vectors. */
public final class PublishedExample {
  private PublishedExample() {}

  /** Runs the application; the Python application of {@link PackagesTest} calls this. */
  public static void run() {
    SparkSession session = SparkSession.builder().getOrCreate();
    Dataset<Row> data =
        session.createDataset(List.of("I love NLP"), Encoders.STRING()).toDF("text");
    ElmoEmbeddings embeddings =
        ElmoEmbeddings.pretrained("mini-en", "en")
            .setInputCols("text")
            .setTokensCol("token")
            .setOutputCol("embeddings")
            .setPoolingLayer("elmo");
    Row row =
        new Pipeline()
            .setStages(new PipelineStage[] {embeddings})
            .fit(data)
            .transform(data)
            .collectAsList()
            .get(0);
    List<String> tokens = row.getList(2);
    float[][] vectors = Spark.vectors(row, "embeddings");
    for (int i = 0; i < vectors.length; i++) {
      System.out.println(line(tokens.get(i), vectors[i]));
    }
  }

  /** Returns a line with a token and the first six numbers of its vector. */
  static String line(String token, float[] vector) {
    StringBuilder line = new StringBuilder("vector ").append(token);
    for (float x : Arrays.copyOf(vector, 6)) {
      line.append(' ').append(x);
    }
    return line.toString();
  }
}
