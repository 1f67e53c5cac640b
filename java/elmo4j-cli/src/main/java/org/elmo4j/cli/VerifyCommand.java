// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.Tensor;
import org.elmo4j.hub.ModelEntry;
import org.elmo4j.hub.ModelEntry.RemoteFile;
import org.elmo4j.hub.ModelHub;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code elmo verify}: compares a model's files and vectors with the published ones. */
@Command(
    name = "verify",
    description = {
      "Checks the files of a model, embeds \"I love NLP\", and compares the vectors "
          + "with published values.",
      ""
    },
    footer = {"  elmo verify small"})
final class VerifyCommand implements Callable<Integer> {
  private static final List<String> SENTENCE = List.of("I", "love", "NLP");
  private static final int SHOWN = 4;

  /**
   * The first numbers of each token's vector, as Spark NLP published them for its model {@code
   * elmo}, which is the original model from TensorFlow Hub. Spark NLP did not say which layer they
   * are from.
   */
  static final double[][] PUBLISHED = {
    {0.6922717690467834, -0.32613131403923035},
    {-0.7348151206970215, -0.09645576030015945},
    {0.16370956599712372, 0.1217058077454567}
  };

  /** Much larger than rounding errors, and much smaller than the difference between two layers. */
  private static final double TOLERANCE = 1e-3;

  @Spec private CommandSpec command;
  @Mixin private ModelChoice modelChoice;

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      converter = Main.File.class,
      description = "Same as --model.")
  private String model;

  @Override
  public Integer call() throws IOException {
    modelChoice.name(model);
    modelChoice.check();
    PrintWriter out = command.commandLine().getOut();
    if (modelChoice.named().isPresent()) {
      files(out, modelChoice.hub(), modelChoice.named().get());
    }
    try (ElmoModel loaded = modelChoice.load()) {
      List<Layer> layers = new ArrayList<>(List.of(Layer.WORD_EMB));
      for (int i = 1; i <= loaded.options().lstmLayers(); i++) {
        layers.add(Layer.lstm(i));
      }
      layers.add(Layer.ELMO);
      try (Embeddings result = loaded.embed(List.of(SENTENCE), layers.toArray(new Layer[0]))) {
        layers.forEach(layer -> layer(out, layer, result.get(layer, 0)));
        boolean original = loaded.options().lstmDim() == 4096 && loaded.options().lstmLayers() == 2;
        if (original) {
          compare(out, layers, result);
        }
      }
    }
    return 0;
  }

  /** Prints the files with their checksums. Throws an exception if one is not the published one. */
  private static void files(PrintWriter out, ModelHub hub, ModelEntry entry) {
    if (entry.files().isEmpty()) {
      return;
    }
    // The hub would replace a wrong file without a message, so this check comes first.
    for (RemoteFile file : entry.files()) {
      Path path = hub.folder(entry).resolve(file.name());
      String sum =
          file.sha256().isPresent() && Files.isRegularFile(path) ? ModelHub.sha256(path) : null;
      if (sum != null && !sum.equals(file.sha256().get())) {
        throw new ElmoException(
            path
                + ": expected sha256 "
                + file.sha256().get()
                + ", found "
                + sum
                + "; delete it to fetch it again");
      }
    }
    Path folder = hub.fetch(entry);
    for (RemoteFile file : entry.files()) {
      Path path = folder.resolve(file.name());
      out.printf(
          Locale.ROOT,
          "%s: %,d bytes, sha256 %s, %s%n",
          path,
          path.toFile().length(),
          ModelHub.sha256(path),
          file.sha256().isPresent() ? "as published" : "none published");
    }
  }

  private static void layer(PrintWriter out, Layer layer, Tensor rows) {
    int dim = (int) rows.shape()[1];
    out.printf(Locale.ROOT, "%s [%d]%n", layer, dim);
    for (int t = 0; t < SENTENCE.size(); t++) {
      StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "  %-5s", SENTENCE.get(t)));
      for (int i = 0; i < Math.min(SHOWN, dim); i++) {
        line.append(String.format(Locale.ROOT, " %11.7f", rows.get(t, i)));
      }
      out.println(line);
    }
  }

  private static void compare(PrintWriter out, List<Layer> layers, Embeddings result) {
    out.println("published by Spark NLP for its model elmo (it is not known for which layer)");
    for (int t = 0; t < SENTENCE.size(); t++) {
      out.printf(
          Locale.ROOT, "  %-5s %11.7f %11.7f%n", SENTENCE.get(t), PUBLISHED[t][0], PUBLISHED[t][1]);
    }
    Map<String, double[][]> ours = new LinkedHashMap<>();
    layers.forEach(layer -> ours.put(layer.toString(), beginnings(result.get(layer, 0))));
    out.println("largest difference of these values from");
    ours.forEach(
        (layer, rows) -> out.printf(Locale.ROOT, "  %-13s %9.2e%n", layer, distance(rows)));
    out.println(verdict(ours));
  }

  /** Returns the first numbers of each row, as many as were published. */
  private static double[][] beginnings(Tensor rows) {
    double[][] beginnings = new double[PUBLISHED.length][PUBLISHED[0].length];
    for (int t = 0; t < beginnings.length; t++) {
      for (int i = 0; i < beginnings[t].length; i++) {
        beginnings[t][i] = rows.get(t, i);
      }
    }
    return beginnings;
  }

  static double distance(double[][] rows) {
    double distance = 0;
    for (int t = 0; t < PUBLISHED.length; t++) {
      for (int i = 0; i < PUBLISHED[t].length; i++) {
        distance = Math.max(distance, Math.abs(rows[t][i] - PUBLISHED[t][i]));
      }
    }
    return distance;
  }

  /** Returns a message that says which of the layers, if any, has the published values. */
  static String verdict(Map<String, double[][]> ours) {
    String matching =
        ours.keySet().stream()
            .filter(layer -> distance(ours.get(layer)) <= TOLERANCE)
            .collect(Collectors.joining(", "));
    return matching.isEmpty()
        ? "no layer matches: the model is not the original, or the values were computed differently"
        : "they are " + matching;
  }
}
