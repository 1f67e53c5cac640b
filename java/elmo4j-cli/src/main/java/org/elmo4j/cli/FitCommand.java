// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.ScalarMix.LayerNorm;
import org.elmo4j.internal.text.TextSplitter;
import org.elmo4j.train.ClassWeights;
import org.elmo4j.train.Classifier;
import org.elmo4j.train.Evaluation;
import org.elmo4j.train.LabeledData;
import org.elmo4j.train.MixTrainer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code elmo fit}: trains a classifier and its mix of layers on labelled data. */
@Command(
    name = "fit",
    description = {
      "Trains a classifier of tokens or sentences and, with it, the weights of the layers.",
      "",
      "At the end it prints the scores of each layer alone, of equal weights (the even mix) and of"
          + " the learned weights, and then the scores of each label. If the labels mark spans"
          + " (such as B-PER), it prints the scores of each type of span instead: F1 as conlleval"
          + " computes it. Ctrl-C ends the training and saves the best result so far.",
      ""
    },
    footer = {
      "  elmo fit --task tokens --train dev.conllu --test test.conllu --output pos",
      "  elmo fit --task tokens --head crf --train dev.conllu --output pos-crf",
      "  elmo fit --task sentences --train reviews.tsv --output reviews"
    })
final class FitCommand implements Callable<Integer> {
  /** With fewer development sentences, the command prints a warning. */
  private static final int SMALL = 50;

  /** The values of {@code --head}. */
  enum HeadName {
    LINEAR,
    CRF
  }

  /** The values of {@code --task}. */
  enum TaskName {
    TOKENS,
    SENTENCES
  }

  @Spec private CommandSpec command;
  @Mixin private ModelChoice modelChoice;

  @Option(
      names = "--task",
      required = true,
      paramLabel = "TASK",
      description = "tokens: each token has a label. sentences: each text has a label.")
  private TaskName task;

  @Option(
      names = "--train",
      required = true,
      paramLabel = "FILE",
      description =
          "Training data. For tokens: CoNLL (CoNLL-2003 or CoNLL-U: one token on each line, a blank"
              + " line after each sentence). For tokens or sentences: CSV, TSV, or JSON with one"
              + " object on each line. The format is detected from the first lines.")
  private Path train;

  @Option(
      names = "--dev",
      paramLabel = "FILE",
      description =
          "Development data: its score decides when to stop. Default: a tenth of --train, which is"
              + " then not used for training.")
  private Path development;

