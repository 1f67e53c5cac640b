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
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.files.Library;
import org.elmo4j.internal.files.TemporaryFolder;
import org.elmo4j.internal.weights.MixJson;
import org.elmo4j.internal.weights.TensorFile;
import org.elmo4j.train.Classifier.Parts;
import org.elmo4j.train.LabeledData.Task;

/** Writes and reads the folder that {@link Classifier} describes. */
final class ClassifierFolder {
  private static final String MODEL = "model.json";
  private static final String MIX = "mix.json";
  private static final String WEIGHTS = "weights.safetensors";
  private static final Set<String> FILES = Set.of(MODEL, MIX, WEIGHTS, Curves.FILE);

  private ClassifierFolder() {}

  /** Checks that {@link #write} can write to a path. */
  static void check(Path folder) {
    Library.require(folder + ": the learning curves of a classifier", Library.COMMONS_CSV);
    Path full = full(folder);
    if (full.getParent() == null || !Files.isDirectory(full.getParent())) {
      throw new ElmoException(folder + ": expected a place in a folder that exists, found none");
    }
    if (!Files.isWritable(full.getParent())) {
      throw new ElmoException(
          folder + ": expected a place to write to, found a folder without permission to write");
    }
    if (Files.isDirectory(full)) {
      try (Stream<Path> files = Files.list(full)) {
        List<String> names = files.map(file -> file.getFileName().toString()).sorted().toList();
        List<String> others = names.stream().filter(name -> !FILES.contains(name)).toList();
        if (!others.isEmpty() || !(names.isEmpty() || names.contains(MODEL))) {
          throw new ElmoException(
              folder
                  + ": expected a new folder, or a classifier to replace and nothing else, found "
                  + (others.isEmpty() ? "no " + MODEL : others.get(0)));
        }
      } catch (IOException e) {
        throw new ElmoException(folder + ": expected a folder, found " + FoundFile.reason(e), e);
      }
    } else if (Files.exists(full, LinkOption.NOFOLLOW_LINKS)) {
      String found = Files.exists(full) ? "a file" : "a link to nothing";
      throw new ElmoException(folder + ": expected a folder to write, found " + found);
    }
  }

  /** Returns the absolute path of a folder, behind links. */
  private static Path full(Path folder) {
    Path full = folder.toAbsolutePath().normalize();
    try {
      return Files.exists(full) ? full.toRealPath() : full;
    } catch (IOException e) {
      throw new ElmoException(folder + ": expected a folder, found " + FoundFile.reason(e), e);
    }
  }

  /** Writes a classifier. The folder appears complete or not at all. */
  static void write(Path folder, Task task, Parts parts) {
    check(folder);
    Path full = full(folder);
    try (TemporaryFolder beside = TemporaryFolder.in(full.getParent())) {
      Path fresh = Files.createDirectory(beside.path().resolve("fresh"));
      byte[] json = (toJson(task, parts).toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
      TensorFile.write(fresh.resolve(WEIGHTS), tensors(parts));
      MixJson.write(parts.mix(), fresh.resolve(MIX));
      Curves.write(parts.epochs(), fresh.resolve(Curves.FILE));
      AtomicFile.write(
          fresh.resolve(MODEL), channel -> AtomicFile.writeAll(channel, ByteBuffer.wrap(json)));
      // Between the two moves the old folder is the only copy. It lies outside of the temporary
      // folder, so that no other process deletes it if this one is killed there.
      Path old = full.resolveSibling(full.getFileName() + "." + UUID.randomUUID() + ".old");
      boolean replaces = Files.exists(full);
      if (replaces) {
        Files.move(full, old);
      }
      try {
        Files.move(fresh, full);
      } catch (IOException e) {
        if (replaces) {
          Files.move(old, full);
        }
        throw e;
      }
      if (replaces) {
        Files.move(old, beside.path().resolve("old"));
      }
    } catch (IOException e) {
      throw new ElmoException(
          folder + ": expected a place to write to, found " + FoundFile.reason(e), e);
    }
  }

  private static ObjectNode toJson(Task task, Parts parts) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("format", "elmo4j-classifier").put("format_version", 1);
    json.put("task", task == Task.TOKENS ? "tokens" : "sentences");
    ArrayNode names = json.putArray("labels");
    parts.labels().forEach(names::add);
    json.put("hidden", parts.head().hidden()).put("inputs", parts.head().inputs());
    json.put("head", parts.head().crf() ? "crf" : "linear");
    if (parts.scheme() != null) {
      json.put("scheme", parts.scheme().name().toLowerCase(Locale.ROOT));
    }
    DataForm form = parts.form();
    if (form != null) {
      json.putObject("data")
          .put("form", form.kind().name().toLowerCase(Locale.ROOT))
          .put("text", form.text())
          .put("label", form.label())
          .put("tokenized", form.tokenized());
    }
    ArrayNode numbers =
        json.putObject("model").put("source", parts.modelSource()).putArray("probe");
    for (float number : parts.probe()) {
      numbers.add(number);
    }
    return json;
  }

  private static Map<String, TensorFile.Tensor> tensors(Parts parts) {
    Map<String, TensorFile.Tensor> tensors = new LinkedHashMap<>();
    int at = 0;
    for (Map.Entry<String, long[]> entry : shapes(parts.head()).entrySet()) {
      int size = (int) Arrays.stream(entry.getValue()).reduce(1, (a, b) -> a * b);
      tensors.put(
          entry.getKey(),
          new TensorFile.Tensor(
              entry.getValue(), Arrays.copyOfRange(parts.parameters(), at, at + size)));
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

  /** Reads a classifier. */
  static Classifier read(Path folder) {
    Path file = folder.resolve(MODEL);
    if (!Files.isRegularFile(file)) {
      throw new ElmoException(folder + ": expected a classifier, found no readable " + MODEL);
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
    Path weights = folder.resolve(WEIGHTS);
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
    for (String name : tensors.keySet()) {
      if (!shapes(head).containsKey(name)) {
        throw new ElmoException(
            weights
                + ": expected "
                + String.join(", ", shapes(head).keySet())
                + " as "
                + file
                + " states, found "
                + Json.brief(name)
                + " as well");
      }
    }
    float[] parameters = new float[head.size()];
    int at = 0;
    for (String name : shapes(head).keySet()) {
      TensorFile.Tensor tensor = tensors.get(name);
      System.arraycopy(tensor.values(), 0, parameters, at, tensor.values().length);
      at += tensor.values().length;
    }
    ScalarMix mix = MixJson.read(folder.resolve(MIX));
    return Classifier.of(
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
            curves(folder.resolve(Curves.FILE))));
  }

  private static List<Epoch> curves(Path file) {
    if (Files.notExists(file)) { // An early version saved the classifier.
      return List.of();
    }
    Library.require(file + ": learning curves", Library.COMMONS_CSV);
    return Curves.read(file);
  }

  /**
   * The form of the data; null if the file does not state it or names one of a later version. Early
   * versions did not say whether texts are tokenized.
   */
  private static DataForm form(JsonNode data) {
    return Arrays.stream(DataForm.Kind.values())
        .filter(kind -> kind.name().equalsIgnoreCase(data.path("form").asText()))
        .map(
            kind ->
                new DataForm(
                    kind,
                    data.path("text").asText(),
                    data.path("label").asText(),
                    data.path("tokenized").asBoolean()))
        .findFirst()
        .orElse(null);
  }
}
