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
import java.util.concurrent.Callable;
import org.elmo4j.ElmoModel;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.text.TextSplitter;
import org.elmo4j.train.Classifier;
import org.elmo4j.train.LabeledData.Task;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code elmo predict}: a classifier and sentences in, labels out. */
@Command(
    name = "predict",
    description = {
      "Labels tokens or sentences with what elmo fit wrote.",
      "",
      "Tokens: a token and its label a line, a blank line behind each sentence. Sentences: a line's"
          + " label and its text. Columns are separated by tabs.",
      ""
    },
    footer = {
      "  elmo predict pos \"He went to the bank.\"",
      "  elmo predict pos --input book.txt --output tags.tsv"
    })
final class PredictCommand implements Callable<Integer> {
  private static final int CHUNK_LINES = 1024;

  @ParentCommand private Main main;
  @Spec private CommandSpec command;
  @Mixin private ModelChoice modelChoice;
  @Mixin private TextInput textInput;

  @Parameters(index = "0", paramLabel = "FOLDER", description = "What elmo fit wrote.")
  private Path folder;

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "SENTENCE",
      description = "Text to label. Without one: --input, or standard input.")
  private List<String> words = List.of();

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "Where to write, in place of standard output.")
  private Path output;

  @Override
  public Integer call() throws IOException {
    modelChoice.check();
    textInput.check(words);
    Classifier classifier = Classifier.load(folder);
    try (LineReader lines = textInput.open(words, main.in);
        AtomicFile file = output == null ? null : AtomicFile.create(output);
        ElmoModel model = modelChoice.load()) {
      Writer writer =
          file == null
              ? command.commandLine().getOut()
              : new BufferedWriter(new OutputStreamWriter(file.stream(), StandardCharsets.UTF_8));
      List<String> texts = new ArrayList<>();
      for (String line; (line = lines.next()) != null; ) {
        texts.add(line);
        if (texts.size() == CHUNK_LINES) {
          label(classifier, model, texts, writer);
          texts.clear();
        }
      }
      label(classifier, model, texts, writer);
      writer.flush();
      if (file != null) {
        file.commit();
      }
    }
    return 0;
  }

  private void label(Classifier classifier, ElmoModel model, List<String> texts, Writer out)
      throws IOException {
    boolean tokens = classifier.task() == Task.TOKENS;
    List<List<String>> sentences = new ArrayList<>();
    for (String text : texts) {
      if (textInput.tokenized()) {
        sentences.add(TextSplitter.onSpaces(text));
      } else if (tokens) {
        sentences.addAll(TextSplitter.split(text));
      } else {
        // As in training: a text of several sentences is labelled once.
        sentences.add(TextSplitter.split(text).stream().flatMap(List::stream).toList());
      }
    }
    List<List<String>> labels = classifier.label(model, sentences);
    for (int s = 0; s < labels.size(); s++) {
      List<String> found = labels.get(s);
      for (int i = 0; i < found.size(); i++) {
        out.write(
            tokens
                ? sentences.get(s).get(i) + "\t" + found.get(i) + "\n"
                : found.get(i) + "\t" + texts.get(s) + "\n");
      }
      if (tokens) {
        out.write("\n");
      }
    }
  }
}
