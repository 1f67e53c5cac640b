// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.ScalarMix.LayerNorm;
import org.elmo4j.internal.backend.cpu.CpuMix;
import org.elmo4j.train.LabeledData.Task;
import org.elmo4j.train.MixTrainer.Result;
import org.elmo4j.train.MixTrainer.Score;

/** Executes one call of {@link MixTrainer#fit}. Its runs share layers, sentences and settings. */
final class Fit {
  private final MixTrainer set;
  private final ElmoModel model;
  private final LabeledData train;
  private final Task task;
  private final List<Epoch> epochs = new ArrayList<>();
  private final List<String> labels;
  private final LayerCache cache;
  private final List<List<String>> wanted;
  private final List<int[]> targets;
  private final int[] ends;
  private final int dim;
  private final boolean spans;
  private final SpanScheme scheme;
  private final double[] weights;

  Fit(
      MixTrainer set,
      ElmoModel model,
      LabeledData train,
      List<String> labels,
      double[] weights,
      LayerCache cache,
      List<List<String>> wanted,
      List<int[]> targets,
      int[] ends) {
    this.set = set;
    this.model = model;
    this.train = train;
    this.task = train.task();
    this.dim = model.options().projectionDim();
    this.wanted = wanted;
    this.spans = task == Task.TOKENS && SpanScheme.areSpans(labels);
    this.scheme = spans ? SpanScheme.of(wanted.subList(0, ends[0])) : null;
    this.labels = labels;
    this.weights = weights;
    this.cache = cache;
    this.targets = targets;
    this.ends = ends;
  }

  private record Run(Score score, float[] values, Head head, Evaluation evaluation) {}

  Result all() {
    List<CpuMix.Rows> layers = cache.layers();
    Run learned = run(MixTrainer.LEARNED, layers, true);
    List<Score> scores = new ArrayList<>();
    for (int k = 0; set.compare && k <= layers.size() && !set.stop.getAsBoolean(); k++) {
      boolean even = k == layers.size();
      String name = even ? "even mix" : k == 0 ? "word_emb" : "lstm_outputs" + k;
      Run run = run(name, even ? layers : layers.subList(k, k + 1), false);
      if (run != null) {
        scores.add(run.score);
      }
    }
    scores.add(learned.score);
    float[] head = Arrays.copyOfRange(learned.values, layers.size() + 1, learned.values.length);
    Classifier classifier =
        Classifier.of(
            task,
            new Classifier.Parts(
                labels,
                learned.score.mix(),
                learned.head,
                scheme,
                head,
                model.source(),
                Classifier.probe(model),
                train.form().orElse(null),
                epochs));
    return new Result(classifier, Collections.unmodifiableList(scores), learned.evaluation);
  }

  /**
   * Trains one run. Returns null if training was stopped before the end of the first epoch and the
   * result does not need the run.
   */
  private Run run(String name, List<CpuMix.Rows> layers, boolean learn) {
    int halves = layers.get(layers.size() - 1).halves();
    Random random = new Random(set.seed);
    try (Network network =
        new Network(
            dim,
            layers,
            halves,
            set.hidden,
            labels.size(),
            set.crf ? new Crf(labels, scheme) : null,
            weights,
            set.layerNorm,
            learn,
            random)) {
      int[] order = range(0, ends[0]);
      float[] best = network.values();
      Measure bestMeasure = new Measure(null, -1, Double.POSITIVE_INFINITY);
      int bestEpoch = 0;
      List<Epoch> points = new ArrayList<>();
      long step = 0;
      for (int epoch = 1; epoch <= set.epochs && epoch - bestEpoch <= set.patience; epoch++) {
        shuffle(order, random);
        double loss = 0;
        long count = 0;
        for (int at = 0; at < order.length && !set.stop.getAsBoolean(); at += set.batchSize) {
          Network.Batch batch = batch(order, at);
          double sum =
              network.train(
                  batch, set.l2, set.dropout, set.seed * 0x9e3779b9L + step++, set.learningRate);
          if (!Double.isFinite(sum)) {
            throw new ElmoException(
                "training of "
                    + name
                    + ": expected a finite loss, found "
                    + sum
                    + " in epoch "
                    + epoch
                    + "; a smaller learning rate may help");
          }
          loss += sum;
          count += batch.outputs();
        }
        boolean stopped = set.stop.getAsBoolean();
        if (stopped && (bestEpoch > 0 || !learn)) {
          break;
        }
        Measure measure = measure(network, ends[0], ends[1]);
        if (measure.score > bestMeasure.score
            || (measure.score == bestMeasure.score && measure.loss < bestMeasure.loss)) {
          best = network.values();
          bestMeasure = measure;
          bestEpoch = epoch;
        }
        double mean = loss / Math.max(1, count);
        points.add(new Epoch(name, epoch, mean, measure.loss, measure.score, false));
        set.progress.epoch(name, epoch, mean, measure.score);
        if (stopped) {
          break;
        }
      }
      if (bestEpoch == 0) {
        return null;
      }
      for (Epoch e : points) {
        epochs.add(
            new Epoch(
                name,
                e.epoch(),
                e.trainLoss(),
                e.developmentLoss(),
                e.developmentScore(),
                e.epoch() == bestEpoch));
      }
      network.values(best);
      Measure test = ends.length < 3 ? null : measure(network, ends[1], ends[2]);
      Score score =
          new Score(
              name,
              bestMeasure.score,
              test == null ? Double.NaN : test.score,
              bestEpoch,
              network.mix());
      Measure last = test == null ? bestMeasure : test;
      return new Run(score, best, network.head(), last.evaluation);
    }
  }

