// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.ScalarMix;
import org.elmo4j.ScalarMix.LayerNorm;
import org.elmo4j.internal.Arguments;
import org.elmo4j.train.LabeledData.Task;

/**
 * Learns the weights of a model's layers together with a linear or one-hidden-layer head (Peters et
 * al. 2018, section 3.2): cross-entropy, Adam, mini-batches of sentences, early stopping. The model
 * stays as it is, so that its layers are computed once; an epoch is then short. Training runs on
 * the calling thread, and a seed gives the same bits every time on one machine. Set up by one
 * thread.
 */
public final class MixTrainer {
  /** The name of the run whose classifier is the result. */
  public static final String LEARNED = "learned mix";

  // Fit reads those that are not private.
  final ElmoModel model;
  int hidden;
  boolean crf;
  private ClassWeights classWeights;
  float dropout = 0.1f;
  LayerNorm layerNorm = LayerNorm.NONE;
  double l2;
  float learningRate = 0.005f;
  int batchSize = 32;
  int epochs = 50;
  int patience = 5;
  long seed = 1;
  boolean compare = true;
  private Path cacheFolder = Path.of(System.getProperty("java.io.tmpdir"));
  private long cacheLimit = 8L << 30;
  Progress progress = new Progress() {};
  BooleanSupplier stop = () -> false;

  /** With the defaults that each method names. */
  public MixTrainer(ElmoModel model) {
    Arguments.require(model, "model");
    this.model = model;
  }

  /** Units of a hidden layer of rectifiers between mix and labels; 0, the default, for none. */
  public MixTrainer hidden(int units) {
    hidden = (int) within("hidden units", units, 0, 1 << 14);
    return this;
  }

  /**
   * Whether the labels of a sentence's tokens are found together, by a linear-chain CRF on top of
   * the head; false by default. Where labels are of spans, what their scheme (BIO, IOB1 or BIOES,
   * found by the training data) forbids never comes out.
   */
  public MixTrainer crf(boolean crf) {
    this.crf = crf;
    return this;
  }

  /**
   * How much each label counts in the loss, and in the share of right labels that decides when to
   * stop: all the same by default. Not with a CRF.
   */
  public MixTrainer classWeights(ClassWeights weights) {
    Arguments.require(weights, "weights");
    classWeights = weights;
    return this;
  }

  /** The share of the mix's numbers that are dropped in training: 0.1 by default. */
  public MixTrainer dropout(double rate) {
    dropout = (float) within("dropout", rate, 0, 0.99);
    return this;
  }

  /** Layer norm in the mix: none by default. Its mean and variance are a mini-batch's. */
  public MixTrainer layerNorm(LayerNorm norm) {
    Arguments.require(norm, "norm");
    layerNorm = norm == null ? LayerNorm.NONE : norm;
    return this;
  }

  /** bilm-tf's {@code l2_coef}: so many times the sum of the mix weights' squares; 0 by default. */
  public MixTrainer l2(double coefficient) {
    l2 = within("l2", coefficient, 0, 1e6);
    return this;
  }

  /** Adam's step: 0.005 by default. */
  public MixTrainer learningRate(double rate) {
    learningRate = (float) within("learning rate", rate, 1e-9, 1e30);
    return this;
  }

  /** Sentences in a mini-batch: 32 by default. */
  public MixTrainer batchSize(int sentences) {
    batchSize = (int) within("batch size", sentences, 1, 1 << 20);
    return this;
  }

  /** Epochs at most: 50 by default. */
  public MixTrainer epochs(int most) {
    epochs = (int) within("epochs", most, 1, 1 << 20);
    return this;
  }

  /** Epochs without a better development score after which a run ends: 5 by default. */
  public MixTrainer patience(int epochs) {
    patience = (int) within("patience", epochs, 1, 1 << 20);
    return this;
  }

  /** Decides the head's first weights, the order of sentences and what is dropped: 1 by default. */
  public MixTrainer seed(long seed) {
    this.seed = seed;
    return this;
  }

  /** Whether each layer and the even mix are trained too, to compare with; true by default. */
  public MixTrainer compare(boolean compare) {
    this.compare = compare;
    return this;
  }

  /** Where the layers lie meanwhile, and the bytes they may take: the system's folder, 8 GiB. */
  public MixTrainer cache(Path folder, long limit) {
    Arguments.require(folder, "folder");
    if (limit < 1) {
      throw new ElmoException("cache: expected a folder and a limit of 1 or more, found " + limit);
    }
    cacheFolder = folder;
    cacheLimit = limit;
    return this;
  }

  /** Who is told how it goes. */
  public MixTrainer progress(Progress progress) {
    Arguments.require(progress, "progress");
    this.progress = progress;
    return this;
  }

