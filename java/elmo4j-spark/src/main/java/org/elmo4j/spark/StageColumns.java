// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.elmo4j.Layer;

/**
 * The columns of a table that a stage reads and adds, checked against each other and the model.
 *
 * @param inputs the columns that it reads
 * @param outputs the columns that it adds, after all others
 * @param added the fields of {@code outputs}, then the field of the tokens column if there is one
 */
record StageColumns(InputColumns inputs, List<OutputColumn> outputs, List<StructField> added) {
  private static final DataType VECTORS =
      DataTypes.createArrayType(DataTypes.createArrayType(DataTypes.FloatType, false), false);

  /**
   * Finds and checks the columns.
   *
   * @param model the model of the stage. The caller gets it once from the stage, because each such
   *     call reads the file status of a model by reference
   * @throws IllegalArgumentException if a column does not fit; the message names it and the stage
   */
  static StageColumns of(ElmoEmbeddings stage, ModelFiles.Known model, StructType schema) {
    String uid = stage.uid();
    InputColumns inputs =
        InputColumns.of(uid, schema, stage.getInputCols(), !stage.getCaseSensitive());
    boolean tokens = stage.isDefined(stage.tokensCol());
    if (tokens && inputs.kind() != InputColumns.Kind.TEXT) {
      throw new IllegalArgumentException(
          uid
              + ": tokensCol: expected a column of text to read, found "
              + String.join(", ", stage.getInputCols()));
    }
    List<String> taken = new ArrayList<>(Arrays.asList(schema.fieldNames()));
    List<OutputColumn> outputs = outputs(stage, model, taken);
    List<StructField> added = new ArrayList<>();
    boolean annotations = inputs.kind() == InputColumns.Kind.ANNOTATIONS;
    for (OutputColumn output : outputs) {
      DataType type =
          annotations ? Annotations.TYPE : output.isMean() ? SQLDataTypes.VectorType() : VECTORS;
      Metadata metadata = annotations ? metadata(stage, model, output) : Metadata.empty();
      added.add(new StructField(output.name(), type, true, metadata));
    }
    if (tokens) {
      String name = stage.getOrDefault(stage.tokensCol());
      checkNew(uid, taken, "tokensCol", name);
      added.add(
          DataTypes.createStructField(name, DataTypes.createArrayType(DataTypes.StringType), true));
    }
    return new StageColumns(inputs, outputs, added);
  }

  /** Returns the indices of the columns with a name, compared as Spark compares names. */
  static int[] find(List<String> columns, String name) {
    boolean caseSensitive = SQLConf.get().caseSensitiveAnalysis();
    return java.util.stream.IntStream.range(0, columns.size())
        .filter(
            i ->
                caseSensitive ? columns.get(i).equals(name) : columns.get(i).equalsIgnoreCase(name))
        .toArray();
  }

  /**
   * Returns the columns to add, without the tokens column.
   *
   * @param taken the names of existing columns; the new names are appended to it
   */
  static List<OutputColumn> outputs(
      ElmoEmbeddings stage, ModelFiles.Known model, List<String> taken) {
    String[] columns = stage.getOutputCols();
    String[] layers = stage.getPoolingLayers();
    if (columns.length != layers.length || columns.length == 0) {
      throw new IllegalArgumentException(
          stage.uid()
              + ": outputCols: expected one a pooling layer, "
              + Arrays.toString(layers)
              + ", found "
              + Arrays.toString(columns));
    }
    int known = model.layers();
    float[] weights = null;
    if (stage.isDefined(stage.scalarMixWeights())) {
      double[] wide = stage.getOrDefault(stage.scalarMixWeights());
      weights = new float[wide.length];
      for (int i = 0; i < wide.length; i++) {
        weights[i] = (float) wide[i];
      }
      if (wide.length != known) {
        throw new IllegalArgumentException(
            stage.uid()
                + ": scalarMixWeights: expected one a layer, "
                + known
                + ", found "
                + wide.length);
      }
    }
    float gamma = ((Double) stage.getOrDefault(stage.scalarMixGamma())).floatValue();
    List<OutputColumn> outputs = new ArrayList<>();
    for (int k = 0; k < columns.length; k++) {
      checkNew(stage.uid(), taken, "outputCols", columns[k]);
      OutputColumn output = new OutputColumn(columns[k], layers[k], weights, gamma);
      if (rows(output.toLayer()).index() >= known) {
        throw new IllegalArgumentException(
            stage.uid()
                + ": poolingLayers: expected at most lstm_outputs"
                + (known - 1)
                + " in "
                + stage.getModel()
                + ", found "
                + layers[k]);
      }
      outputs.add(output);
    }
    return outputs;
  }

  private static void checkNew(String uid, List<String> taken, String param, String column) {
    if (find(taken, column).length > 0) {
      throw new IllegalArgumentException(
          uid + ": " + param + ": expected a new column, found " + column + " there already");
    }
    taken.add(column);
  }

  private static Metadata metadata(
      ElmoEmbeddings stage, ModelFiles.Known model, OutputColumn output) {
    return new MetadataBuilder()
        .putString("annotatorType", OutputColumn.annotatorType(output.toLayer()))
        .putLong("dimension", dimension(output.toLayer(), model))
        .putString("ref", stage.getStorageRef())
        .build();
  }

  /** Returns the length of a layer's vectors. */
  static int dimension(Layer layer, ModelFiles.Known model) {
    return model.projectionDim() * (rows(layer).kind() == Layer.Kind.WORD_EMB ? 1 : 2);
  }

  /** Returns the layer itself, or for a mean the layer that it is the mean of. */
  private static Layer rows(Layer layer) {
    return layer.of().orElse(layer);
  }
}
