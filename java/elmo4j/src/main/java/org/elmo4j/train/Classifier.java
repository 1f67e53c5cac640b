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
 * A learned mix and the head on top of it. It does not contain the model that it was trained with,
 * but checks that it is used with the same model. Immutable and thread-safe.
 *
 * <p>It is saved as a folder with these files:
 *
 * <ul>
 *   <li>{@code model.json}: the task, labels, hidden units, the model that it was trained with, and
 *       the form of the data
 *   <li>{@code mix.json}: a {@link ScalarMix}
 *   <li>{@code curves.csv}: one {@link Epoch} on each line
 *   <li>{@code weights.safetensors}: {@code hidden.weight} [2P, hidden] and {@code hidden.bias} if
 *       there is a hidden layer, {@code weight} [hidden or 2P, labels], {@code bias}, and with a
 *       CRF {@code transitions} [labels + 2, labels]. The rows of {@code transitions} are the
 *       scores of transitions from each label, then from the sentence's start; the last row has
 *       those from each label to the sentence's end.
 * </ul>
 */
public abstract sealed class Classifier permits TokenClassifier, SentenceClassifier {
  private static final int CHUNK_TOKENS = 1 << 14;

  /** A sentence whose vector distinguishes models of the same size. */
  private static final List<String> PROBE = List.of("The", "bank", "of", "the", "river", ".");

  private static final int PROBE_NUMBERS = 8;
  private static final double PROBE_TOLERANCE = 0.02;

  private final List<String> labels;
  private final ScalarMix mix;
  private final Head head;
  private final SpanScheme scheme; // null if the labels are not of spans
  private final Crf crf;
  private final float[] parameters;
  private final String modelSource;
  private final float[] probe;
  private final DataForm form; // null if the data came from memory
  private final List<Epoch> epochs;

  /** The parts of a classifier, for both tasks. */
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

  /** Returns the first elements of a vector that identifies the model. */
  static float[] probe(ElmoModel model) {
    Layer layer = Layer.mean(Layer.elmo(ScalarMix.even(model.options().lstmLayers() + 1)));
    try (Embeddings embeddings = model.embed(List.of(PROBE), layer)) {
      float[] all = embeddings.get(layer, 0).toArray();
      return Arrays.copyOf(all, Math.min(all.length, PROBE_NUMBERS));
    }
  }

  /** What this classifier labels. */
  public abstract Task task();

  /** The labels that it can return, sorted. */
  public List<String> labels() {
    return labels;
  }

  /** The learned mix. */
  public ScalarMix mix() {
    return mix;
  }

  /** The number of units of the hidden layer; 0 if the head is linear. */
  public int hidden() {
    return head.hidden();
  }

  /** Whether the labels of a sentence are predicted jointly, by a CRF. */
  public boolean crf() {
    return head.crf();
  }

  /** The form of the file that it was trained on; empty if the data came from memory. */
  public Optional<DataForm> dataForm() {
    return Optional.ofNullable(form);
  }

  /**
   * The learning curves, one run after the other; empty for a classifier saved by an early version.
   */
  public List<Epoch> epochs() {
    return epochs;
  }

  /**
   * A predicted label with probabilities.
   *
   * @param label the label, like {@link #label} returns it
   * @param probabilities the probability of every label, the most probable first. With a CRF these
   *     are marginal probabilities over all label sequences of the sentence, so the first one need
   *     not be {@code label}.
   */
  public record Prediction(String label, Map<String, Double> probabilities) {
    /** The probability of the label. */
    public double probability() {
      return probabilities.get(label);
    }
  }

  /**
   * Labels sentences like {@link #label} and returns the probability of every label too.
   *
   * @throws ElmoException like {@link #label}
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

  /** Returns the best label of each row of one sentence. */
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
   * @param sentences the tokens of each sentence
   * @return for each sentence, one label for each token or, from a {@link SentenceClassifier}, one
   *     label
   * @throws ElmoException if the model is not the one that this classifier was trained with, and
   *     like {@link ElmoModel#embed(List, Layer...)}
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

  /** Passes the scores [rows, classes] of each sentence to {@code taker}, in order. */
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
   * Labels sentences and returns the share of correct labels, 0 to 1.
   *
   * @throws ElmoException if the data is for another task, and like {@link #label}
   */
  public double score(ElmoModel model, LabeledData data) {
    return evaluate(model, data).accuracy();
  }

  /**
   * Labels sentences and compares the result with their labels.
   *
   * @throws ElmoException if the data is for another task, and like {@link #label}
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
   * Checks before a long training that {@link #save} can write to a path.
   *
   * @throws ElmoException if the parent folder is missing, or the path contains something other
   *     than a classifier
   */
  public static void checkTarget(Path folder) {
    Arguments.require(folder, "folder");
    ClassifierFolder.check(folder);
  }

  /**
   * Saves the classifier as a folder. The folder appears complete or not at all, and replaces a
   * classifier that exists there.
   *
   * @throws ElmoException if it cannot be written, or the path contains something else
   */
  public void save(Path folder) {
    Arguments.require(folder, "folder");
    ClassifierFolder.write(
        folder,
        task(),
        new Parts(labels, mix, head, scheme, parameters, modelSource, probe, form, epochs));
  }

  /**
   * Loads a {@link TokenClassifier} or {@link SentenceClassifier} that {@link #save} wrote.
   *
   * @throws ElmoException if the folder does not contain a classifier, or it is damaged
   */
  public static Classifier load(Path folder) {
    Arguments.require(folder, "folder");
    return ClassifierFolder.read(folder);
  }
}