  /** Asked after each mini-batch whether to end with the best so far. */
  public MixTrainer stopWhen(BooleanSupplier stop) {
    Arguments.require(stop, "stop");
    this.stop = stop;
    return this;
  }

  private static double within(String name, double value, double least, double most) {
    if (!(value >= least && value <= most)) {
      throw new ElmoException(name + ": expected " + least + " to " + most + ", found " + value);
    }
    return value;
  }

  /**
   * One line of the comparison.
   *
   * @param name {@code word_emb}, {@code lstm_outputs1}..., {@code even mix} or {@link #LEARNED}
   * @param development share of right labels in the development data, weighted where there are
   *     class weights, or F1 of spans, 0 to 1
   * @param test likewise in the test data; not a number where there is none
   * @param epoch the epoch that was kept, from 1
   * @param mix what the run ended with, of its own layers
   */
  public record Score(String name, double development, double test, int epoch, ScalarMix mix) {}

  /**
   * What was learned.
   *
   * @param classifier a {@link TokenClassifier} or {@link SentenceClassifier}
   * @param scores the learned mix last; before it what it is compared with, as far as training got
   * @param evaluation the classifier on the test data, or on the development data without test data
   */
  public record Result(Classifier classifier, List<Score> scores, Evaluation evaluation) {}

  /**
   * As {@link #fit(LabeledData, LabeledData, LabeledData)} without test data.
   *
   * @param development null to hold back every tenth sentence
   */
  public Result fit(LabeledData train, LabeledData development) {
    Arguments.require(train, "train");
    return fit(train, development, null);
  }

  /**
   * Learns. Labels of spans, such as {@code B-PER}, are measured by F1 of spans, which decides when
   * to stop too; other labels by the share that is right.
   *
   * @param train what to learn from
   * @param development decides when to stop and which epoch is kept; null to hold back every tenth
   *     sentence of {@code train}, in an order that the seed decides
   * @param test measured at the end; null for none (labels that {@code train} lacks are scored as
   *     wrong, as no classifier could find them)
   * @throws ElmoException if the data are of different tasks, there is only one label, class
   *     weights name a label that is not there or meet a CRF, the cache has no room, or the loss is
   *     no number
   */
  public Result fit(LabeledData train, LabeledData development, LabeledData test) {
    Arguments.require(train, "train");
    List<String> labels = train.labels();
    if (labels.size() < 2) {
      throw new ElmoException(
          train.source() + ": expected two or more different labels, found only " + labels);
    }
    if (development == null) {
      List<LabeledSentence> shuffled = new ArrayList<>(train.sentences());
      Collections.shuffle(shuffled, new Random(seed));
      int held = (shuffled.size() + 9) / 10;
      if (held == shuffled.size()) {
        throw new ElmoException(
            train.source() + ": expected two or more sentences, or development data, found one");
      }
      development = train.subset(shuffled.subList(0, held));
      train = train.subset(shuffled.subList(held, shuffled.size()));
    }
    List<LabeledData> parts = new ArrayList<>(List.of(train, development));
    if (test != null) {
      parts.add(test);
    }
    Map<String, Integer> numbers = new HashMap<>();
    labels.forEach(label -> numbers.put(label, numbers.size()));
    if (crf && train.task() == Task.SENTENCES) {
      throw new ElmoException("crf: expected labels of tokens, found labels of sentences");
    }
    if (crf && classWeights != null) {
      // Its loss is of whole sentences, no sum over labels that could be weighted.
      throw new ElmoException("class weights: expected a linear head, found a CRF");
    }
    List<List<String>> sentences = new ArrayList<>();
    List<List<String>> wanted = new ArrayList<>();
    List<int[]> targets = new ArrayList<>();
    int[] ends = new int[parts.size()];
    for (int i = 0; i < ends.length; i++) {
      LabeledData part = parts.get(i);
      if (part.task() != train.task()) {
        throw new ElmoException(
            part.source() + ": expected labels of " + train.task() + ", found " + part.task());
      }
      for (LabeledSentence sentence : part.sentences()) {
        sentences.add(sentence.tokens());
        wanted.add(sentence.labels());
        targets.add(
            sentence.labels().stream()
                .mapToInt(label -> numbers.getOrDefault(label, Network.UNSEEN))
                .toArray());
      }
      ends[i] = sentences.size();
    }
    double[] weights =
        classWeights == null ? null : classWeights.of(labels, targets.subList(0, ends[0]));
    try (LayerCache cache =
        new LayerCache(model, sentences, cacheFolder, cacheLimit, progress, stop)) {
      return new Fit(this, train, labels, weights, cache, wanted, targets, ends).all();
    }
  }
}
