// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.files;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import org.elmo4j.ElmoException;

/**
 * Reads records that have a text and possibly a label, besides other columns: the rows of a table,
 * or JSON objects, one on each line. Not thread-safe.
 */
public final class Records implements Closeable {
  /** The format of a file of records. */
  public enum Form {
    /** Columns separated by commas, with the quotes of RFC 4180. */
    CSV,
    /** Columns separated by tabs, without quotes. */
    TSV,
    /** One JSON object on each line. */
    JSONL
  }

  /**
   * A record.
   *
   * @param line the number of its first line, from 1
   * @param cells all columns of a table's row; empty for JSON
   * @param json the JSON object as it is in the file; empty for a table's row
   * @param text a string or, from JSON, possibly an array of strings
   * @param label like {@code text}; from JSON it may also be or contain numbers, true and false;
   *     null if no label was requested
   */
  public record Row(long line, List<String> cells, String json, JsonNode text, JsonNode label) {}

  private final BufferedReader reader;
  private final String source;
  private final Form form;
  private final String text;
  private final String label;
  private final CSVParser table; // null for JSON
  private final Iterator<CSVRecord> rows;
  private int textColumn = -1;
  private int labelColumn = -1;
  private List<String> header; // null for JSON, and if columns are given by numbers
  private int columns;
  private long line;

  /**
   * Starts reading. The header of a table is read at once.
   *
   * @param reader is closed by {@link #close}
   * @param source the name of the data in messages
   * @param text the JSON field or column of the text: its name, or the column's number from 1 in a
   *     table without a header line
   * @param label the JSON field or column of the label, given like {@code text}; null if no label
   *     is needed
   * @throws ElmoException if the table's header does not have the columns
   */
  public Records(Reader reader, String source, Form form, String text, String label)
      throws IOException {
    this.reader = new BufferedReader(reader);
    this.source = source;
    this.form = form;
    this.text = text;
    this.label = label;
    if (form != Form.JSONL) {
      Library.require(source + ": a table", Library.COMMONS_CSV);
    }
    table = form == Form.JSONL ? null : format(form).parse(this.reader);
    rows = table == null ? null : table.iterator();
    boolean numbers = isNumber(text) && (label == null || isNumber(label));
    if (table != null && numbers) {
      textColumn = Integer.parseInt(text) - 1;
      labelColumn = label == null ? -1 : Integer.parseInt(label) - 1;
    } else if (table != null) {
      CSVRecord first = nextRow();
      if (first != null) {
        header = List.of(first.values());
        textColumn = header.indexOf(text);
        labelColumn = label == null ? -1 : header.indexOf(label);
        check(header);
      }
    }
  }

  private static CSVFormat format(Form form) {
    CSVFormat format = form == Form.CSV ? CSVFormat.RFC4180 : CSVFormat.newFormat('\t');
    return format.builder().setIgnoreEmptyLines(true).build();
  }

  /** Returns whether a column is given by its number. */
  public static boolean isNumber(String column) {
    return column.matches("[1-9][0-9]{0,3}");
  }

  /** Returns whether a line is a JSON object. */
  public static boolean isObject(String line) {
    return line.strip().matches("\\{\\s*(\".*)?\\}");
  }

  /** Detects the format of a table from the file's name and first line. */
  public static Form table(String name, String first) {
    boolean csv =
        name.toLowerCase(Locale.ROOT).endsWith(".csv")
            || (first.contains(",") && !first.contains("\t"));
    return csv ? Form.CSV : Form.TSV;
  }

  /**
   * Detects the format of a file from its first line: a JSON object, or a header of two or more
   * columns that include {@code names}. Returns null if it is neither.
   */
  public static Form named(String first, String... names) {
    if (isObject(first)) {
      return Form.JSONL;
    }
    if (!Library.COMMONS_CSV.isPresent()) {
      return null;
    }
    for (Form form : new Form[] {Form.TSV, Form.CSV}) {
      List<String> header = cells(form, first);
      if (header.size() > 1 && header.containsAll(Arrays.asList(names))) {
        return form;
      }
    }
    return null;
  }