  private record Measure(Evaluation evaluation, double score, double loss) {}

  private Measure measure(Network network, int from, int to) {
    double loss = 0;
    long count = 0;
    List<List<String>> found = new ArrayList<>();
    int[] some = range(from, to);
    for (int at = 0; at < some.length; at += set.batchSize) {
      Network.Batch batch = batch(some, at);
      Network.Measured measured = network.measure(batch);
      loss += measured.loss();
      count += batch.outputs();
      int next = 0;
      for (int s = at; s < Math.min(some.length, at + set.batchSize); s++) {
        List<String> one = new ArrayList<>();
        for (int i = 0; i < wanted.get(some[s]).size(); i++) {
          one.add(labels.get(measured.found()[next++]));
        }
        found.add(one);
      }
    }
    Evaluation evaluation = new Evaluation(wanted.subList(from, to), found, spans);
    double score = spans || weights == null ? evaluation.score() : weightedShare(from, found);
    return new Measure(evaluation, score, loss / Math.max(1, count));
  }

  /**
   * Returns the share of correct labels, weighted by class. Labels that do not occur in the
   * training data have the weight 1.
   */
  private double weightedShare(int from, List<List<String>> found) {
    double right = 0;
    double all = 0;
    for (int s = 0; s < found.size(); s++) {
      for (int i = 0; i < found.get(s).size(); i++) {
        int target = targets.get(from + s)[i];
        double weight = target == Network.UNSEEN ? 1 : weights[target];
        all += weight;
        right += wanted.get(from + s).get(i).equals(found.get(s).get(i)) ? weight : 0;
      }
    }
    return all == 0 ? 0 : right / all;
  }

  private Network.Batch batch(int[] order, int at) {
    int[] chosen = Arrays.copyOfRange(order, at, Math.min(order.length, at + set.batchSize));
    int[] lengths = new int[chosen.length];
    int count = 0;
    for (int i = 0; i < chosen.length; i++) {
      lengths[i] = cache.tokens(chosen[i]);
      count += targets.get(chosen[i]).length;
    }
    int[] wanted = new int[count];
    int to = 0;
    for (int s : chosen) {
      int[] target = targets.get(s);
      System.arraycopy(target, 0, wanted, to, target.length);
      to += target.length;
    }
    int[] normRows =
        set.layerNorm == LayerNorm.NONE
            ? null
            : cache.rows(chosen, set.layerNorm == LayerNorm.ALLENNLP);
    return new Network.Batch(
        cache.rows(chosen, false), lengths, normRows, wanted, task == Task.SENTENCES);
  }

  private static int[] range(int from, int to) {
    int[] range = new int[to - from];
    for (int i = 0; i < range.length; i++) {
      range[i] = from + i;
    }
    return range;
  }

  private static void shuffle(int[] values, Random random) {
    for (int i = values.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int swap = values[i];
      values[i] = values[j];
      values[j] = swap;
    }
  }
}
