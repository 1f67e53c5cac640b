// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.bytedeco.javacpp.FloatPointer;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.weights.MixJson;
import org.elmo4j.internal.weights.TensorFile;
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
    Path full = folder.toAbsolutePath().normalize();
    if (full.getParent() == null || !Files.isDirectory(full.getParent())) {
      throw new ElmoException(folder + ": expected a place in a folder that exists, found none");
    }
    if (Files.isDirectory(full)) {
      try (Stream<Path> files = Files.list(full)) {
        if (files.findAny().isPresent() && !Files.exists(full.resolve("model.json"))) {
          throw new ElmoException(
              folder + ": expected a new folder or a classifier to replace, found other files");
        }
      } catch (IOException e) {
        throw new ElmoException(folder + ": expected a folder, found " + Json.line(e), e);
      }
    } else if (Files.exists(full)) {
      throw new ElmoException(folder + ": expected a folder to write, found a file");
    }
  }

  /**
   * Saves it as a folder, which appears whole or not at all; a classifier that was there is
   * replaced.
   *
   * @throws ElmoException if it cannot be written, or something else is there
   */
  public void save(Path folder) {
    Arguments.require(folder, "folder");
    checkTarget(folder);
    Path full = folder.toAbsolutePath().normalize();
    String name = full.getFileName() + "." + UUID.randomUUID();
    Path fresh = full.resolveSibling(name + ".tmp");
    Path old = full.resolveSibling(name + ".old");
    try {
      try {
        Files.createDirectory(fresh);
        byte[] json = (toJson().toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
        TensorFile.write(fresh.resolve("weights.safetensors"), tensors());
        MixJson.write(mix, fresh.resolve("mix.json"));
        Curves.write(epochs, fresh.resolve(Curves.FILE));
        AtomicFile.write(
            fresh.resolve("model.json"),
            channel -> AtomicFile.writeAll(channel, ByteBuffer.wrap(json)));
        if (Files.exists(full)) {
          Files.move(full, old);
        }
        Files.move(fresh, full);
      } finally {
        delete(fresh);
        if (Files.exists(full)) {
          delete(old);
        } else if (Files.exists(old)) {
          Files.move(old, full);
        }
      }
    } catch (IOException e) {
      throw new ElmoException(folder + ": expected a place to write to, found " + Json.line(e), e);
    }
  }

  private static void delete(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(folder);
    }
  }

  private ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("format", "elmo4j-classifier").put("format_version", 1);
    json.put("task", task() == Task.TOKENS ? "tokens" : "sentences");
    ArrayNode names = json.putArray("labels");
    labels.forEach(names::add);
    json.put("hidden", head.hidden()).put("inputs", head.inputs());
    json.put("head", head.crf() ? "crf" : "linear");
    if (scheme != null) {
      json.put("scheme", scheme.name().toLowerCase(Locale.ROOT));
    }
    if (form != null) {
      json.putObject("data")
          .put("form", form.kind().name().toLowerCase(Locale.ROOT))
          .put("text", form.text())
          .put("label", form.label());
    }
    ArrayNode numbers = json.putObject("model").put("source", modelSource).putArray("probe");
    for (float number : probe) {
      numbers.add(number);
    }
    return json;
  }

  private Map<String, TensorFile.Tensor> tensors() {
    Map<String, TensorFile.Tensor> tensors = new LinkedHashMap<>();
    int at = 0;
    for (Map.Entry<String, long[]> entry : shapes(head).entrySet()) {
      int size = (int) Arrays.stream(entry.getValue()).reduce(1, (a, b) -> a * b);
      tensors.put(
          entry.getKey(),
          new TensorFile.Tensor(entry.getValue(), Arrays.copyOfRange(parameters, at, at + size)));
      at += size;
    }
    return tensors;
  }

  private static Map<String, long[]> shapes(Head head) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    if (head.hidden() > 0) {
      shapes.put("hidden.weight", new long[] {head.inputs(), head.hidden()});
      shapes.put("hidden.bias", new long[] {head.hidden()});
    }
    shapes.put("weight", new long[] {head.last(), head.classes()});
    shapes.put("bias", new long[] {head.classes()});
    if (head.crf()) {
      shapes.put("transitions", new long[] {head.classes() + 2, head.classes()});
    }
    return shapes;
  }

  /**
   * Reads what {@link #save} wrote: a {@link TokenClassifier} or a {@link SentenceClassifier}.
   *
   * @throws ElmoException if the folder holds no classifier, or a damaged one
   */
  public static Classifier load(Path folder) {
    Arguments.require(folder, "folder");
    Path file = folder.resolve("model.json");
    if (!Files.isRegularFile(file)) {
      throw new ElmoException(folder + ": expected a classifier, found no readable model.json");
    }
    JsonNode json = Json.read(file);
    String task = json.path("task").asText();
    List<String> labels = new ArrayList<>();
    json.path("labels").forEach(label -> labels.add(label.asText()));
    JsonNode numbers = json.path("model").path("probe");
    float[] probe = new float[numbers.size()];
    for (int i = 0; i < probe.length; i++) {
      probe[i] = numbers.get(i).floatValue();
    }
    String kind = json.path("head").asText("linear"); // absent in early ones
    String form = json.path("scheme").asText("");
    SpanScheme scheme =
        Arrays.stream(SpanScheme.values())
            .filter(each -> each.name().equalsIgnoreCase(form))
            .findFirst()
            .orElse(null);
    int hidden = json.path("hidden").asInt(-1);
    int inputs = json.path("inputs").asInt(-1);
    if (!json.path("format").asText().equals("elmo4j-classifier")
        || json.path("format_version").asInt() != 1
        || !(task.equals("tokens") || task.equals("sentences"))
        || !(kind.equals("linear") || (kind.equals("crf") && task.equals("tokens")))
        || (scheme == null) != form.isEmpty()
        || labels.size() < 2
        || new HashSet<>(labels).size() != labels.size()
        || hidden < 0
        || inputs < 2
        || (long) Math.max(inputs, 1) * Math.max(hidden, labels.size()) > 1 << 26) {
      throw new ElmoException(
          file
              + ": expected format elmo4j-classifier, version 1, task, labels, head, scheme, hidden"
              + " and inputs, found "
              + Json.brief(json));
    }
    Head head = new Head(inputs, hidden, labels.size(), kind.equals("crf"));
    Path weights = folder.resolve("weights.safetensors");
    Map<String, TensorFile.Tensor> tensors = TensorFile.read(weights);
    for (Map.Entry<String, long[]> entry : shapes(head).entrySet()) {
      TensorFile.Tensor tensor = tensors.get(entry.getKey());
      if (tensor == null || !Arrays.equals(tensor.shape(), entry.getValue())) {
        throw new ElmoException(
            weights
                + ": tensor "
                + entry.getKey()
                + ": expected "
                + Arrays.toString(entry.getValue())
                + ", found "
                + (tensor == null ? "none" : Arrays.toString(tensor.shape())));
      }
    }
    float[] parameters = new float[head.size()];
    int at = 0;
    for (String name : shapes(head).keySet()) {
      TensorFile.Tensor tensor = tensors.get(name);
      System.arraycopy(tensor.values(), 0, parameters, at, tensor.values().length);
      at += tensor.values().length;
    }
    ScalarMix mix = MixJson.read(folder.resolve("mix.json"));
    return of(
        task.equals("tokens") ? Task.TOKENS : Task.SENTENCES,
        new Parts(
            labels,
            mix,
            head,
            scheme,
            parameters,
            json.path("model").path("source").asText(),
            probe,
            form(json.path("data")),
            Curves.read(folder.resolve(Curves.FILE))));
  }

  /** Null where it is not told, or by a word that later versions know. */
  private static DataForm form(JsonNode data) {
    return Arrays.stream(DataForm.Kind.values())
        .filter(kind -> kind.name().equalsIgnoreCase(data.path("form").asText()))
        .map(kind -> new DataForm(kind, data.path("text").asText(), data.path("label").asText()))
        .findFirst()
        .orElse(null);
  }
}
