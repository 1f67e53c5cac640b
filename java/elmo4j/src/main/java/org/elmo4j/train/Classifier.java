// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.bytedeco.javacpp.FloatPointer;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.train.LabeledData.Task;

/**
 * A learned mix and the head on top of it. It does not hold the model that it was learned with, but
 * knows it again. Immutable; any thread may use it.
 *
 * <p>It is saved as a folder of {@code model.json} (task, labels, hidden units, the model it
 * belongs to, the form of the data), {@code mix.json} (a {@link ScalarMix}), {@code curves.csv} (an
 * {@link Epoch} a line) and {@code weights.safetensors} ({@code hidden.weight} [2P, hidden] and
 * {@code hidden.bias} where there is a hidden layer, {@code weight} [hidden or 2P, labels], {@code
 * bias}, and with a CRF {@code transitions} [labels + 2, labels]: from each label, from the
 * sentence's start, and, the last row, from each label to its end).
 */
public abstract sealed class Classifier permits TokenClassifier, SentenceClassifier {
  private static final int CHUNK_TOKENS = 1 << 14;

  /** A sentence whose vector tells models of the same size apart. */
  private static final List<String> PROBE = List.of("The", "bank", "of", "the", "river", ".");

  private static final int PROBE_NUMBERS = 8;
  private static final double PROBE_TOLERANCE = 0.02;

  private final List<String> labels;
  private final ScalarMix mix;
  private final Head head;
  private final SpanScheme scheme; // null where labels are of no spans
  private final Crf crf;
  private final float[] parameters;
  private final String modelSource;
  private final float[] probe;
  private final DataForm form; // null where it learned from memory
  private final List<Epoch> epochs;

  /** What both kinds are made of. */
  record Parts(
      List<String> labels,
      ScalarMix mix,
      Head head,
      SpanScheme scheme,
      float[] parameters,
      String modelSource,
      float[] probe,
      DataForm form,
      List<Epoch> epochs) {}

  Classifier(Parts parts) {
    labels = List.copyOf(parts.labels);
    mix = parts.mix;
    head = parts.head;
    scheme = parts.scheme;
    crf = head.crf() ? new Crf(labels, scheme) : null;
    parameters = parts.parameters;
    modelSource = parts.modelSource;
    probe = parts.probe;
    form = parts.form;
    epochs = List.copyOf(parts.epochs);
  }

  static Classifier of(Task task, Parts parts) {
    return task == Task.TOKENS ? new TokenClassifier(parts) : new SentenceClassifier(parts);
  }

  /** The first numbers of a vector of this model's. */
  static float[] probe(ElmoModel model) {
    Layer layer = Layer.mean(Layer.elmo(ScalarMix.even(model.options().lstmLayers() + 1)));
    try (Embeddings embeddings = model.embed(List.of(PROBE), layer)) {
      float[] all = embeddings.get(layer, 0).toArray();
      return Arrays.copyOf(all, Math.min(all.length, PROBE_NUMBERS));
    }
  }

  /** What it labels. */
  public abstract Task task();

  /** The labels it knows, sorted. */
  public List<String> labels() {
    return labels;
  }

  /** The learned mix. */
  public ScalarMix mix() {
    return mix;
  }

  /** Units of the hidden layer; 0 where the head is linear. */
  public int hidden() {
    return head.hidden();
  }

  /** Whether labels of a sentence are found together, by a CRF. */
  public boolean crf() {
    return head.crf();
  }

  /** The form of the file that it learned from; none where the data came from memory. */
  public Optional<DataForm> dataForm() {
    return Optional.ofNullable(form);
  }

  /** The learning curves, a run behind the other; none of classifiers that early versions saved. */
  public List<Epoch> epochs() {
    return epochs;
  }

  /**
   * What was found, and how sure it is.
   *
   * @param label the label, as {@link #label} gives it
   * @param probabilities of every label, the most probable first; with a CRF over all of the
   *     sentence's labellings, so that the first need not be the label
   */
  public record Prediction(String label, Map<String, Double> probabilities) {
    /** The label's. */
    public double probability() {
      return probabilities.get(label);
    }
  }

  /**
   * As {@link #label}, with the probability of every label.
   *
   * @throws ElmoException as {@link #label}
   */
  public List<List<Prediction>> predictWithScores(
      ElmoModel model, List<? extends List<String>> sentences) {
    Arguments.require(model, "model");
    Arguments.require(sentences, "sentences");
    List<List<Prediction>> result = new ArrayList<>();
    scores(
        model,
        sentences,
        scores -> {
          int rows = scores.length / head.classes();
          double[][] probabilities =
              crf != null
                  ? crf.probabilities(scores, rows, transitions())
                  : softmax(scores, head.classes());
          int[] best = best(scores);
          List<Prediction> found = new ArrayList<>(rows);
          for (int r = 0; r < rows; r++) {
            found.add(new Prediction(labels.get(best[r]), sorted(probabilities[r])));
          }
          result.add(found);
        });
    return result;
  }

  private static double[][] softmax(float[] scores, int classes) {
    double[][] probabilities = new double[scores.length / classes][classes];
    for (int r = 0; r < probabilities.length; r++) {
      double most = scores[r * classes + Network.best(scores, r, classes)];
      double sum = 0;
      for (int c = 0; c < classes; c++) {
        probabilities[r][c] = Math.exp(scores[r * classes + c] - most);
        sum += probabilities[r][c];
      }
      for (int c = 0; c < classes; c++) {
        probabilities[r][c] /= sum;
      }
    }
    return probabilities;
  }

