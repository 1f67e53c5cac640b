// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.ScalarMix;
import org.elmo4j.ScalarMix.LayerNorm;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.text.TextSplitter;
import org.elmo4j.train.Classifier;
import org.elmo4j.train.Epoch;
import org.elmo4j.weights.WeightStores;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code elmo plot}: draws the weights of a mix, learning curves, and vectors of the layers. */
@Command(
    name = "plot",
    description = {
      "Draws a picture with up to four parts: the weights of a mix (--mix), learning curves"
          + " (--curves), the cosine similarity of a sentence's tokens in each layer (--sentence),"
          + " and the vectors of one word in several sentences, in two dimensions by PCA (--word).",
      "",
      "The output is one SVG or HTML file that does not refer to other files.",
      ""
    },
    footer = {
      "  elmo plot --mix pos/mix.json --curves pos --output mix.svg",
      "  elmo plot --word bank --input bank.txt --output bank.html"
    })
final class PlotCommand implements Callable<Integer> {
  private static final int MAX_TOKENS = 60;
  private static final int MAX_POINTS = 200;
  private static final int CONTEXT_WORDS = 5;

  @Spec private CommandSpec command;
  @Mixin private ModelChoice modelChoice;

  @Parameters(
      arity = "0..*",
      paramLabel = "TEXT",
      description = "Sentences in which to search for --word, each in quotes.")
  private List<String> texts = List.of();

  @Option(
      names = "--mix",
      paramLabel = "FILE",
      description =
          "mix.json as elmo fit writes it. Its weights are drawn, and are used for the layer elmo.")
  private Path mixFile;

  @Option(
      names = "--curves",
      paramLabel = "FOLDER",
      description =
          "A folder that elmo fit wrote. Draw the losses and scores of the epochs of each run.")
  private Path curves;

  @Option(
      names = "--sentence",
      paramLabel = "TEXT",
      description =
          "Draw the cosine similarity of every pair of its tokens' vectors, for each layer.")
  private String sentence;

  @Option(
      names = "--word",
      paramLabel = "WORD",
      description = "Draw the vector of each occurrence of this word in the texts.")
  private String word;

  @Option(
      names = "--input",
      paramLabel = "FILE",
      converter = Main.FileOrStream.class,
      description = "A UTF-8 text in which to search for --word. - is standard input.")
  private Path input;

  @Option(
      names = "--layer",
      paramLabel = "LAYER",
      description =
          "The layer whose vectors --word draws: word_emb, lstm_outputs1 ... or elmo. Default:"
              + " elmo.")
  private String layerName = "elmo";

