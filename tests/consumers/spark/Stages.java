// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package consumer;

import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineStage;
import org.elmo4j.ElmoModel;
import org.elmo4j.spark.ElmoEmbeddings;
import org.elmo4j.sparknlp.ElmoAnnotator;

/** Uses a class of each artifact for Spark. It is compiled and not run. */
public final class Stages {
  private Stages() {}

  public static Pipeline pipeline() {
    ElmoEmbeddings stage =
        ElmoEmbeddings.miniEnglish().setInputCols("text").setOutputCol("vectors");
    return new Pipeline().setStages(new PipelineStage[] {stage, new ElmoAnnotator(stage)});
  }

  public static long bytes() {
    return ElmoModel.liveBytes();
  }
}