  @Option(
      names = "--test",
      paramLabel = "FILE",
      description = "Test data: the classifiers are measured on it at the end.")
  private Path test;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "FOLDER",
      description =
          "Where to write model.json, mix.json, weights.safetensors and curves.csv (one line for"
              + " each epoch).")
  private Path output;

  @Option(names = "--overwrite", description = "Replace an existing classifier.")
  private boolean overwrite;

  @Option(
      names = "--column",
      paramLabel = "NAME|N",
      description =
          "CoNLL: the column of the labels, as a number from 1, or in CoNLL-U as a name. Default:"
              + " upos in CoNLL-U, otherwise the last column.")
  private String column;

  @Option(
      names = "--text-column",
      paramLabel = "NAME|N",
      description =
          "CSV, TSV, JSON: the column or field of the text or the tokens: its name, or its number"
              + " from 1 if the first line does not name the columns. Tokens are a JSON array or"
              + " are separated by spaces. Default: text, or tokens with --task tokens.")
  private String textColumn;

  @Option(
      names = "--label-column",
      paramLabel = "NAME|N",
      description =
          "CSV, TSV, JSON: the column or field of the label, or of the tokens' labels, likewise."
              + " Default: label, or labels with --task tokens.")
  private String labelColumn;

  @Option(
      names = "--tokenized",
      description = "With --task sentences: the texts are tokens separated by single spaces.")
  private boolean tokenized;

  @Option(
      names = "--head",
      paramLabel = "HEAD",
      description =
          "linear or crf. linear chooses each label on its own. crf, for tokens, chooses all labels"
              + " of a sentence together, and its spans (BIO, IOB1, BIOES) are always well formed."
              + " Default: linear.")
  private HeadName head = HeadName.LINEAR;

  @Option(
      names = "--class-weights",
      paramLabel = "WEIGHTS",
      description =
          "The weight of each label in the loss: LABEL=W,... or balanced, which is n / (k * n_c)"
              + " for n labels in the training data, k different labels, and n_c times this label."
              + " Default: the same weight for all. Not with --head crf.")
  private String classWeights;

  @Option(
      names = "--hidden",
      paramLabel = "N",
      description = "Number of units of a hidden layer before the head. Default: 0, no such layer.")
  private int hidden;

  @Option(
      names = "--dropout",
      paramLabel = "P",
      description = "Dropout probability of the mixed vectors' elements in training. Default: 0.1.")
  private double dropout = 0.1;

  @Option(
      names = "--layer-norm",
      paramLabel = "FORM",
      description =
          "Layer normalization before the mix: none, bilm-tf (mean and variance without the"
              + " sentence boundaries) or allennlp (with them). Default: none.")
  private String layerNorm = "none";

  @Option(
      names = "--l2",
      paramLabel = "C",
      description =
          "L2 penalty, bilm-tf's l2_coef: C times the sum of the squared layer weights is added to"
              + " the loss. Default: 0.")
  private double l2;

  @Option(
      names = "--learning-rate",
      paramLabel = "R",
      description = "Learning rate of Adam. Default: 0.005.")
  private double learningRate = 0.005;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "Number of sentences in a mini-batch. Default: 32.")
  private int batchSize = 32;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      description = "Maximum number of epochs. Default: 50.")
  private int epochs = 50;

  @Option(
      names = "--patience",
      paramLabel = "N",
      description = "Stop after this many epochs without a better score. Default: 5.")
  private int patience = 5;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of the random numbers. The same seed gives the same result. Default: 1.")
  private long seed = 1;

  @Option(
      names = "--no-comparison",
      description = "Do not train classifiers on each layer alone and on the even mix.")
  private boolean noComparison;

  @Option(
      names = "--cache-folder",
      paramLabel = "FOLDER",
      description =
          "Folder for a temporary file with the layers of all sentences. Default: the system's"
              + " folder for temporary files.")
  private Path cacheFolder = Path.of(System.getProperty("java.io.tmpdir"));

  @Option(
      names = "--cache-limit",
      paramLabel = "GIB",
      description = "Maximum size of that file in GiB. Default: 8.")
  private double cacheLimit = 8;

  @Override
  public Integer call() throws IOException {
    modelChoice.check();
    if (task == TaskName.SENTENCES && column != null) {
      throw usage("--column: expected with --task tokens, found with sentences");
    }
    if (column != null && (textColumn != null || labelColumn != null)) {
      throw usage("--column: expected with CoNLL, found with --text-column or --label-column");
    }
    if (task == TaskName.TOKENS && tokenized) {
      throw usage("--tokenized: expected with --task sentences, found with tokens");
    }
    if (task == TaskName.SENTENCES && head == HeadName.CRF) {
      throw usage("--head crf: expected with --task tokens, found with sentences");
    }
    if (classWeights != null && head == HeadName.CRF) {
      throw usage("--class-weights: expected with --head linear, found with crf");
    }
    if (!(cacheLimit > 0 && cacheLimit < 1 << 20)) {
      throw usage("--cache-limit: expected GiB above 0, found " + cacheLimit);
    }
    if (!Files.isDirectory(cacheFolder)) {
      throw usage("--cache-folder: expected a folder, found no folder " + cacheFolder);
    }
    MixTrainer trainer = trainer();
    Main.checkReadable(train, development, test);
    PrintWriter out = command.commandLine().getOut();
    AtomicBoolean stop = new AtomicBoolean();
    CountDownLatch done = new CountDownLatch(1);
    // On Ctrl-C the JVM waits for this thread, and it waits until the best result is written.
    Thread interrupted =
        new Thread(
            () -> {
              stop.set(true);
              try {
                done.await(60, TimeUnit.SECONDS);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    Runtime.getRuntime().addShutdownHook(interrupted);
    MixTrainer.Result result;
    try {
      Classifier.checkTarget(output);
      if (!overwrite && Files.exists(output.resolve("model.json"))) {
        throw new ElmoException(output + ": expected --overwrite to replace it, found it exists");
      }
      LabeledData trainData = read(train);
      LabeledData devData = development == null ? null : read(development);
      LabeledData testData = test == null ? null : read(test);
      int held =
          devData == null ? (trainData.sentences().size() + 9) / 10 : devData.sentences().size();
      if (held < SMALL) {
        command
            .commandLine()
            .getErr()
            .println(
                "elmo fit: the development data is small ("
                    + held
                    + " sentences; "
                    + SMALL
                    + " or more are better): the scores may be due to chance");
      }
      noteUnseen(trainData, devData);
      noteUnseen(trainData, testData);
      try (ElmoModel model = modelChoice.load()) {
        result =
            trainer
                .progress(new FitReport.Epochs(command.commandLine().getErr()))
                .stopWhen(stop::get)
                .fit(model, trainData, devData, testData);
        result.classifier().save(output);
      }
      Evaluation evaluation = result.evaluation();
      boolean weighted = classWeights != null && !evaluation.ofSpans();
      FitReport.table(out, result.scores(), test != null, evaluation.ofSpans(), weighted);
      FitReport.curve(out, result.classifier().epochs());
      FitReport.evaluation(out, evaluation, test != null ? "test" : "dev");
      out.println("written: " + output);
      out.flush();
    } finally {
      done.countDown();
      if (!stop.get()) {
        try {
          Runtime.getRuntime().removeShutdownHook(interrupted);
        } catch (IllegalStateException e) {
          // The user has just pressed Ctrl-C, and the JVM is already shutting down.
        }
      }
    }
    return 0;
  }

  private void noteUnseen(LabeledData trained, LabeledData measured) {
    if (measured == null) {
      return;
    }
    List<String> unseen = new ArrayList<>(measured.labels());
    unseen.removeAll(new HashSet<>(trained.labels()));
    if (!unseen.isEmpty()) {
      String names = String.join(", ", unseen.subList(0, Math.min(5, unseen.size())));
      command
          .commandLine()
          .getErr()
          .println(
              "note: labels that the training data lack are scored as wrong: "
                  + EscapedStream.escape(names + (unseen.size() > 5 ? ", ..." : "")));
    }
  }

  /** Makes the trainer, which checks the numbers, before anything that takes long. */
  private MixTrainer trainer() {
    try {
      MixTrainer trainer = new MixTrainer();
      if (classWeights != null) {
        trainer.classWeights(ClassWeights.parse(classWeights));
      }
      return trainer
          .hidden(hidden)
          .crf(head == HeadName.CRF)
          .dropout(dropout)
          .layerNorm(LayerNorm.parse(layerNorm))
          .l2(l2)
          .learningRate(learningRate)
          .batchSize(batchSize)
          .epochs(epochs)
          .patience(patience)
          .seed(seed)
          .compare(!noComparison)
          .cache(cacheFolder, (long) (cacheLimit * (1L << 30)));
    } catch (ElmoException e) {
      throw usage(e.getMessage());
    }
  }

  private LabeledData read(Path file) {
    if (task == TaskName.TOKENS) {
      return textColumn == null && labelColumn == null
          ? LabeledData.readTokens(file, column)
          : LabeledData.readTokens(file, or(textColumn, "tokens"), or(labelColumn, "labels"));
    }
    String text = or(textColumn, "text");
    String label = or(labelColumn, "label");
    return tokenized
        ? LabeledData.readTokenizedSentences(file, text, label)
        : LabeledData.readSentences(file, text, label, TextSplitter::tokens);
  }

  private static String or(String given, String usual) {
    return given == null ? usual : given;
  }

  private ParameterException usage(String message) {
    return Main.usage(command, message);
  }
}