  @Option(names = "--dark", description = "Draw for a dark background.")
  private boolean dark;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "FILE",
      description = "The file to write. Its name ends in .svg or .html.")
  private Path output;

  @Override
  public Integer call() throws IOException {
    modelChoice.check();
    String name = output.toString().toLowerCase(Locale.ROOT);
    boolean html = name.endsWith(".html");
    if (!html && !name.endsWith(".svg")) {
      throw usage("--output: expected a name that ends in .svg or .html, found " + output);
    }
    if (mixFile == null && curves == null && sentence == null && word == null) {
      throw usage("expected --mix, --curves, --sentence or --word, found none of them");
    }
    if ((word == null) != (texts.isEmpty() && input == null)) {
      throw usage(
          "--word: expected together with texts or --input, found "
              + (word == null ? "texts alone" : "it alone"));
    }
    Layer layer = Layer.parse(layerName);
    if (layer.kind() == Layer.Kind.MEAN) {
      throw usage("--layer: expected a layer with a vector a token, found " + layerName);
    }
    ScalarMix mix = mixFile == null ? null : WeightStores.mix(mixFile);
    List<String> tokens = sentence == null ? List.of() : sentenceTokens();
    List<List<String>> sentences = word == null ? List.of() : sentencesWithWord();
    Figure figure = new Figure(dark);
    try (AtomicFile file = AtomicFile.create(output)) {
      if (mix != null) {
        drawMix(figure, mix);
      }
      if (curves != null) {
        drawCurves(figure);
      }
      if (sentence != null || word != null) {
        try (ElmoModel model = modelChoice.load()) {
          ScalarMix used = mix == null ? model.mix() : mix;
          if (sentence != null) {
            drawSentence(figure, model, used, tokens);
          }
          if (word != null) {
            Layer drawn = layer.kind() == Layer.Kind.ELMO ? Layer.elmo(used) : layer;
            drawWord(figure, model, drawn, sentences);
          }
        }
      }
      byte[] bytes = (html ? figure.html() : figure.svg()).getBytes(StandardCharsets.UTF_8);
      file.stream().write(bytes);
      file.commit();
    }
    return 0;
  }

  private ParameterException usage(String message) {
    return Main.usage(command, message);
  }

  private static void drawMix(Figure figure, ScalarMix mix) {
    List<String> names = new ArrayList<>();
    for (int k = 0; k < mix.weights().length; k++) {
      names.add(k == 0 ? Layer.WORD_EMB.toString() : Layer.lstm(k).toString());
    }
    String below = String.format(Locale.ROOT, "softmax of the weights; gamma %.3f", mix.gamma());
    if (mix.layerNorm() != LayerNorm.NONE) {
      below += ", layer norm " + mix.layerNorm();
    }
    figure.bars("Layer weights", below, names, mix.shares());
  }

  private void drawCurves(Figure figure) {
    List<Epoch> epochs = Classifier.load(curves).epochs();
    if (epochs.isEmpty()) {
      throw new ElmoException(curves + ": expected learning curves in curves.csv, found none");
    }
    Map<String, List<Epoch>> runs = new LinkedHashMap<>();
    epochs.forEach(each -> runs.computeIfAbsent(each.run(), run -> new ArrayList<>()).add(each));
    String below = "one value for each epoch; the dot marks the epoch that was kept";
    figure.curves("Loss of the training data", below, runs, Epoch::trainLoss);
    figure.curves("Loss of the development data", below, runs, Epoch::developmentLoss);
    figure.curves("Score of the development data", below, runs, Epoch::developmentScore);
  }

  private List<String> sentenceTokens() {
    List<String> tokens = TextSplitter.tokens(sentence);
    if (tokens.isEmpty() || tokens.size() > MAX_TOKENS) {
      throw new ElmoException(
          "--sentence: expected 1 to " + MAX_TOKENS + " tokens, found " + tokens.size());
    }
    return tokens;
  }

  private static void drawSentence(
      Figure figure, ElmoModel model, ScalarMix mix, List<String> tokens) {
    List<Layer> layers = new ArrayList<>(List.of(Layer.WORD_EMB));
    for (int k = 1; k <= model.options().lstmLayers(); k++) {
      layers.add(Layer.lstm(k));
    }
    layers.add(Layer.elmo(mix));
    List<String> names = new ArrayList<>();
    List<double[][]> maps = new ArrayList<>();
    try (Embeddings embeddings = model.embed(List.of(tokens), layers.toArray(new Layer[0]))) {
      for (Layer layer : layers) {
        names.add(layer.kind() == Layer.Kind.ELMO ? "elmo" : layer.toString());
        float[] all = embeddings.get(layer, 0).toArray();
        double[][] vectors = new double[tokens.size()][all.length / tokens.size()];
        for (int i = 0; i < all.length; i++) {
          vectors[i / vectors[0].length][i % vectors[0].length] = all[i];
        }
        maps.add(cosines(vectors));
      }
    }
    figure.heatMaps(
        "How alike tokens are", "cosine of their vectors, layer by layer", tokens, names, maps);
  }

  /** Returns the sentences that contain the word, if it occurs often enough and not too often. */
  private List<List<String>> sentencesWithWord() throws IOException {
    List<List<String>> sentences = new ArrayList<>();
    for (String text : texts) {
      sentences.addAll(TextSplitter.split(text));
    }
    if (input != null) {
      try (LineReader lines = Main.open(command, input)) {
        for (String line; (line = lines.next()) != null; ) {
          sentences.addAll(TextSplitter.split(line));
        }
      }
    }
    sentences.removeIf(tokens -> tokens.stream().noneMatch(word::equalsIgnoreCase));
    long n = sentences.stream().flatMap(List::stream).filter(word::equalsIgnoreCase).count();
    if (n < 2 || n > MAX_POINTS) {
      throw new ElmoException(
          "--word: expected \""
              + word
              + "\" 2 to "
              + MAX_POINTS
              + " times in the texts, found it "
              + n
              + " times");
    }
    return sentences;
  }

  private void drawWord(Figure figure, ElmoModel model, Layer layer, List<List<String>> sentences) {
    List<List<String>> contexts = new ArrayList<>();
    List<double[]> vectors = new ArrayList<>();
    try (Embeddings embeddings = model.embed(sentences, layer)) {
      for (int s = 0; s < sentences.size(); s++) {
        List<String> tokens = sentences.get(s);
        for (int t = 0; t < tokens.size(); t++) {
          if (tokens.get(t).equalsIgnoreCase(word)) {
            float[] row = embeddings.get(layer, s).slice(t).toArray();
            double[] vector = new double[row.length];
            for (int i = 0; i < row.length; i++) {
              vector[i] = row[i];
            }
            vectors.add(vector);
            contexts.add(context(tokens, t));
          }
        }
      }
    }
    int n = vectors.size();
    double[] shares = new double[2];
    double[][] points = Pca.plane(vectors.toArray(new double[0][]), shares);
    Object name = layer.kind() == Layer.Kind.ELMO ? "elmo" : layer;
    figure.points(
        "Where \"" + word + "\" lies",
        shares[0] == 0
            ? String.format(Locale.ROOT, "%s: all %d vectors are equal", name, n)
            : String.format(
                Locale.ROOT,
                "%s in two dimensions: PCA, %.0f and %.0f per cent of the variance",
                name,
                100 * shares[0],
                100 * shares[1]),
        points,
        contexts);
  }

  private static List<String> context(List<String> tokens, int t) {
    int from = Math.max(0, t - CONTEXT_WORDS);
    int to = Math.min(tokens.size(), t + 1 + CONTEXT_WORDS);
    String before = String.join(" ", tokens.subList(from, t));
    String behind = String.join(" ", tokens.subList(t + 1, to));
    return List.of(
        (from > 0 ? "… " : "") + before + (before.isEmpty() ? "" : " "),
        tokens.get(t),
        (behind.isEmpty() ? "" : " ") + behind + (to < tokens.size() ? " …" : ""));
  }

  static double[][] cosines(double[][] vectors) {
    int n = vectors.length;
    double[][] cosines = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        double norms = Math.sqrt(Pca.dot(vectors[i], vectors[i]) * Pca.dot(vectors[j], vectors[j]));
        cosines[i][j] = norms == 0 ? 0 : Pca.dot(vectors[i], vectors[j]) / norms;
      }
    }
    return cosines;
  }
}