  private Map<String, Double> sorted(double[] probabilities) {
    Integer[] order = new Integer[probabilities.length];
    Arrays.setAll(order, c -> c);
    Arrays.sort(order, Comparator.comparingDouble(c -> -probabilities[c]));
    Map<String, Double> sorted = new LinkedHashMap<>();
    for (int c : order) {
      sorted.put(labels.get(c), probabilities[c]);
    }
    return Collections.unmodifiableMap(sorted);
  }

  private float[] transitions() {
    return Arrays.copyOfRange(parameters, head.linearSize(), head.size());
  }

  /** The labels of one sentence's rows. */
  private int[] best(float[] scores) {
    int rows = scores.length / head.classes();
    if (crf != null) {
      return crf.best(scores, new int[] {rows}, transitions());
    }
    int[] best = new int[rows];
    Arrays.setAll(best, r -> Network.best(scores, r, head.classes()));
    return best;
  }

  /**
   * Labels sentences.
   *
   * @param sentences tokens of each
   * @return for each sentence one label a token or, for a {@link SentenceClassifier}, one label
   * @throws ElmoException if the model is not the one that this was learned with, or as {@link
   *     ElmoModel#embed(List, Layer...)}
   */
  public List<List<String>> label(ElmoModel model, List<? extends List<String>> sentences) {
    Arguments.require(model, "model");
    Arguments.require(sentences, "sentences");
    List<List<String>> result = new ArrayList<>();
    scores(
        model,
        sentences,
        scores -> result.add(Arrays.stream(best(scores)).mapToObj(labels::get).toList()));
    return result;
  }

  /** Hands over the scores [rows, classes] of each sentence in turn. */
  private void scores(
      ElmoModel model, List<? extends List<String>> sentences, Consumer<float[]> taker) {
    checkModel(model);
    boolean mean = task() == Task.SENTENCES;
    Layer layer = mean ? Layer.mean(Layer.elmo(mix)) : Layer.elmo(mix);
    try (NativeMemory weights = NativeMemory.allocate((long) parameters.length * Float.BYTES)) {
      weights.floatPointer(0).put(parameters);
      for (int from = 0; from < sentences.size(); ) {
        int to = from;
        for (long tokens = 0; to < sentences.size() && tokens < CHUNK_TOKENS; to++) {
          tokens += sentences.get(to) == null ? 1 : sentences.get(to).size() + 2L;
        }
        try (Embeddings embeddings = model.embed(sentences.subList(from, to), layer)) {
          for (int s = 0; s < to - from; s++) {
            taker.accept(scores(weights.floatPointer(0), embeddings.get(layer, s).toArray()));
          }
        }
        from = to;
      }
    }
  }

  private float[] scores(FloatPointer weights, float[] vectors) {
    int rows = vectors.length / head.inputs();
    long width = (long) head.inputs() + head.hidden() + head.classes();
    float[] scores = new float[rows * head.classes()];
    try (NativeMemory room = NativeMemory.allocate(rows * width * Float.BYTES)) {
      FloatPointer units = room.floatPointer((long) rows * head.inputs());
      FloatPointer logits = room.floatPointer((long) rows * (head.inputs() + head.hidden()));
      room.floatPointer(0).put(vectors);
      head.forward(weights, rows, room.floatPointer(0), units, logits);
      logits.get(scores);
    }
    return scores;
  }

  /**
   * The share of labels that it gets right, 0 to 1.
   *
   * @throws ElmoException if the data is for another task, and as {@link #label}
   */
  public double score(ElmoModel model, LabeledData data) {
    return evaluate(model, data).accuracy();
  }

  /**
   * How well it labels.
   *
   * @throws ElmoException if the data is for another task, and as {@link #label}
   */
  public Evaluation evaluate(ElmoModel model, LabeledData data) {
    Arguments.require(model, "model");
    Arguments.require(data, "data");
    if (data.task() != task()) {
      throw new ElmoException(
          data.source() + ": expected labels of " + task() + ", found those of " + data.task());
    }
    List<List<String>> found =
        label(model, data.sentences().stream().map(LabeledSentence::tokens).toList());
    return new Evaluation(
        data.sentences().stream().map(LabeledSentence::labels).toList(), found, scheme != null);
  }

  private void checkModel(ElmoModel model) {
    int layers = model.options().lstmLayers() + 1;
    boolean same =
        layers == mix.weights().length && 2 * model.options().projectionDim() == head.inputs();
    if (same) {
      float[] found = probe(model);
      for (int i = 0; i < probe.length; i++) {
        same &= Math.abs(found[i] - probe[i]) <= PROBE_TOLERANCE * (1 + Math.abs(probe[i]));
      }
    }
    if (!same) {
      throw new ElmoException(
          "model: expected the one that the classifier was learned with, "
              + modelSource
              + ", found "
              + model.source());
    }
  }

  /**
   * Fails where {@link #save} would: to be asked before a long training.
   *
   * @throws ElmoException if the place's folder is missing, or something else than a classifier is
   *     there
   */
  public static void checkTarget(Path folder) {
    Arguments.require(folder, "folder");
    ClassifierFolder.check(folder);
  }

  /**
   * Saves it as a folder, which appears whole or not at all; a classifier that was there is
   * replaced.
   *
   * @throws ElmoException if it cannot be written, or something else is there
   */
  public void save(Path folder) {
    Arguments.require(folder, "folder");
    ClassifierFolder.write(
        folder,
        task(),
        new Parts(labels, mix, head, scheme, parameters, modelSource, probe, form, epochs));
  }

  /**
   * Reads what {@link #save} wrote: a {@link TokenClassifier} or a {@link SentenceClassifier}.
   *
   * @throws ElmoException if the folder holds no classifier, or a damaged one
   */
  public static Classifier load(Path folder) {
    Arguments.require(folder, "folder");
    return ClassifierFolder.read(folder);
  }
}
