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
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
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
import org.elmo4j.internal.weights.TensorFile;
import org.elmo4j.train.LabeledData.Task;

/**
 * A learned mix and the head on top of it. It does not hold the model that it was learned with, but
 * knows it again. Immutable; any thread may use it.
 *
 * <p>It is saved as a folder of {@code model.json} (task, labels, hidden units, the model it
 * belongs to), {@code mix.json} (a {@link ScalarMix}) and {@code weights.safetensors} ({@code
 * hidden.weight} [2P, hidden] and {@code hidden.bias} where there is a hidden layer, {@code weight}
 * [hidden or 2P, labels], {@code bias}).
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
  private final float[] parameters;
  private final String modelSource;
  private final float[] probe;

  /** What both kinds are made of. */
  record Parts(
      List<String> labels,
      ScalarMix mix,
      Head head,
      float[] parameters,
      String modelSource,
      float[] probe) {}

  Classifier(Parts parts) {
    labels = List.copyOf(parts.labels);
    mix = parts.mix;
    head = parts.head;
    parameters = parts.parameters;
    modelSource = parts.modelSource;
    probe = parts.probe;
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
    Arguments.require(sentences, "sentences");
    checkModel(model);
    boolean mean = task() == Task.SENTENCES;
    Layer layer = mean ? Layer.mean(Layer.elmo(mix)) : Layer.elmo(mix);
    List<List<String>> result = new ArrayList<>(sentences.size());
    try (NativeMemory weights = NativeMemory.allocate((long) parameters.length * Float.BYTES)) {
      weights.floatPointer(0).put(parameters);
      for (int from = 0; from < sentences.size(); ) {
        int to = from;
        for (long tokens = 0; to < sentences.size() && tokens < CHUNK_TOKENS; to++) {
          tokens += sentences.get(to) == null ? 1 : sentences.get(to).size() + 2L;
        }
        try (Embeddings embeddings = model.embed(sentences.subList(from, to), layer)) {
          for (int s = 0; s < to - from; s++) {
            float[] vectors = embeddings.get(layer, s).toArray();
            result.add(label(weights.floatPointer(0), vectors));
          }
        }
        from = to;
      }
    }
    return result;
  }

  private List<String> label(FloatPointer weights, float[] vectors) {
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
    List<String> found = new ArrayList<>(rows);
    for (int r = 0; r < rows; r++) {
      found.add(labels.get(Network.best(scores, r, head.classes())));
    }
    return found;
  }

  /**
   * The share of labels that it gets right, 0 to 1.
   *
   * @throws ElmoException if the data is for another task, and as {@link #label}
   */
  public double score(ElmoModel model, LabeledData data) {
    Arguments.require(model, "model");
    Arguments.require(data, "data");
    if (data.task() != task()) {
      throw new ElmoException(
          data.source() + ": expected labels of " + task() + ", found those of " + data.task());
    }
    List<List<String>> found =
        label(model, data.sentences().stream().map(LabeledSentence::tokens).toList());
    long right = 0;
    long all = 0;
    for (int s = 0; s < found.size(); s++) {
      List<String> wanted = data.sentences().get(s).labels();
      for (int i = 0; i < wanted.size(); i++) {
        right += wanted.get(i).equals(found.get(s).get(i)) ? 1 : 0;
      }
      all += wanted.size();
    }
    return all == 0 ? 0 : right / (double) all;
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
        mix.save(fresh.resolve("mix.json"));
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
    JsonNode json;
    try {
      json = Json.parse(Files.readAllBytes(file), file.toString());
    } catch (IOException e) {
      throw new ElmoException(folder + ": expected a classifier, found no readable model.json", e);
    }
    String task = json.path("task").asText();
    List<String> labels = new ArrayList<>();
    json.path("labels").forEach(label -> labels.add(label.asText()));
    JsonNode numbers = json.path("model").path("probe");
    float[] probe = new float[numbers.size()];
    for (int i = 0; i < probe.length; i++) {
      probe[i] = numbers.get(i).floatValue();
    }
    int hidden = json.path("hidden").asInt(-1);
    int inputs = json.path("inputs").asInt(-1);
    if (!json.path("format").asText().equals("elmo4j-classifier")
        || json.path("format_version").asInt() != 1
        || !(task.equals("tokens") || task.equals("sentences"))
        || labels.size() < 2
        || new HashSet<>(labels).size() != labels.size()
        || hidden < 0
        || inputs < 2
        || (long) Math.max(inputs, 1) * Math.max(hidden, labels.size()) > 1 << 26) {
      throw new ElmoException(
          file
              + ": expected format elmo4j-classifier, version 1, task, labels, hidden and inputs,"
              + " found "
              + Json.brief(json));
    }
    Head head = new Head(inputs, hidden, labels.size());
    Path weights = folder.resolve("weights.safetensors");
    Map<String, TensorFile.Tensor> tensors = TensorFile.read(weights);
    float[] parameters = new float[head.size()];
    int at = 0;
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
      System.arraycopy(tensor.values(), 0, parameters, at, tensor.values().length);
      at += tensor.values().length;
    }
    ScalarMix mix = ScalarMix.load(folder.resolve("mix.json"));
    return of(
        task.equals("tokens") ? Task.TOKENS : Task.SENTENCES,
        new Parts(
            labels, mix, head, parameters, json.path("model").path("source").asText(), probe));
  }
}
