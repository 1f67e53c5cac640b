// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import org.elmo4j.Layer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests that a table's other columns pass through, and how the stage finds its own. */
class TableTest extends LocalTest {
  @Test
  void otherColumnsComeThroughUnharmed() {
    StructType schema =
        (StructType)
            DataType.fromJson(
                """
                {"type": "struct", "fields": [
                  {"name": "tokens", "nullable": true, "metadata": {},
                    "type": {"type": "array", "elementType": "string", "containsNull": true}},
                  {"name": "point", "nullable": true, "metadata": {"of": "interest"},
                    "type": {"type": "udt", "pyClass": "shapes.Point", "serializedClass": "none",
                      "sqlType": {"type": "array", "elementType": "double", "containsNull": false}}}]}
                """);
    Dataset<Row> data =
        session
            .read()
            .schema(schema)
            .json(
                session.createDataset(
                    List.of(
                        "{\"tokens\": [\"a\", \"b\"], \"point\": [1.5, 2.5]}",
                        "{\"tokens\": [\"c\"], \"point\": null}"),
                    Encoders.STRING()))
            .withColumn("a.b", functions.lit("dotted"))
            .withColumn("map", functions.map(functions.lit("k"), functions.lit(1.5)))
            .withColumn("bytes", functions.expr("cast('xyz' as binary)"))
            .withColumn("time", functions.expr("timestamp'1582-10-10 03:04:05'"))
            .withColumn("day", functions.expr("date'1582-10-10'"))
            .withColumn("years", functions.expr("interval '1-2' year to month"))
            .withColumn("days", functions.expr("interval '1 2:03:04.000005' day to second"))
            .withColumn("both", functions.expr("make_interval(1, 2, 3, 4, 5, 6, 7)"))
            .withColumn("nothing", functions.lit(null));
    if (Spark.is4()) {
      data = data.withColumn("collated", functions.expr("collate('Name', 'UTF8_LCASE')"));
    }
    Column[] twice = {functions.col("*"), functions.lit(1).as("map"), functions.lit(2).as("map")};
    data = data.select(twice);
    Dataset<Row> embedded = stage().transform(data);
    StructType after = embedded.schema();
    assertEquals(data.schema(), new StructType(Arrays.copyOf(after.fields(), after.length() - 1)));
    String[] names =
        java.util.stream.IntStream.range(0, after.length())
            .mapToObj(i -> "x" + i)
            .toArray(String[]::new);
    assertEquals(
        json(data.toDF(Arrays.copyOf(names, names.length - 1))),
        json(embedded.toDF(names).drop(names[names.length - 1])));
    Row first =
        embedded.select("day", "vectors").selectExpr("cast(day as string)", "vectors").head();
    assertEquals("1582-10-10", first.getString(0));
    assertArrayEquals(
        Spark.expected(List.of(List.of("a", "b")), Layer.ELMO).get(0),
        Spark.vectors(first, "vectors"));
  }

  /** Returns the rows as JSON. Dataset.toJSON is not used, because it decodes the rows. */
  private static List<String> json(Dataset<Row> data) {
    return data.select(functions.to_json(functions.struct("*")))
        .as(Encoders.STRING())
        .collectAsList();
  }

  @Test
  void rowsKnowTheirFiles(@TempDir Path folder) throws Exception {
    for (int i = 0; i < 4; i++) {
      Files.writeString(folder.resolve("file" + i), ("in file " + i + "\n").repeat(i + 1));
    }
    ElmoEmbeddings stage =
        Spark.stage().setInputCols("value").setOutputCol("vectors").setBatchTokens(7);
    Dataset<Row> files = session.read().text(folder.toString()).coalesce(1);
    List<Row> rows =
        stage
            .transform(files.select("value", "_metadata"))
            .withColumn("file", functions.input_file_name())
            .select("value", "file", "_metadata.file_name")
            .collectAsList();
    assertEquals(10, rows.size());
    for (Row row : rows) {
      String number = row.getString(0).substring("in file ".length());
      assertTrue(row.getString(1).endsWith("/file" + number), row.toString());
      assertEquals("file" + number, row.getString(2));
    }
    // _metadata has to be selected before the stage. Spark resolves this hidden column through the
    // stage's mapPartitions, which does not pass it on, and then the analyzer fails.
    assertThrows(Exception.class, () -> stage.transform(files).select("_metadata"));
  }

  @Test
  void columnsAreFoundAsSparkFindsThem() {
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    float[][] expected = Spark.expected(Spark.sentences(1), Layer.ELMO).get(0);
    ElmoEmbeddings stage = stage().setInputCols("ToKens");
    assertArrayEquals(
        expected, Spark.vectors(stage.transform(data).collectAsList().get(0), "vectors"));
    fails(stage().setOutputCol("Id"), data, "outputCols: expected a new column, found Id there");
    Dataset<Row> twice = data.withColumn("Tokens ", data.col("tokens")).toDF("id", "a", "A");
    fails(
        stage().setInputCols("a"),
        twice,
        "inputCols: expected a column a, found 2 of it in [id, a, A]");
    session.conf().set("spark.sql.caseSensitive", "true");
    try {
      fails(stage, data, "inputCols: expected a column ToKens, found only [id, tokens]");
      assertArrayEquals(
          expected,
          Spark.vectors(
              stage().setInputCols("A").setOutputCol("Id").transform(twice).head(), "Id"));
    } finally {
      session.conf().unset("spark.sql.caseSensitive");
    }
    if (Spark.is4()) {
      Dataset<Row> collated =
          data.withColumn(
              "tokens", functions.expr("cast(tokens as array<string collate unicode>)"));
      assertArrayEquals(expected, Spark.vectors(stage().transform(collated).head(), "vectors"));
    }
  }

  @Test
  void wrongColumnsAreNamed() {
    Dataset<Row> data = Spark.tokens(session, 1, Spark.sentences(1));
    ElmoEmbeddings fresh = Spark.stage();
    fails(fresh, data, "inputCols: expected columns, found none set");
    fresh.setInputCols("nothing");
    fails(fresh, data, "inputCols: expected a column nothing, found only [id, tokens]");
    fresh.setInputCols("id");
    fails(fresh, data, "expected column id to be a string (text) or array<string> (tokens)");
    fresh.setInputCols("id", "tokens");
    fails(fresh, data, "expected column id to be an output of a Spark NLP stage");
    fresh.setInputCols("id", "tokens", "id");
    fails(fresh, data, "expected one column of text or tokens, or two of annotations");
    fresh.setInputCols("tokens");
    fails(fresh, data, "outputCols: expected columns, found none set");
    fresh.setOutputCol("tokens");
    fails(fresh, data, "outputCols: expected a new column, found tokens there already");
    fresh.setOutputCols("a", "b");
    fails(fresh, data, "outputCols: expected one a pooling layer, [elmo], found [a, b]");
    fresh.setOutputCol("a").setPoolingLayer("lstm_outputs3");
    fails(fresh, data, "poolingLayers: expected at most lstm_outputs2 in ");
    fresh.setPoolingLayer("elmo").setTokensCol("b");
    fails(fresh, data, "tokensCol: expected a column of text to read, found tokens");
  }

  private static void fails(ElmoEmbeddings stage, Dataset<Row> data, String message) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> stage.transform(data));
    assertTrue(e.getMessage().startsWith(stage.uid() + ": "), e.getMessage());
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}
