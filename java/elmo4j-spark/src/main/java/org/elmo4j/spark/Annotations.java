// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.ArrayBasedMapData;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Reads and makes Spark NLP's annotations, and defines their column type, which later stages of
 * Spark NLP compare with their own.
 */
final class Annotations {
  static final String DOCUMENT = "document";
  static final String TOKEN = "token";
  static final String WORD_EMBEDDINGS = "word_embeddings";
  static final String SENTENCE_EMBEDDINGS = "sentence_embeddings";

  /**
   * The type of a column of annotations. Nullability matters, because EmbeddingsFinisher compares
   * it too.
   */
  static final DataType TYPE =
      DataTypes.createArrayType(
          DataTypes.createStructType(
              List.of(
                  field("annotatorType", DataTypes.StringType, true),
                  field("begin", DataTypes.IntegerType, false),
                  field("end", DataTypes.IntegerType, false),
                  field("result", DataTypes.StringType, true),
                  field(
                      "metadata",
                      DataTypes.createMapType(DataTypes.StringType, DataTypes.StringType, true),
                      true),
                  field(
                      "embeddings", DataTypes.createArrayType(DataTypes.FloatType, false), true))),
          true);

  private static final GenericArrayData KEYS =
      strings("sentence", "token", "pieceId", "isWordStart", "isOOV");
  private static final UTF8String PIECE_ID = UTF8String.fromString("-1");
  private static final UTF8String TRUE = UTF8String.fromString("true");
  private static final UTF8String FALSE = UTF8String.fromString("false");

  private Annotations() {}

  private static StructField field(String name, DataType type, boolean nullable) {
    return DataTypes.createStructField(name, type, nullable);
  }

  /** Reads the value of a column whose annotations {@link #of} made. */
  static List<Annotation> read(ArrayData column) {
    List<Annotation> annotations = new ArrayList<>(column.numElements());
    for (int i = 0; i < column.numElements(); i++) {
      InternalRow row = column.getStruct(i, 6);
      ArrayData keys = row.getMap(4).keyArray();
      ArrayData values = row.getMap(4).valueArray();
      Map<String, String> metadata = new LinkedHashMap<>();
      for (int k = 0; k < keys.numElements(); k++) {
        metadata.put(keys.getUTF8String(k).toString(), values.getUTF8String(k).toString());
      }
      annotations.add(
          new Annotation(
              row.getUTF8String(0).toString(),
              row.getInt(1),
              row.getInt(2),
              row.getUTF8String(3).toString(),
              metadata,
              row.getArray(5).toFloatArray()));
    }
    return annotations;
  }

  private static GenericArrayData strings(String... values) {
    Object[] array = new Object[values.length];
    for (int i = 0; i < array.length; i++) {
      array[i] = UTF8String.fromString(values[i]);
    }
    return new GenericArrayData(array);
  }

  /**
   * Makes one annotation in Spark's internal format.
   *
   * @param type the annotator type
   * @param begin the position of the first character, from the input annotation
   * @param end the position of the last character, inclusive
   * @param result the text of the token or sentence
   * @param sentence the number of the sentence in its text, from 0, as a string
   */
  static InternalRow of(
      UTF8String type, int begin, int end, String result, UTF8String sentence, float[] vector) {
    UTF8String text = UTF8String.fromString(result);
    Object[] values = {sentence, text, PIECE_ID, TRUE, FALSE};
    Object[] fields = {
      type,
      begin,
      end,
      text,
      new ArrayBasedMapData(KEYS, new GenericArrayData(values)),
      UnsafeArrayData.fromPrimitiveArray(vector)
    };
    return new GenericInternalRow(fields);
  }
}
