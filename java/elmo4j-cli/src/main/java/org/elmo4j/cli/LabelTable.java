// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.io.Writer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.commons.csv.CSVFormat;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.files.Records;
import org.elmo4j.train.Classifier;
import org.elmo4j.train.Classifier.Prediction;
import org.elmo4j.train.DataForm;
import org.elmo4j.train.DataForm.Kind;
import org.elmo4j.train.LabeledData.Task;

/**
 * Writes the records of a table or of JSON lines unchanged and adds the predictions as last columns
 * or fields: {@code predicted}, {@code score}, {@code label_1}, {@code score_1}, ... Not
 * thread-safe.
 */
final class LabelTable {
  /** An added column. Its value is one prediction for a sentence, or one for each token. */
  private record Column(String name, Function<Prediction, String> value, boolean number) {}

  private static final CSVFormat CSV = CSVFormat.RFC4180.builder().setRecordSeparator("").build();

  private final Records.Form form;
  private final boolean ofTokens;
  private final String source;
  private final Writer out;
  private final List<Column> columns = new ArrayList<>();

  /**
   * Writes a table's header, if the records have one.
   *
   * @param scores whether to write each label's probability
   * @param most the number of most probable labels to write as well
   * @throws ElmoException if the records already have a column with the name of an added one
   */
  LabelTable(
      Records records,
      Records.Form form,
      String source,
      Task task,
      boolean scores,
      int most,
      Writer out)
      throws IOException {
    this.form = form;
    this.ofTokens = task == Task.TOKENS;
    this.source = source;
    this.out = out;
    columns.add(new Column("predicted", Prediction::label, false));
    if (scores) {
      columns.add(new Column("score", found -> number(found.probability()), true));
    }
    for (int k = 0; k < most; k++) {
      int at = k;
      columns.add(new Column("label_" + (k + 1), found -> entry(found, at).getKey(), false));
      columns.add(
          new Column("score_" + (k + 1), found -> number(entry(found, at).getValue()), true));
    }
    if (records.header() != null) {
      List<String> header = new ArrayList<>(records.header());
      for (Column column : columns) {
        refuse(header.contains(column.name), records.line(), column);
        header.add(column.name);
      }
      row(header);
    }
  }

  /**
   * Detects from the first line whether an input is records with a column for the classifier's
   * texts. Returns their format, or null for text or CoNLL.
   *
   * @param data the format of the training data, or null if it is not known
   * @param column the text's column that the user named, or null for the one of the training data
   */
  static Records.Form form(String source, String first, DataForm data, String text, String column) {
    if (column != null) {
      return Records.isObject(first) ? Records.Form.JSONL : Records.table(source, first);
    }
    boolean table = data != null && (data.kind() == Kind.CSV || data.kind() == Kind.TSV);
    if (table && !Records.isNumber(text) && first.strip().equals(text)) {
      return Records.Form.valueOf(data.kind().name()); // no other column
    }
    if (Records.isObject(first) || !Records.isNumber(text)) {
      return Records.named(first, text);
    }
    // Without column names, a line that could be plain text is not taken for a table.
    Records.Form form = Records.table(source, first);
    boolean same = table && data.kind().name().equals(form.name());
    boolean sure =
        form == Records.Form.TSV
            ? first.contains("\t")
            : source.toLowerCase(Locale.ROOT).endsWith(".csv");
    return same && sure ? form : null;
  }

  /** The default column of a classifier's texts in records. */
  static String textColumn(Classifier classifier) {
    return classifier
        .dataForm()
        .map(DataForm::text)
        .filter(text -> !text.isEmpty())
        .orElse(classifier.task() == Task.TOKENS ? "tokens" : "text");
  }

  private static Map.Entry<String, Double> entry(Prediction found, int at) {
    return found.probabilities().entrySet().stream().skip(at).findFirst().orElseThrow();
  }

  private static String number(double probability) {
    return String.format(Locale.ROOT, "%.4f", probability);
  }

  private void refuse(boolean there, long line, Column column) {
    if (there) {
      throw new ElmoException(
          source
              + ", line "
              + line
              + ": expected no column "
              + column.name
              + ", which is written, found one");
    }
  }

  /** Writes a record and its predictions: one, or one for each token. */
  void write(Records.Row row, List<Prediction> found) throws IOException {
    if (form == Records.Form.JSONL) {
      object(row, found);
      return;
    }
    List<String> cells = new ArrayList<>(row.cells());
    for (Column column : columns) {
      cells.add(found.stream().map(column.value).collect(Collectors.joining(" ")));
    }
    row(cells);
  }

  private void row(List<String> cells) throws IOException {
    out.write(
        form == Records.Form.CSV
            ? CSV.format(cells.toArray()) + "\n"
            : String.join("\t", cells) + "\n");
  }

  /** Writes the object as text, so that no number changes its form, with the fields added. */
  private void object(Records.Row row, List<Prediction> found) throws IOException {
    JsonNode json = Json.parse(row.json(), source);
    StringBuilder more = new StringBuilder();
    for (Column column : columns) {
      refuse(json.has(column.name), row.line(), column);
      String values =
          found.stream()
              .map(column.value)
              .map(value -> column.number ? value : TextNode.valueOf(value).toString())
              .collect(Collectors.joining(", "));
      more.append(", \"").append(column.name).append("\": ");
      more.append(ofTokens ? "[" + values + "]" : values);
    }
    out.write(row.json().substring(0, row.json().length() - 1).stripTrailing() + more + "}\n");
  }
}
