// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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
import org.elmo4j.internal.backend.cpu.CpuMix;
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

  private final ElmoModel model;
  private int hidden;
  private boolean crf;
  private float dropout = 0.1f;
  private LayerNorm layerNorm = LayerNorm.NONE;
  private double l2;
  private float learningRate = 0.005f;
  private int batchSize = 32;
  private int epochs = 50;
  private int patience = 5;
  private long seed = 1;
  private boolean compare = true;
  private Path cacheFolder = Path.of(System.getProperty("java.io.tmpdir"));
  private long cacheLimit = 8L << 30;
  private Progress progress = new Progress() {};
  private BooleanSupplier stop = () -> false;

  /** With the defaults that each method names. */
  public MixTrainer(ElmoModel model) {
    if (model == null) {
      throw new ElmoException("model: expected a value, found null");
    }
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

  /** The share of the mix's numbers that are dropped in training: 0.1 by default. */
  public MixTrainer dropout(double rate) {
    dropout = (float) within("dropout", rate, 0, 0.99);
    return this;
  }

  /** Layer norm in the mix: none by default. Its mean and variance are a mini-batch's. */
  public MixTrainer layerNorm(LayerNorm norm) {
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
    if (folder == null || limit < 1) {
      throw new ElmoException("cache: expected a folder and a limit of 1 or more, found " + limit);
    }
    cacheFolder = folder;
    cacheLimit = limit;
    return this;
  }

  /** Who is told how it goes. */
  public MixTrainer progress(Progress progress) {
    this.progress = progress;
    return this;
  }

  /** Asked after each mini-batch whether to end with the best so far. */
  public MixTrainer stopWhen(BooleanSupplier stop) {
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
   * @param development share of right labels in the development data, or F1 of spans, 0 to 1
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

  /** As {@link #fit(LabeledData, LabeledData, LabeledData)} without test data. */
  public Result fit(LabeledData train, LabeledData development) {
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
   * @throws ElmoException if the data are of different tasks, there is only one label, the cache
   *     has no room, or the loss is no number
   */
  public Result fit(LabeledData train, LabeledData development, LabeledData test) {
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
    try (LayerCache cache =
        new LayerCache(model, sentences, cacheFolder, cacheLimit, progress, stop)) {
      return new Fit(train.task(), labels, cache, wanted, targets, ends).all();
    }
  }

  /** One call of {@link #fit}: its runs share layers, sentences and settings. */
  private final class Fit {
    private final Task task;
    private final List<String> labels;
    private final LayerCache cache;
    private final List<List<String>> wanted;
    private final List<int[]> targets;
    private final int[] ends;
    private final int dim = model.options().projectionDim();
    private final boolean spans;
    private final SpanScheme scheme;

    Fit(
        Task task,
        List<String> labels,
        LayerCache cache,
        List<List<String>> wanted,
        List<int[]> targets,
        int[] ends) {
      this.wanted = wanted;
      this.spans = task == Task.TOKENS && SpanScheme.areSpans(labels);
      this.scheme = spans ? SpanScheme.of(wanted.subList(0, ends[0])) : null;
      this.task = task;
      this.labels = labels;
      this.cache = cache;
      this.targets = targets;
      this.ends = ends;
    }

    private record Run(Score score, float[] values, Head head, Evaluation evaluation) {}

    Result all() {
      List<CpuMix.Rows> layers = cache.layers();
      Run learned = run(LEARNED, layers, true);
      List<Score> scores = new ArrayList<>();
      for (int k = 0; compare && k <= layers.size() && !stop.getAsBoolean(); k++) {
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
                  learned.score.mix,
                  learned.head,
                  scheme,
                  head,
                  model.source(),
                  Classifier.probe(model)));
      return new Result(classifier, Collections.unmodifiableList(scores), learned.evaluation);
    }

    /** Trains; null where it was stopped before the first epoch of a run that is not needed. */
    private Run run(String name, List<CpuMix.Rows> layers, boolean learn) {
      int halves = layers.get(layers.size() - 1).halves();
      Random random = new Random(seed);
      try (Network network =
          new Network(
              dim,
              layers,
              halves,
              hidden,
              labels.size(),
              crf ? new Crf(labels, scheme) : null,
              layerNorm,
              learn,
              random)) {
        int[] order = range(0, ends[0]);
        float[] best = network.values();
        Measure bestMeasure = new Measure(null, -1, Double.POSITIVE_INFINITY);
        int bestEpoch = 0;
        long step = 0;
        for (int epoch = 1; epoch <= epochs && epoch - bestEpoch <= patience; epoch++) {
          shuffle(order, random);
          double loss = 0;
          long count = 0;
          for (int at = 0; at < order.length && !stop.getAsBoolean(); at += batchSize) {
            Network.Batch batch = batch(order, at);
            double sum =
                network.train(batch, l2, dropout, seed * 0x9e3779b9L + step++, learningRate);
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
          boolean stopped = stop.getAsBoolean();
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
          progress.epoch(name, epoch, loss / Math.max(1, count), measure.score);
          if (stopped) {
            break;
          }
        }
        if (bestEpoch == 0) {
          return null;
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
      for (int at = 0; at < some.length; at += batchSize) {
        Network.Batch batch = batch(some, at);
        Network.Measured measured = network.measure(batch);
        loss += measured.loss();
        count += batch.outputs();
        int next = 0;
        for (int s = at; s < Math.min(some.length, at + batchSize); s++) {
          List<String> one = new ArrayList<>();
          for (int i = 0; i < wanted.get(some[s]).size(); i++) {
            one.add(labels.get(measured.found()[next++]));
          }
          found.add(one);
        }
      }
      Evaluation evaluation = new Evaluation(wanted.subList(from, to), found, spans);
      return new Measure(evaluation, evaluation.score(), loss / Math.max(1, count));
    }

    private Network.Batch batch(int[] order, int at) {
      int[] chosen = Arrays.copyOfRange(order, at, Math.min(order.length, at + batchSize));
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
          layerNorm == LayerNorm.NONE ? null : cache.rows(chosen, layerNorm == LayerNorm.ALLENNLP);
      return new Network.Batch(
          cache.rows(chosen, false), lengths, normRows, wanted, task == Task.SENTENCES);
    }
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
