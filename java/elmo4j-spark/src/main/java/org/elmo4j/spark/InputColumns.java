// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.text.TextSplitter;

/**
 * The columns that the stage reads, and how a row becomes sentences.
 *
 * @param uid of the stage, for messages
 * @param kind what they hold
 * @param names one, or two for annotations: sentences, tokens
 * @param indices where they are in a row
 * @param sentenceFields where begin, end and result are in a sentence's annotation
 * @param tokenFields likewise for a token
 * @param lowerCase whether tokens are put in lower case for the model
 */
record InputColumns(
    String uid,
    Kind kind,
    String[] names,
    int[] indices,
    int[] sentenceFields,
    int[] tokenFields,
    boolean lowerCase)
    implements Serializable {
  enum Kind {
    /** Running text: {@code string}. */
    TEXT,
    /** One sentence: {@code array<string>}. */
    TOKENS,
    /** Spark NLP's annotations of sentences and tokens. */
    ANNOTATIONS
  }

  /**
   * Finds and checks the columns.
   *
   * @throws IllegalArgumentException naming the stage and the column
   */
  static InputColumns of(String uid, StructType schema, String[] names, boolean lowerCase) {
    for (String name : names) {
      if (!Arrays.asList(schema.fieldNames()).contains(name)) {
        throw wrong(
            uid, "expected a column " + name, "only " + Arrays.toString(schema.fieldNames()));
      }
    }
    if (names.length == 1) {
      DataType type = schema.apply(names[0]).dataType();
      boolean text = type.equals(DataTypes.StringType);
      if (!text
          && !(type instanceof ArrayType array
              && array.elementType().equals(DataTypes.StringType))) {
        throw wrong(
            uid,
            "expected column "
                + names[0]
                + " to be a string (text) or array<string> (tokens), or two columns of annotations",
            type.catalogString());
      }
      return new InputColumns(
          uid,
          text ? Kind.TEXT : Kind.TOKENS,
          names,
          new int[] {schema.fieldIndex(names[0])},
          null,
          null,
          lowerCase);
    }
    if (names.length != 2) {
      throw wrong(
          uid,
          "expected one column of text or tokens, or two of annotations: document or sentence, and"
              + " token",
          Arrays.toString(names));
    }
    String first = annotatorType(uid, schema.apply(names[0]));
    String second = annotatorType(uid, schema.apply(names[1]));
    boolean swapped = first.equals(Annotations.TOKEN);
    if (!(swapped ? second : first).equals(Annotations.DOCUMENT)
        || !(swapped ? first : second).equals(Annotations.TOKEN)) {
      throw wrong(
          uid,
          "expected annotations of types document and token",
          names[0] + ": " + first + ", " + names[1] + ": " + second);
    }
    String sentences = names[swapped ? 1 : 0];
    String tokens = names[swapped ? 0 : 1];
    return new InputColumns(
        uid,
        Kind.ANNOTATIONS,
        new String[] {sentences, tokens},
        new int[] {schema.fieldIndex(sentences), schema.fieldIndex(tokens)},
        fields(uid, schema.apply(sentences)),
        fields(uid, schema.apply(tokens)),
        lowerCase);
  }

  private static String annotatorType(String uid, StructField field) {
    if (!field.metadata().contains("annotatorType")) {
      throw wrong(
          uid,
          "expected column "
              + field.name()
              + " to be an output of a Spark NLP stage, with an annotatorType",
          field.dataType().catalogString() + " without");
    }
    return field.metadata().getString("annotatorType");
  }

  private static int[] fields(String uid, StructField field) {
    if (field.dataType() instanceof ArrayType array
        && array.elementType() instanceof StructType type) {
      List<String> present = Arrays.asList(type.fieldNames());
      if (present.containsAll(List.of("begin", "end", "result"))
          && type.apply("begin").dataType().equals(DataTypes.IntegerType)
          && type.apply("end").dataType().equals(DataTypes.IntegerType)
          && type.apply("result").dataType().equals(DataTypes.StringType)) {
        return new int[] {
          type.fieldIndex("begin"), type.fieldIndex("end"), type.fieldIndex("result")
        };
      }
    }
    throw wrong(
        uid,
        "expected column " + field.name() + " to be an array of annotations",
        field.dataType().catalogString());
  }

  private static IllegalArgumentException wrong(String uid, String expected, String found) {
    return new IllegalArgumentException(uid + ": inputCols: " + expected + ", found " + found);
  }

  /** An annotation as far as it matters here. */
  record Span(int begin, int end, String text) {}

  /**
   * What a row holds.
   *
   * @param row as it came
   * @param isNull whether an input column is null
   * @param sentences tokens of each, as the model gets them
   * @param sentenceSpans for annotations, else null
   * @param tokenSpans for annotations, the tokens of each sentence, else null
   */
  record Item(
      Row row,
      boolean isNull,
      List<List<String>> sentences,
      List<Span> sentenceSpans,
      List<List<Span>> tokenSpans) {
    int tokens() {
      int count = 0;
      for (List<String> sentence : sentences) {
        count += sentence.size();
      }
      return count;
    }
  }

  /**
   * Reads a row.
   *
   * @throws ElmoException if a token is null
   */
  Item read(Row row) {
    for (int index : indices) {
      if (row.isNullAt(index)) {
        return new Item(row, true, List.of(), List.of(), List.of());
      }
    }
    return switch (kind) {
      case TEXT ->
          new Item(row, false, lower(TextSplitter.split(row.getString(indices[0]))), null, null);
      case TOKENS -> {
        List<String> tokens = row.getList(indices[0]);
        int at = tokens.indexOf(null);
        if (at >= 0) {
          throw nullToken(names[0], at);
        }
        yield new Item(row, false, lower(List.of(List.copyOf(tokens))), null, null);
      }
      case ANNOTATIONS -> readAnnotations(row);
    };
  }

  private Item readAnnotations(Row row) {
    List<Span> sentences = spans(row, indices[0], names[0], sentenceFields);
    List<Span> tokens = spans(row, indices[1], names[1], tokenFields);
    // They come in this order; should they not, the model still needs it.
    tokens.sort(Comparator.comparingInt(Span::begin));
    List<List<Span>> spans = new ArrayList<>(sentences.size());
    List<List<String>> words = new ArrayList<>(sentences.size());
    for (Span sentence : sentences) {
      List<Span> inside = new ArrayList<>();
      List<String> texts = new ArrayList<>();
      for (int i = firstFrom(tokens, sentence.begin());
          i < tokens.size() && tokens.get(i).begin() <= sentence.end();
          i++) {
        if (tokens.get(i).end() <= sentence.end()) {
          inside.add(tokens.get(i));
          texts.add(tokens.get(i).text());
        }
      }
      spans.add(inside);
      words.add(texts);
    }
    return new Item(row, false, lower(words), sentences, spans);
  }

  /** The first token that begins at a character or after it. */
  private static int firstFrom(List<Span> tokens, int begin) {
    int low = 0;
    int high = tokens.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (tokens.get(middle).begin() < begin) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private List<Span> spans(Row row, int index, String name, int[] fields) {
    List<Row> annotations = row.getList(index);
    List<Span> spans = new ArrayList<>(annotations.size());
    for (Row annotation : annotations) {
      if (annotation == null || annotation.isNullAt(fields[2])) {
        throw nullToken(name, spans.size());
      }
      spans.add(
          new Span(
              annotation.getInt(fields[0]),
              annotation.getInt(fields[1]),
              annotation.getString(fields[2])));
    }
    return spans;
  }

  private ElmoException nullToken(String name, int at) {
    return new ElmoException(
        uid + ": column " + name + ": expected no null in its arrays, found one at position " + at);
  }

  private List<List<String>> lower(List<List<String>> sentences) {
    if (!lowerCase) {
      return sentences;
    }
    return sentences.stream()
        .map(tokens -> tokens.stream().map(token -> token.toLowerCase(Locale.ROOT)).toList())
        .toList();
  }
}