  /** Returns the cells of a line; empty if it is not a row. */
  private static List<String> cells(Form form, String line) {
    try (CSVParser parser = CSVParser.parse(line, format(form))) {
      Iterator<CSVRecord> rows = parser.iterator();
      return rows.hasNext() ? List.of(rows.next().values()) : List.of();
    } catch (IOException | UncheckedIOException e) {
      return List.of();
    }
  }

  /** Returns the names of a table's columns; null if there is no header. */
  public List<String> header() {
    return header;
  }

  /** Returns the number of the last line that was read, from 1; 0 before the first line. */
  public long line() {
    return line;
  }

  private CSVRecord nextRow() throws IOException {
    try {
      if (!rows.hasNext()) {
        return null;
      }
      CSVRecord row = rows.next();
      line = table.getCurrentLineNumber();
      return row;
    } catch (UncheckedIOException e) {
      if (e.getCause() instanceof CharacterCodingException other) {
        throw other;
      }
      throw new ElmoException(
          where(line + 1) + ": expected columns, found " + FoundFile.reason(e.getCause()), e);
    }
  }

  private String where(long at) {
    return source + ", line " + at;
  }

  /**
   * Takes the number of columns from the first row and checks that it has the requested columns.
   */
  private void check(List<String> first) {
    columns = first.size();
    boolean there =
        textColumn >= 0
            && (label == null || labelColumn >= 0)
            && Math.max(textColumn, labelColumn) < columns;
    if (!there) {
      throw new ElmoException(
          where(line)
              + ": expected "
              + wanted("column")
              + ", found "
              + (header == null ? columns + " columns" : Json.brief(String.join(", ", first))));
    }
  }

  private String wanted(String what) {
    return label == null
        ? what + " " + Json.brief(text)
        : what + "s " + Json.brief(text) + " and " + Json.brief(label);
  }

  /**
   * Returns the next record, or null if there is none.
   *
   * @throws ElmoException if a row has a different number of columns than the first, a line is not
   *     JSON, or the text or label is missing or has another type
   */
  public Row next() throws IOException {
    return form == Form.JSONL ? nextObject() : nextOfTable();
  }

  private Row nextOfTable() throws IOException {
    CSVRecord row = nextRow();
    if (row == null) {
      return null;
    }
    List<String> cells = List.of(row.values());
    // A quoted cell may span several lines. The parser returns the number of the last one.
    long first = line - cells.stream().flatMapToInt(String::chars).filter(c -> c == '\n').count();
    if (columns == 0) {
      check(cells);
    }
    if (cells.size() != columns) {
      throw new ElmoException(
          where(first) + ": expected " + columns + " columns, found " + cells.size());
    }
    return new Row(
        first,
        cells,
        "",
        TextNode.valueOf(cells.get(textColumn)),
        label == null ? null : TextNode.valueOf(cells.get(labelColumn)));
  }

  private Row nextObject() throws IOException {
    for (String read; (read = reader.readLine()) != null; ) {
      line++;
      if (read.isBlank()) {
        continue;
      }
      JsonNode json = Json.parse(read, where(line));
      JsonNode words = json.path(text);
      JsonNode name = label == null ? null : json.path(label);
      boolean there = words.isTextual() || isArray(words, true);
      there &= name == null || (name.isValueNode() && !name.isNull()) || isArray(name, false);
      if (!there) {
        throw new ElmoException(
            where(line) + ": expected " + wanted("field") + ", found " + Json.brief(json));
      }
      return new Row(line, List.of(), read.strip(), words, name);
    }
    return null;
  }

  private static boolean isArray(JsonNode node, boolean texts) {
    boolean values = node.isArray();
    for (JsonNode value : node) {
      values &= value.isValueNode() && !value.isNull() && (value.isTextual() || !texts);
    }
    return values;
  }

  /** Returns the elements of an array as strings, or a string split at white space. */
  public static List<String> words(JsonNode node) {
    List<String> words = new ArrayList<>();
    if (node.isArray()) {
      node.forEach(word -> words.add(word.asText()));
    } else {
      for (String word : node.asText().strip().split("\\s+")) {
        if (!word.isEmpty()) {
          words.add(word);
        }
      }
    }
    return words;
  }

  @Override
  public void close() throws IOException {
    if (table != null) {
      table.close();
    }
    reader.close();
  }
}
