// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.text.TextSplitter;

/**
 * The columns that the stage reads. Converts rows to sentences.
 *
 * @param uid the uid of the stage, for messages
 * @param kind the content of the columns
 * @param names one name, or two for annotations: sentences, tokens
 * @param indices their indices among all columns
 * @param numbered whether annotations of sentences have metadata, which may contain the number of
 *     the sentence in its text
 * @param lowerCase whether tokens are converted to lower case for the model
 */
record InputColumns(
    String uid, Kind kind, String[] names, int[] indices, boolean numbered, boolean lowerCase)
    implements Serializable {
  /** The fields of an annotation that the stage reads. */
  private static final List<String> FIELDS = List.of("begin", "end", "result");

  private static final DataType STRINGS =
      DataTypes.createMapType(DataTypes.StringType, DataTypes.StringType);

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
   * @throws IllegalArgumentException if a column does not fit; the message names it and the stage
   */
  static InputColumns of(String uid, StructType schema, String[] names, boolean lowerCase) {
    int[] indices = new int[names.length];
    for (int i = 0; i < names.length; i++) {
      int[] found = StageColumns.find(Arrays.asList(schema.fieldNames()), names[i]);
      if (found.length != 1) {
        throw wrong(
            uid,
            "expected a column " + names[i],
            (found.length == 0 ? "only " : found.length + " of it in ")
                + Arrays.toString(schema.fieldNames()));
      }
      indices[i] = found[0];
    }
    if (names.length == 1) {
      DataType type = schema.apply(indices[0]).dataType();
      boolean text = type instanceof StringType;
      if (!text
          && !(type instanceof ArrayType array && array.elementType() instanceof StringType)) {
        throw wrong(
            uid,
            "expected column "
                + names[0]
                + " to be a string (text) or array<string> (tokens), or two columns of annotations",
            type.catalogString());
      }
      return new InputColumns(
          uid, text ? Kind.TEXT : Kind.TOKENS, names, indices, false, lowerCase);
    }
    if (names.length != 2) {
      throw wrong(
          uid,
          "expected one column of text or tokens, or two of annotations: document or sentence, and"
              + " token",
          Arrays.toString(names));
    }
    String first = annotatorType(uid, schema.apply(indices[0]));
    String second = annotatorType(uid, schema.apply(indices[1]));
    boolean swapped = first.equals(Annotations.TOKEN);
    if (!(swapped ? second : first).equals(Annotations.DOCUMENT)
        || !(swapped ? first : second).equals(Annotations.TOKEN)) {
      throw wrong(
          uid,
          "expected annotations of types document and token",
          names[0] + ": " + first + ", " + names[1] + ": " + second);
    }
    int sentences = swapped ? 1 : 0;
    int tokens = 1 - sentences;
    StructType sentence = annotation(uid, schema.apply(indices[sentences]));
    annotation(uid, schema.apply(indices[tokens]));
    return new InputColumns(
        uid,
        Kind.ANNOTATIONS,
        new String[] {names[sentences], names[tokens]},
        new int[] {indices[sentences], indices[tokens]},
        Arrays.asList(sentence.fieldNames()).contains("metadata")
            && sentence.apply("metadata").dataType().sameType(STRINGS),
        lowerCase);
  }

  /**
   * Returns an instance for annotations that are not in a table, which {@link #read(List)} reads.
   */
  static InputColumns annotations(String uid, String[] names, boolean lowerCase) {
    if (names.length != 2) {
      throw wrong(
          uid,
          "expected two columns of annotations: document or sentence, and token",
          Arrays.toString(names));
    }
    String[] types = {Annotations.DOCUMENT, Annotations.TOKEN};
    return new InputColumns(uid, Kind.ANNOTATIONS, types, new int[2], true, lowerCase);
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

  private static StructType annotation(String uid, StructField field) {
    if (field.dataType() instanceof ArrayType array
        && array.elementType() instanceof StructType type) {
      List<String> present = Arrays.asList(type.fieldNames());
      if (present.containsAll(List.of("begin", "end", "result"))
          && type.apply("begin").dataType().equals(DataTypes.IntegerType)
          && type.apply("end").dataType().equals(DataTypes.IntegerType)
          && type.apply("result").dataType().equals(DataTypes.StringType)) {
        return type;
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

  /**
   * Returns the expressions to select, so that Spark decodes only what the stage needs.
   *
   * @param columns the current names of all columns
   */
  List<Column> select(List<String> columns) {
    String first = columns.get(indices[0]);
    return switch (kind) {
      case TEXT -> List.of(functions.col(first).cast("string"));
      case TOKENS -> List.of(functions.col(first).cast("array<string>"));
      case ANNOTATIONS -> {
        List<Column> selected = new ArrayList<>();
        for (int index : indices) {
          for (String field : FIELDS) {
            selected.add(functions.col(columns.get(index)).getField(field));
          }
        }
        if (numbered) {
          selected.add(functions.expr("transform(" + first + ", a -> a.metadata['sentence'])"));
        }
        yield selected;
      }
    };
  }

  /** Returns the types of the expressions that {@link #select} returns. */
  List<DataType> selectedTypes() {
    DataType strings = DataTypes.createArrayType(DataTypes.StringType);
    return switch (kind) {
      case TEXT -> List.of(DataTypes.StringType);
      case TOKENS -> List.of(strings);
      case ANNOTATIONS -> {
        DataType numbers = DataTypes.createArrayType(DataTypes.IntegerType);
        List<DataType> types =
            new ArrayList<>(List.of(numbers, numbers, strings, numbers, numbers, strings));
        if (numbered) {
          types.add(strings);
        }
        yield types;
      }
    };
  }

  /** The fields of an annotation that the stage reads. */
  record Span(int begin, int end, String text) {}

  /**
   * The input of the stage from one row.
   *
   * @param isNull whether an input column is null
   * @param sentences the tokens of each sentence, as the model gets them
   * @param sentenceSpans for annotations, the sentences; otherwise null
   * @param tokenSpans for annotations, the tokens of each sentence; otherwise null
   * @param numbers for annotations, the number of each sentence in its text; otherwise null
   */
  record Item(
      boolean isNull,
      List<List<String>> sentences,
      List<Span> sentenceSpans,
      List<List<Span>> tokenSpans,
      List<String> numbers) {
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
   * @param row a row that ends with the columns that {@link #select} selects
   * @throws ElmoException if a token is null
   */
  Item read(Row row) {
    int first = row.length() - selectedTypes().size();
    boolean isNull = row.isNullAt(first);
    if (isNull || kind == Kind.ANNOTATIONS && row.isNullAt(first + FIELDS.size())) {
      return new Item(true, List.of(), List.of(), List.of(), List.of());
    }
    return switch (kind) {
      case TEXT ->
          new Item(false, lower(TextSplitter.split(row.getString(first))), null, null, null);
      case TOKENS -> {
        List<String> tokens = row.getList(first);
        int at = tokens.indexOf(null);
        if (at >= 0) {
          throw nullToken(names[0], at);
        }
        yield new Item(false, lower(List.of(List.copyOf(tokens))), null, null, null);
      }
      case ANNOTATIONS -> readAnnotations(row, first);
    };
  }

  /** Like {@link #read(Row)}, but reads annotations that are not in a table. */
  Item read(List<Annotation> annotations) {
    List<Span> sentences = new ArrayList<>();
    List<Span> tokens = new ArrayList<>();
    List<String> told = new ArrayList<>();
    for (Annotation annotation : annotations) {
      boolean sentence = annotation.annotatorType().equals(Annotations.DOCUMENT);
      if (sentence || annotation.annotatorType().equals(Annotations.TOKEN)) {
        List<Span> spans = sentence ? sentences : tokens;
        if (annotation.result() == null) {
          throw nullToken(names[sentence ? 0 : 1], spans.size());
        }
        spans.add(new Span(annotation.begin(), annotation.end(), annotation.result()));
        if (sentence) {
          told.add(annotation.metadata().get("sentence"));
        }
      }
    }
    return item(sentences, tokens, told);
  }

  private Item readAnnotations(Row row, int first) {
    return item(
        spans(row, first, names[0]),
        spans(row, first + FIELDS.size(), names[1]),
        numbered ? row.getList(first + 2 * FIELDS.size()) : null);
  }

  /**
   * Assigns each token to the sentences that contain it.
   *
   * @param told the numbers of the sentences, with null for a sentence without one; null if no
   *     sentence has one
   */
  private Item item(List<Span> sentences, List<Span> tokens, List<String> told) {
    // A sentence without a number gets its position in the row. This is only the fallback, since a
    // row may contain only some of the sentences of a text.
    List<String> numbers = new ArrayList<>(sentences.size());
    for (int i = 0; i < sentences.size(); i++) {
      String number = told == null ? null : told.get(i);
      numbers.add(number == null ? Integer.toString(i) : number);
    }
    // Tokens usually come in this order, but the model needs it in any case.
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
    return new Item(false, lower(words), sentences, spans, numbers);
  }

  /** Returns the index of the first token that begins at or after a character. */
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

  private List<Span> spans(Row row, int first, String name) {
    List<Integer> begins = row.getList(first);
    List<Integer> ends = row.getList(first + 1);
    List<String> texts = row.getList(first + 2);
    List<Span> spans = new ArrayList<>(texts.size());
    for (int i = 0; i < texts.size(); i++) {
      if (texts.get(i) == null) {
        throw nullToken(name, i);
      }
      spans.add(new Span(begins.get(i), ends.get(i), texts.get(i)));
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
