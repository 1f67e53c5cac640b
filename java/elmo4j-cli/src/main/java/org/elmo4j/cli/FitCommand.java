// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

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
import java.util.function.Function;
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

/** {@code elmo fit}: labelled data in, a classifier and its mix of layers out. */
@Command(
    name = "fit",
    description = {
      "Learns the weights of the layers together with a classifier of tokens or sentences.",
      "",
      "Ends with the scores of each layer alone, of the even mix and of the learned one, and with"
          + " those of each type of span (labels such as B-PER, by conlleval's F1) or each label."
          + " Ctrl-C keeps the best so far.",
      ""
    },
    footer = {
      "  elmo fit --task tokens --train dev.conllu --test test.conllu --output pos",
      "  elmo fit --task tokens --head crf --train dev.conllu --output pos-crf",
      "  elmo fit --task sentences --train reviews.tsv --output reviews"
    })
final class FitCommand implements Callable<Integer> {
  /** A held-back set of fewer says little. */
  private static final int SMALL = 50;

  /** What finds labels. */
  enum HeadName {
    LINEAR,
    CRF
  }

  /** What has a label. */
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
      description = "tokens: a label a token. sentences: a label a text.")
  private TaskName task;

  @Option(
      names = "--train",
      required = true,
      paramLabel = "FILE",
      description =
          "What to learn from: CoNLL (CoNLL-2003, CoNLL-U; a token a line, a blank line behind a"
              + " sentence), for tokens alone; CSV, TSV or objects of JSON, one a line. The form is"
              + " found by the first lines.")
  private Path train;

  @Option(
      names = "--dev",
      paramLabel = "FILE",
      description = "Decides when to stop. Default: a tenth of --train, held back.")
  private Path development;

  @Option(names = "--test", paramLabel = "FILE", description = "Measured at the end.")
  private Path test;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "FOLDER",
      description =
          "Where to write model.json, mix.json, weights.safetensors and curves.csv, a line an epoch.")
  private Path output;

  @Option(names = "--overwrite", description = "Replace the classifier that is there.")
  private boolean overwrite;

  @Option(
      names = "--column",
      paramLabel = "NAME|N",
      description =
          "CoNLL: the label's column, from 1, or its name in CoNLL-U. Default: upos in CoNLL-U, else"
              + " the last.")
  private String column;

  @Option(
      names = "--text-column",
      paramLabel = "NAME|N",
      description =
          "CSV, TSV, JSON: the text's column or field, by the first line's name, or by number, from 1,"
              + " where no line names the columns. Tokens: an array of JSON, or with spaces between."
              + " Default: text, for tokens: tokens.")
  private String textColumn;

  @Option(
      names = "--label-column",
      paramLabel = "NAME|N",
      description =
          "CSV, TSV, JSON: where the label is, or those of tokens, likewise. Default: label, for"
              + " tokens: labels.")
  private String labelColumn;

  @Option(
      names = "--tokenized",
      description = "Sentences: texts are tokens separated by single spaces.")
  private boolean tokenized;

  @Option(
      names = "--head",
      paramLabel = "HEAD",
      description =
          "linear, or crf: the labels of a sentence's tokens are found together, and spans (BIO,"
              + " IOB1, BIOES) are always well formed. Default: linear.")
  private HeadName head = HeadName.LINEAR;

  @Option(
      names = "--class-weights",
      paramLabel = "WEIGHTS",
      description =
          "balanced, or LABEL=W,...: how much a label counts in training. balanced: n / (k * n_c),"
              + " for n labels, k different ones, n_c of this one. Default: all the same.")
  private String classWeights;

  @Option(
      names = "--hidden",
      paramLabel = "N",
      description = "Units of a hidden layer under the head. Default: 0, none.")
  private int hidden;

  @Option(
      names = "--dropout",
      paramLabel = "P",
      description = "Share of the mix that is dropped in training. Default: 0.1.")
  private double dropout = 0.1;

  @Option(
      names = "--layer-norm",
      paramLabel = "FORM",
      description =
          "none, bilm-tf (boundaries left out of mean and variance) or allennlp (counted in)."
              + " Default: none.")
  private String layerNorm = "none";

  @Option(
      names = "--l2",
      paramLabel = "C",
      description = "bilm-tf's l2_coef: C times the sum of the mix weights' squares. Default: 0.")
  private double l2;

  @Option(names = "--learning-rate", paramLabel = "R", description = "Adam's. Default: 0.005.")
  private double learningRate = 0.005;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "Sentences in a mini-batch. Default: 32.")
  private int batchSize = 32;

  @Option(names = "--epochs", paramLabel = "N", description = "At most. Default: 50.")
  private int epochs = 50;

  @Option(
      names = "--patience",
      paramLabel = "N",
      description = "Epochs without a better score before it ends. Default: 5.")
  private int patience = 5;

  @Option(names = "--seed", paramLabel = "N", description = "The same gives the same. Default: 1.")
  private long seed = 1;

  @Option(
      names = "--no-comparison",
      description = "Do not train each layer and the even mix beside.")
  private boolean noComparison;

  @Option(
      names = "--cache-folder",
      paramLabel = "FOLDER",
      description = "Where the layers lie meanwhile. Default: the system's folder.")
  private Path cacheFolder = Path.of(System.getProperty("java.io.tmpdir"));

  @Option(
      names = "--cache-limit",
      paramLabel = "GIB",
      description = "What they may take there. Default: 8.")
  private double cacheLimit = 8;

  @Override
  public Integer call() {
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
    ClassWeights weights = classWeights == null ? null : ClassWeights.parse(classWeights);
    if (!(cacheLimit > 0 && cacheLimit < 1 << 20)) {
      throw usage("--cache-limit: expected GiB above 0, found " + cacheLimit);
    }
    PrintWriter out = command.commandLine().getOut();
    AtomicBoolean stop = new AtomicBoolean();
    CountDownLatch done = new CountDownLatch(1);
    // Ctrl-C: the JVM ends when this has, and this waits until the best so far is written.
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
                    + " sentences, of which "
                    + SMALL
                    + " or more tell something): scores may be chance");
      }
      noteUnseen(trainData, devData);
      noteUnseen(trainData, testData);
      try (ElmoModel model = modelChoice.load()) {
        result =
            settings(model, weights)
                .progress(new FitReport.Epochs(command.commandLine().getErr()))
                .stopWhen(stop::get)
                .fit(trainData, devData, testData);
        result.classifier().save(output);
      }
      Evaluation evaluation = result.evaluation();
      boolean weighted = weights != null && !evaluation.ofSpans();
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
          // It is running: Ctrl-C came just now.
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

  private MixTrainer settings(ElmoModel model, ClassWeights weights) {
    MixTrainer trainer = new MixTrainer(model);
    if (weights != null) {
      trainer.classWeights(weights);
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
  }

  private LabeledData read(Path file) {
    if (task == TaskName.TOKENS) {
      return textColumn == null && labelColumn == null
          ? LabeledData.readTokens(file, column)
          : LabeledData.readTokens(file, or(textColumn, "tokens"), or(labelColumn, "labels"));
    }
    Function<String, List<String>> tokenizer =
        tokenized
            ? TextSplitter::onSpaces
            : text -> TextSplitter.split(text).stream().flatMap(List::stream).toList();
    return LabeledData.readSentences(
        file, or(textColumn, "text"), or(labelColumn, "label"), tokenizer);
  }

  private static String or(String given, String usual) {
    return given == null ? usual : given;
  }

  private ParameterException usage(String message) {
    return Main.usage(command, message);
  }
}
