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
 * Trains the mix weights of a model's layers together with a linear head or a head with one hidden
 * layer (Peters et al. 2018, section 3.2), with cross-entropy, Adam, mini-batches of sentences and
 * early stopping. The model itself is not changed, so its layers are computed only once, and epochs
 * are short. Training runs on the calling thread. On one machine the same seed always gives the
 * same bits. Not thread-safe.
 */
public final class MixTrainer {
  /** The name of the run whose classifier is the result. */
  public static final String LEARNED = "learned mix";

  // Fit reads the fields that are not private.
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

  /** Creates a trainer with the defaults that each method states. */
  public MixTrainer() {}

  /**
   * Sets the number of units of a hidden ReLU layer in the head; 0, the default, for no hidden
   * layer.
   */
  public MixTrainer hidden(int units) {
    hidden = within("hidden units", units, 0, 1 << 14);
    return this;
  }

  /**
   * Sets whether the labels of a sentence's tokens are predicted jointly, by a linear-chain CRF on
   * top of the head; false by default. If the labels are of spans, their scheme (BIO, IOB1 or
   * BIOES) is detected from the training data, and label sequences that it forbids are never
   * predicted.
   */
  public MixTrainer crf(boolean crf) {
    this.crf = crf;
    return this;
  }

  /**
   * Sets the weight of each label in the loss, and in the share of correct labels that decides when
   * to stop. By default all labels have the same weight. Not supported with a CRF.
   */
  public MixTrainer classWeights(ClassWeights weights) {
    Arguments.require(weights, "weights");
    classWeights = weights;
    return this;
  }

  /** Sets the share of the mix's elements that dropout sets to zero in training; 0.1 by default. */
  public MixTrainer dropout(double rate) {
    dropout = (float) within("dropout", rate, 0, 0.99);
    return this;
  }

  /**
   * Sets the layer norm of the mix; none by default. Its mean and variance are those of a
   * mini-batch.
   */
  public MixTrainer layerNorm(LayerNorm norm) {
    Arguments.require(norm, "norm");
    layerNorm = norm == null ? LayerNorm.NONE : norm;
    return this;
  }

  /**
   * Sets bilm-tf's {@code l2_coef}: the loss includes this number times the sum of the squared mix
   * weights; 0 by default.
   */
  public MixTrainer l2(double coefficient) {
    l2 = within("l2", coefficient, 0, 1e6);
    return this;
  }

  /** Sets Adam's learning rate; 0.005 by default. */
  public MixTrainer learningRate(double rate) {
    learningRate = (float) within("learning rate", rate, 1e-9, 1e30);
    return this;
  }

  /** Sets the number of sentences in a mini-batch; 32 by default. */
  public MixTrainer batchSize(int sentences) {
    batchSize = within("batch size", sentences, 1, 1 << 20);
    return this;
  }

  /** Sets the largest number of epochs of a run; 50 by default. */
  public MixTrainer epochs(int most) {
    epochs = within("epochs", most, 1, 1 << 20);
    return this;
  }

  /**
   * Sets the number of epochs without a better development score after which a run ends; 5 by
   * default.
   */
  public MixTrainer patience(int epochs) {
    patience = within("patience", epochs, 1, 1 << 20);
    return this;
  }

  /**
   * Sets the seed for the head's initial weights, the order of sentences and dropout; 1 by default.
   */
  public MixTrainer seed(long seed) {
    this.seed = seed;
    return this;
  }

  /**
   * Sets whether heads on each single layer and on the even mix are trained too, for comparison;
   * true by default.
   */
  public MixTrainer compare(boolean compare) {
    this.compare = compare;
    return this;
  }

  /**
   * Sets the folder of the file that holds the layers during training, and the most bytes that it
   * may take; by default the system's temporary folder and 8 GiB.
   *
   * @throws ElmoException if the limit is less than 1
   */
  public MixTrainer cache(Path folder, long limit) {
    Arguments.require(folder, "folder");
    if (limit < 1) {
      throw new ElmoException("cache: expected a folder and a limit of 1 or more, found " + limit);
    }
    cacheFolder = folder;
    cacheLimit = limit;
    return this;
  }

  /** Sets the receiver of progress; there is none by default. */
  public MixTrainer progress(Progress progress) {
    Arguments.require(progress, "progress");
    this.progress = progress;
    return this;
  }

  /**
   * Sets a condition that ends training with the best result so far. It is checked between
   * mini-batches.
   */
  public MixTrainer stopWhen(BooleanSupplier stop) {
    Arguments.require(stop, "stop");
    this.stop = stop;
    return this;
  }

  private static int within(String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw new ElmoException(name + ": expected " + least + " to " + most + ", found " + value);
    }
    return value;
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
   * @param development the F1 of spans, or the share of correct labels, in the development data, 0
   *     to 1; the share is weighted if there are class weights
   * @param test the same for the test data; NaN if there is none
   * @param epoch the epoch that was kept, from 1
   * @param mix the run's mix, over the layers that the run uses
   */
  public record Score(String name, double development, double test, int epoch, ScalarMix mix) {}

  /**
   * The result of training.
   *
   * @param classifier a {@link TokenClassifier} or {@link SentenceClassifier}
   * @param scores the scores of the runs that were completed; the learned mix is the last
   * @param evaluation the classifier's evaluation on the test data, or on the development data if
   *     there is no test data
   */
  public record Result(Classifier classifier, List<Score> scores, Evaluation evaluation) {}

  /**
   * Does the same as {@link #fit(ElmoModel, LabeledData, LabeledData, LabeledData)} without
   * development and test data: a tenth of the sentences is held back.
   */
  public Result fit(ElmoModel model, LabeledData train) {
    return fit(model, train, null, null);
  }

  /**
   * Does the same as {@link #fit(ElmoModel, LabeledData, LabeledData, LabeledData)} without test
   * data.
   *
   * @param development null to hold back a tenth of the sentences
   */
  public Result fit(ElmoModel model, LabeledData train, LabeledData development) {
    return fit(model, train, development, null);
  }

  /**
   * Trains a classifier. Labels of spans, such as {@code B-PER}, are scored by the F1 of spans,
   * other labels by the share of correct ones. The score also decides when to stop.
   *
   * @param model computes the layers
   * @param train the training data
   * @param development decides when to stop and which epoch is kept; null to hold back a tenth of
   *     the sentences of {@code train}, chosen by the seed
   * @param test is evaluated at the end; null for none. Labels that do not occur in {@code train}
   *     count as wrong, since no classifier could predict them.
   * @throws ElmoException if the data are for different tasks, there is only one label, the class
   *     weights contain an unknown label or are combined with a CRF, the cache's limit or disk is
   *     too small, or the loss is not finite
   */
  public Result fit(ElmoModel model, LabeledData train, LabeledData development, LabeledData test) {
    Arguments.require(model, "model");
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
      // A CRF's loss is of whole sentences, not a sum over labels that could be weighted.
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
      return new Fit(this, model, train, labels, weights, cache, wanted, targets, ends).all();
    }
  }
}
