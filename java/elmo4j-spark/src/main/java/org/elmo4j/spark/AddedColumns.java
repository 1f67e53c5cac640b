// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.UserDefinedType;
import org.apache.spark.unsafe.types.UTF8String;
import org.elmo4j.Layer;

/** Makes the values of the columns that a plan adds to a row, in Spark's internal format. */
final class AddedColumns {
  @SuppressWarnings("unchecked")
  private static final UserDefinedType<Vector> VECTOR =
      (UserDefinedType<Vector>) SQLDataTypes.VectorType();

  private static final UTF8String WORDS = UTF8String.fromString(Annotations.WORD_EMBEDDINGS);
  private static final UTF8String SENTENCES =
      UTF8String.fromString(Annotations.SENTENCE_EMBEDDINGS);

  private final Plan plan;
  private final Layer[] layers;

  AddedColumns(Plan plan) {
    this.plan = plan;
    layers = plan.outputs().stream().map(OutputColumn::toLayer).toArray(Layer[]::new);
  }

  /** The layers that the model has to return. */
  Layer[] layers() {
    return layers;
  }

  /**
   * Makes the added values of a row.
   *
   * @param item the row
   * @param window the window in which the row's sentences were embedded
   * @param sentence the index in the window of the row's first sentence
   */
  InternalRow of(InputColumns.Item item, Window window, int sentence) {
    Object[] values = new Object[layers.length + (plan.tokensColumn() ? 1 : 0)];
    for (int k = 0; k < layers.length; k++) {
      values[k] = value(layers[k], item, window, sentence);
    }
    if (plan.tokensColumn() && !item.isNull()) {
      values[layers.length] =
          new GenericArrayData(
              item.sentences().stream()
                  .flatMap(List::stream)
                  .map(UTF8String::fromString)
                  .toArray());
    }
    return new GenericInternalRow(values);
  }

  private Object value(Layer layer, InputColumns.Item item, Window window, int sentence) {
    boolean mean = layer.kind() == Layer.Kind.MEAN;
    if (plan.input().kind() == InputColumns.Kind.ANNOTATIONS) {
      return mean
          ? sentences(layer, item, window, sentence)
          : tokens(layer, item, window, sentence);
    }
    if (item.isNull()) {
      return null;
    }
    return mean
        ? VECTOR.serialize(Vectors.dense(mean(layer, item, window, sentence)))
        : vectors(layer, item, window, sentence);
  }

  private static GenericArrayData tokens(
      Layer layer, InputColumns.Item item, Window window, int sentence) {
    List<Object> annotations = new ArrayList<>();
    int dim = window.dim(layer);
    for (int s = 0; s < item.sentences().size(); s++) {
      float[] vectors = window.vectors(layer, sentence + s);
      UTF8String id = UTF8String.fromString(item.numbers().get(s));
      int at = 0;
      for (InputColumns.Span token : item.tokenSpans().get(s)) {
        annotations.add(
            Annotations.of(
                WORDS,
                token.begin(),
                token.end(),
                token.text(),
                id,
                Arrays.copyOfRange(vectors, at, at + dim)));
        at += dim;
      }
    }
    return new GenericArrayData(annotations.toArray());
  }

  private static GenericArrayData sentences(
      Layer layer, InputColumns.Item item, Window window, int sentence) {
    Object[] annotations = new Object[item.sentences().size()];
    for (int s = 0; s < annotations.length; s++) {
      InputColumns.Span span = item.sentenceSpans().get(s);
      annotations[s] =
          Annotations.of(
              SENTENCES,
              span.begin(),
              span.end(),
              span.text(),
              UTF8String.fromString(item.numbers().get(s)),
              window.vectors(layer, sentence + s));
    }
    return new GenericArrayData(annotations);
  }

  private static GenericArrayData vectors(
      Layer layer, InputColumns.Item item, Window window, int sentence) {
    List<Object> rows = new ArrayList<>();
    int dim = window.dim(layer);
    for (int s = 0; s < item.sentences().size(); s++) {
      float[] vectors = window.vectors(layer, sentence + s);
      for (int at = 0; at < vectors.length; at += dim) {
        rows.add(UnsafeArrayData.fromPrimitiveArray(Arrays.copyOfRange(vectors, at, at + dim)));
      }
    }
    return new GenericArrayData(rows.toArray());
  }

  /** Returns the mean over all tokens of the row; zeros if it has none. */
  private static double[] mean(Layer layer, InputColumns.Item item, Window window, int sentence) {
    double[] sum = new double[window.dim(layer)];
    int tokens = item.tokens();
    for (int s = 0; s < item.sentences().size(); s++) {
      int length = item.sentences().get(s).size();
      float[] mean = window.vectors(layer, sentence + s);
      for (int i = 0; i < sum.length && length > 0; i++) {
        sum[i] += mean[i] * ((double) length / tokens);
      }
    }
    return sum;
  }
}
