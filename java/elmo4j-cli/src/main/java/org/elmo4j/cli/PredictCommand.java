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

/** {@code elmo predict}: a classifier and sentences in, labels out. */
@Command(
    name = "predict",
    description = {
      "Labels tokens or sentences with what elmo fit wrote.",
      "",
      "What comes in a form that elmo fit reads, found by the first lines, comes back in it with more"
          + " behind: CoNLL with a column, CSV, TSV and JSON lines with predicted, score, label_1,"
          + " score_1 ... Text comes back as a token and its label a line and a blank line behind each"
          + " sentence, or as a line's label and its text, with tabs between.",
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

  /** Among so many lines one is not blank, or nothing tells the form. */
  private static final int HEAD_LINES = 20;

  @Spec private CommandSpec command;
  @Mixin private ModelChoice modelChoice;
  @Mixin private TextInput textInput;
  @Mixin private OutputFile output;

  @Parameters(index = "0", paramLabel = "FOLDER", description = "What elmo fit wrote.")
  private Path folder;

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "SENTENCE",
      description =
          "Text to label, each argument by itself. Without one, or with -: --input, or standard"
              + " input.")
  private List<String> texts = List.of();

  @Option(
      names = "--text-column",
      paramLabel = "NAME|N",
      description =
          "The input is CSV, TSV or JSON lines, and the text or tokens stand in this column or"
              + " field; a number, from 1, where no line names the columns. Default: the one that"
              + " elmo fit read, where the first line has it.")
  private String textColumn;

  @Option(names = "--scores", description = "Add each label's probability, in a column behind it.")
  private boolean scores;

  @Option(
      names = "--top",
      paramLabel = "K",
      description =
          "Add the K most probable labels and their probabilities, in columns behind the label.")
  private int top;

  @Override
  public Integer call() throws IOException {
    modelChoice.check();
    textInput.check(texts);
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
        AtomicFile file = output.isStandard() ? null : output.create();
        ElmoModel model = modelChoice.load()) {
      Writer writer =
          file == null
              ? command.commandLine().getOut()
              : new BufferedWriter(new OutputStreamWriter(file.stream(), StandardCharsets.UTF_8));
      new Run(classifier, model, writer).all(lines);
      writer.flush();
      if (file != null) {
        file.commit();
      }
    }
    return 0;
  }

  /** The way from lines to labels. */
  private final class Run {
    private final Classifier classifier;
    private final boolean ofTokens;
    private final ElmoModel model;
    private final Writer out;
    private final int most; // of the labels that are there
    private final List<TokenReader.Sentence> waiting = new ArrayList<>();

    Run(Classifier classifier, ElmoModel model, Writer out) {
      this.classifier = classifier;
      this.ofTokens = classifier.task() == Task.TOKENS;
      this.model = model;
      this.out = out;
      this.most = Math.min(top, classifier.labels().size());
    }

    void all(LineReader lines) throws IOException {
      String column = textColumn != null ? textColumn : LabelTable.textColumn(classifier);
      Records.Form form = recordForm(lines, column);
      if (form != null) {
        records(lines, form, column);
        return;
      }
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
        // As in training: a text of several sentences is labelled once.
        for (String line; (line = lines.next()) != null; ) {
          add(sentence(TextSplitter.split(line).stream().flatMap(List::stream).toList(), line));
        }
      }
      label();
    }

    /** Null for text and CoNLL, for sentences of the command line, and with --input-format. */
    private Records.Form recordForm(LineReader lines, String column) throws IOException {
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

    private void records(LineReader lines, Records.Form form, String column) throws IOException {
      try (Records records = new Records(lines.reader(), lines.source(), form, column, null)) {
        LabelTable table =
            new LabelTable(records, form, lines.source(), classifier.task(), scores, most, out);
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
    }

    /** As in training. */
    private List<String> tokens(Records.Row row) {
      return ofTokens || row.text().isArray()
          ? Records.words(row.text())
          : textInput.tokenized()
              ? TextSplitter.onSpaces(row.text().asText())
              : TextSplitter.split(row.text().asText()).stream().flatMap(List::stream).toList();
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

    /** Labels, with probabilities where they are asked for. */
    private List<List<Classifier.Prediction>> predictions() {
      List<List<String>> sentences = waiting.stream().map(TokenReader.Sentence::tokens).toList();
      if (scores || top > 0) {
        return classifier.predictWithScores(model, sentences);
      }
      return classifier.label(model, sentences).stream()
          .map(all -> all.stream().map(each -> new Classifier.Prediction(each, Map.of())).toList())
          .toList();
    }

    /** What is written of each label: itself, and what was asked for beside. */
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

    /** Columns as they came with one more, else a token and its label a line. */
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
