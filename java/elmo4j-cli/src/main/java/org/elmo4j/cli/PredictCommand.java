// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.elmo4j.ElmoModel;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.Records;
import org.elmo4j.internal.text.TextSplitter;
import org.elmo4j.train.Classifier;
import org.elmo4j.train.DataForm;
import org.elmo4j.train.LabeledData.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code elmo predict}: labels tokens or sentences with a trained classifier. */
@Command(
    name = "predict",
    description = {
      "Labels tokens or sentences with a classifier that elmo fit wrote.",
      "",
      "Input in a format that elmo fit reads is written in the same format, with the labels added:"
          + " CoNLL gets a last column; CSV, TSV and JSON lines get columns or fields called"
          + " predicted, score, label_1, score_1 ... The format is detected from the first lines."
          + " Texts in columns or fields are split into tokens as elmo fit was told to.",
      "",
      "For other text, a classifier of tokens writes a token, a tab and its label on each line, and"
          + " a blank line after each sentence. A classifier of sentences writes a label, a tab and"
          + " the text for each line.",
      ""
    },
    footer = {
      "  elmo predict pos \"He went to the bank.\"",
      "  elmo predict pos --top 3 \"He went to the bank.\"",
      "  elmo predict pos --input book.txt --output tags.tsv",
      "  elmo predict reviews --scores --input reviews.tsv --output out.tsv"
    })
final class PredictCommand implements Callable<Integer> {
  private static final int CHUNK_SENTENCES = 1024;

  /** The format is detected from the first line that is not blank, among this many. */
  private static final int HEAD_LINES = 20;

  @Spec private CommandSpec command;
  @Mixin private ModelChoice modelChoice;
  @Mixin private TextInput textInput;
  @Mixin private OutputFile output;

