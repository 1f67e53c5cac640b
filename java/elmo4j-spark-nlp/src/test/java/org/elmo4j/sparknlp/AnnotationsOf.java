// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.sparknlp;

import com.johnsnowlabs.nlp.Annotation;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MetadataBuilder;

/** Makes columns of annotations without Spark NLP's stages. */
final class AnnotationsOf {
  static final DataType TYPE = DataTypes.createArrayType(Annotation.dataType());

  private AnnotationsOf() {}

  /**
   * Adds a column {@code pos} in which every token has the tag X, since a real tagger needs a
   * download.
   */
  static Dataset<Row> withPartsOfSpeech(Dataset<Row> data) {
    return data.withColumn(
        "pos",
        functions
            .expr(
                "transform(token, t -> named_struct('annotatorType', 'pos', 'begin', t.begin,"
                    + " 'end', t.end, 'result', 'X', 'metadata', t.metadata, 'embeddings',"
                    + " t.embeddings))")
            .as("pos", new MetadataBuilder().putString("annotatorType", "pos").build()));
  }
}
