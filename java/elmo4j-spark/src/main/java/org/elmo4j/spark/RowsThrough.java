// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * Applies a function that reads some columns and adds others to the partitions of a table. All
 * other columns pass through unchanged, in Spark's internal format, whatever their types and names.
 */
final class RowsThrough {
  private static final String ROW = "row";

  private RowsThrough() {}

  /**
   * Adds columns.
   *
   * @param inputs the columns to decode
   * @param added the columns that the function adds
   * @param function maps rows that consist of a {@link RowUdt.Cell} and the inputs to rows that
   *     consist of a cell which also contains the added columns
   */
  static Dataset<Row> partitions(
      Dataset<?> dataset,
      InputColumns inputs,
      List<StructField> added,
      MapPartitionsFunction<Row, Row> function) {
    List<StructField> before = Arrays.asList(dataset.schema().fields());
    List<StructField> after = new ArrayList<>(before);
    after.addAll(added);
    // Columns are named by their position, since two columns may have the same name.
    List<String> names = IntStream.range(0, after.size()).mapToObj(i -> "c" + i).toList();
    List<String> passing = names.subList(0, before.size());

    List<Column> selected = new ArrayList<>();
    selected.add(
        functions.struct(passing.stream().map(functions::col).toArray(Column[]::new)).as(ROW));
    StructType read = new StructType().add(ROW, new RowUdt(type(names, before)), false);
    List<DataType> types = inputs.selectedTypes();
    for (Column input : inputs.select(passing)) {
      String name = "in" + read.length();
      selected.add(input.as(name));
      read = read.add(name, types.get(read.length() - 1));
    }
    StructType written = new StructType().add(ROW, new RowUdt(type(names, after)), false);
    Dataset<Row> mapped =
        dataset
            .toDF(passing.toArray(new String[0]))
            .select(selected.toArray(new Column[0]))
            .as(Encoders.row(read))
            .mapPartitions(function, Encoders.row(written));

    Column row = functions.unwrap_udt(mapped.col(ROW));
    Column[] columns = new Column[after.size()];
    for (int i = 0; i < columns.length; i++) {
      StructField field = after.get(i);
      columns[i] = row.getField(names.get(i)).as(field.name(), field.metadata());
    }
    return mapped.select(columns);
  }

  private static StructType type(List<String> names, List<StructField> fields) {
    StructType type = new StructType();
    for (StructField field : fields) {
      type = type.add(names.get(type.length()), field.dataType(), field.nullable());
    }
    return type;
  }
}