  @Parameters(index = "0", paramLabel = "FOLDER", description = "The folder that elmo fit wrote.")
  private Path folder;

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "SENTENCE",
      description =
          "Texts to label, each on its own. Without any, or with -: read --input or standard"
              + " input.")
  private List<String> texts = List.of();

  @Option(
      names = "--text-column",
      paramLabel = "NAME|N",
      description =
          "Read the input as CSV, TSV or JSON lines, with the text or tokens in this column or"
              + " field: its name, or its number from 1 if the first line does not name the"
              + " columns. Default: the column that elmo fit read, if the first line has it.")
  private String textColumn;

  @Option(names = "--scores", description = "Write the probability of each label after it.")
  private boolean scores;

  @Option(
      names = "--top",
      paramLabel = "K",
      description =
          "Write the K most probable labels and their probabilities, in columns after the label.")
  private int top;

  @Override
  public Integer call() throws IOException {
    modelChoice.check();
    textInput.check(texts);
    output.check(textInput.file());
    output.check(modelChoice.files());
    if (top < 0) {
      throw Main.usage(command, "--top: expected 1 or more, found " + top);
    }
    if (textColumn != null && !texts.isEmpty() && !texts.equals(List.of(Main.STANDARD))) {
      throw Main.usage(command, "--text-column: expected with --input, found with sentences");
    }
    if (textColumn != null && textInput.formatGiven()) {
      throw Main.usage(command, "--text-column: expected without --input-format, found with it");
    }
    Classifier classifier = Classifier.load(folder);
    try (LineReader lines = textInput.open(texts);
        AtomicFile file = output.isStandard() ? null : output.create()) {
      String column = textColumn != null ? textColumn : LabelTable.textColumn(classifier);
      Records.Form form = recordForm(classifier, lines, column);
      Writer writer =
          file == null
              ? command.commandLine().getOut()
              : new BufferedWriter(new OutputStreamWriter(file.stream(), StandardCharsets.UTF_8));
      try (Records records =
              form == null
                  ? null
                  : new Records(lines.reader(), lines.source(), form, column, null);
          ElmoModel model = modelChoice.load()) {
        Run run = new Run(classifier, model, writer);
        if (records == null) {
          run.all(lines);
        } else {
          run.all(records, form, lines.source());
        }
      }
      writer.flush();
      if (file != null) {
        file.commit();
      }
    }
    return 0;
  }

  /**
   * Returns the format of records, or null for text, CoNLL, sentences of the command line, and with
   * --input-format.
   */
  private Records.Form recordForm(Classifier classifier, LineReader lines, String column)
      throws IOException {
    boolean typed = !texts.isEmpty() && !texts.equals(List.of(Main.STANDARD));
    String first = "";
    for (String line :
        typed || textInput.formatGiven() ? List.<String>of() : lines.head(HEAD_LINES)) {
      first = first.isBlank() ? line : first;
    }
    DataForm data = classifier.dataForm().orElse(null);
    return first.isBlank()
        ? null
        : LabelTable.form(lines.source(), first, data, column, textColumn);
  }

  /** Reads the lines, labels them and writes the result. */
  private final class Run {
    private final Classifier classifier;
    private final boolean ofTokens;
    private final boolean tokenized; // whether texts of records are split at spaces
    private final ElmoModel model;
    private final Writer out;
    private final int most; // the number of most probable labels to write
    private final List<TokenReader.Sentence> waiting = new ArrayList<>();

    Run(Classifier classifier, ElmoModel model, Writer out) {
      this.classifier = classifier;
      this.ofTokens = classifier.task() == Task.TOKENS;
      this.tokenized =
          textInput.tokenized() || classifier.dataForm().filter(DataForm::tokenized).isPresent();
      this.model = model;
      this.out = out;
      this.most = Math.min(top, classifier.labels().size());
    }

    void all(LineReader lines) throws IOException {
      if (textInput.tokenized() || (ofTokens && TokenReader.isConll(lines))) {
        TokenReader reader = textInput.tokens(lines);
        for (TokenReader.Sentence sentence; (sentence = reader.next()) != null; ) {
          add(sentence);
        }
      } else if (ofTokens) {
        for (String text; (text = lines.nextText()) != null; ) {
          for (List<String> tokens : TextSplitter.split(text)) {
            add(sentence(tokens, text));
          }
        }
      } else {
        // As in training, a text of several sentences gets one label.
        for (String line; (line = lines.next()) != null; ) {
          add(sentence(TextSplitter.tokens(line), line));
        }
      }
      label();
    }

    void all(Records records, Records.Form form, String source) throws IOException {
      LabelTable table =
          new LabelTable(records, form, source, classifier.task(), scores, most, out);
      List<Records.Row> rows = new ArrayList<>();
      Records.Row row;
      do {
        row = records.next();
        if (row != null) {
          rows.add(row);
          waiting.add(sentence(tokens(row), ""));
        }
        if (rows.size() == CHUNK_SENTENCES || row == null) {
          List<List<Classifier.Prediction>> found = predictions();
          for (int i = 0; i < rows.size(); i++) {
            table.write(rows.get(i), found.get(i));
          }
          rows.clear();
          waiting.clear();
        }
      } while (row != null);
    }

    /** Returns the tokens of a record, which are found as in training. */
    private List<String> tokens(Records.Row row) {
      return ofTokens || row.text().isArray()
          ? Records.words(row.text())
          : tokenized
              ? TextSplitter.onSpaces(row.text().asText())
              : TextSplitter.tokens(row.text().asText());
    }

    private TokenReader.Sentence sentence(List<String> tokens, String text) {
      return new TokenReader.Sentence(tokens, text, List.of(), List.of());
    }

    private void add(TokenReader.Sentence sentence) throws IOException {
      waiting.add(sentence);
      if (waiting.size() == CHUNK_SENTENCES) {
        label();
      }
    }

    /** Returns the labels of the waiting sentences, with probabilities if an option needs them. */
    private List<List<Classifier.Prediction>> predictions() {
      List<List<String>> sentences = waiting.stream().map(TokenReader.Sentence::tokens).toList();
      if (scores || top > 0) {
        return classifier.predictWithScores(model, sentences);
      }
      return classifier.label(model, sentences).stream()
          .map(all -> all.stream().map(each -> new Classifier.Prediction(each, Map.of())).toList())
          .toList();
    }

    /** Returns the text to write for each label: the label and the columns that options ask for. */
    private List<List<String>> labels() {
      return predictions().stream()
          .map(found -> found.stream().map(this::columns).toList())
          .toList();
    }

    private String columns(Classifier.Prediction prediction) {
      StringBuilder columns = new StringBuilder(prediction.label());
      if (scores) {
        columns.append(String.format(Locale.ROOT, "\t%.4f", prediction.probability()));
      }
      prediction.probabilities().entrySet().stream()
          .limit(most)
          .forEach(
              each ->
                  columns.append(
                      String.format(Locale.ROOT, "\t%s\t%.4f", each.getKey(), each.getValue())));
      return columns.toString();
    }

    private void label() throws IOException {
      List<List<String>> labels = labels();
      for (int s = 0; s < labels.size(); s++) {
        if (ofTokens) {
          tokens(waiting.get(s), labels.get(s));
        } else {
          out.write(String.join(" ", labels.get(s)) + "\t" + waiting.get(s).text() + "\n");
        }
      }
      waiting.clear();
    }

    /**
     * Writes the lines of a sentence in CoNLL format with the label added, or for other input one
     * token and its label on each line.
     */
    private void tokens(TokenReader.Sentence sentence, List<String> labels) throws IOException {
      if (sentence.lines().isEmpty()) {
        for (int i = 0; i < labels.size(); i++) {
          out.write(sentence.tokens().get(i) + "\t" + labels.get(i) + "\n");
        }
        out.write("\n");
        return;
      }
      int token = 0;
      for (int i = 0; i < sentence.lines().size(); i++) {
        String line = sentence.lines().get(i);
        boolean labelled = token < labels.size() && sentence.tokenLines().get(token) == i;
        String label =
            labelled ? labels.get(token++) : "_" + "\t_".repeat((scores ? 1 : 0) + 2 * most);
        boolean other = line.isBlank() || (!labelled && line.startsWith("#"));
        boolean tabs = line.contains("\t");
        out.write(other ? line : line + (tabs ? "\t" + label : " " + label.replace('\t', ' ')));
        out.write("\n");
      }
    }
  }
}
