// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.concurrent.Callable;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.internal.text.TextSplitter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code elmo similar}: the sentences, or uses of a word, of a text that are nearest to others. */
@Command(
    name = "similar",
    description = {
      "Finds the sentences of a text that are nearest to a query, or the uses of a word in it.",
      "",
      "Every vector is compared, by the cosine. The text is embedded as it is read, so that its"
          + " length does not matter; several queries share one reading.",
      ""
    },
    footer = {
      "  elmo similar --input corpus.txt --query \"She sat by the river.\"",
      "  elmo similar --input corpus.txt --word bank --query \"A river bank.\"",
    })
final class SimilarCommand implements Callable<Integer> {
  /** How a sentence's vectors become one. */
  enum Pool {
    MEAN,
    MAX,
    FIRST
  }

  /** How results are written. */
  enum Format {
    TABLE,
    JSONL
  }

  private static final int CHUNK_TOKENS = 1 << 13;

  @Spec private CommandSpec command;
  @Mixin private ModelChoice modelChoice;
  @Mixin private TextInput textInput;

  @Option(
      names = "--query",
      required = true,
      paramLabel = "SENTENCE",
      description = "What is looked for; may be given several times.")
  private List<String> queries;

  @Option(
      names = "--word",
      paramLabel = "WORD",
      description = "Compare the uses of this word, which each query must have, not sentences.")
  private String word;

  @Option(
      names = "--layer",
      paramLabel = "LAYER",
      description = "word_emb, lstm_outputs1 ... or elmo. Default: elmo.")
  private String layerName = "elmo";

  @Option(
      names = "--pool",
      paramLabel = "POOL",
      description =
          "mean, max or first: what of its tokens' vectors is a sentence's. Default: mean.")
  private Pool pool = Pool.MEAN;

  @Option(names = "--top", paramLabel = "K", description = "How many. Default: 10.")
  private int top = 10;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "table or jsonl. Default: table.")
  private Format format = Format.TABLE;

  /**
   * A sentence or use that is compared.
   *
   * @param sentence its number in the text, from 0
   * @param token the word's place in it; -1 for the sentence
   */
  private record Hit(double score, long sentence, int token, String text) {}

  /** The worst first; of equal ones the later in the text. */
  private static final Comparator<Hit> WORST =
      Comparator.comparingDouble(Hit::score)
          .thenComparing(Comparator.comparingLong(Hit::sentence).reversed())
          .thenComparing(Comparator.comparingInt(Hit::token).reversed());

  @Override
  public Integer call() throws IOException {
    modelChoice.check();
    Layer layer = Layer.parse(layerName);
    if (layer.kind() == Layer.Kind.MEAN) {
      throw Main.usage(command, "--layer: expected one with a vector a token, found " + layerName);
    }
    if (top < 1) {
      throw Main.usage(command, "--top: expected 1 or more, found " + top);
    }
    try (LineReader lines = textInput.open(List.of());
        ElmoModel model = modelChoice.load()) {
      Search search = new Search(model, layer);
      if (textInput.tokenized()) {
        TokenReader reader = textInput.tokens(lines);
        for (TokenReader.Sentence each; (each = reader.next()) != null; ) {
          search.add(each.tokens());
        }
      } else {
        for (String text; (text = lines.nextText()) != null; ) {
          for (List<String> sentence : TextSplitter.split(text)) {
            search.add(sentence);
          }
        }
      }
      search.compare();
      print(search.best);
    }
    return 0;
  }

  private void print(List<PriorityQueue<Hit>> best) throws IOException {
    PrintWriter out = command.commandLine().getOut();
    ObjectMapper json = new ObjectMapper();
    for (int q = 0; q < best.size(); q++) {
      List<Hit> hits = new ArrayList<>(best.get(q));
      hits.sort(WORST.reversed());
      if (hits.isEmpty()) {
        throw new ElmoException(
            word == null
                ? "text: expected sentences, found none"
                : "--word: expected \"" + word + "\" in the text, found it nowhere");
      }
      if (format == Format.TABLE) {
        out.println((q == 0 ? "" : "\n") + "cosine  sentence  nearest to: " + queries.get(q));
      }
      for (Hit hit : hits) {
        if (format == Format.TABLE) {
          out.println(
              String.format(Locale.ROOT, "%6.4f  %8d  %s", hit.score, hit.sentence + 1, hit.text));
          continue;
        }
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("query", queries.get(q));
        object.put("cosine", hit.score);
        object.put("sentence", hit.sentence);
        if (hit.token >= 0) {
          object.put("token", hit.token);
        }
        object.put("text", hit.text);
        out.println(json.writeValueAsString(object));
      }
    }
  }

  /** The queries' vectors, and the nearest of what was read so far. */
  private final class Search {
    private final ElmoModel model;
    private final Layer layer;
    private final int dim;
    private final List<float[]> wanted = new ArrayList<>();
    private final List<PriorityQueue<Hit>> best = new ArrayList<>();
    private final List<List<String>> waiting = new ArrayList<>();
    private int tokens;
    private long sentences;

    Search(ElmoModel model, Layer layer) {
      this.model = model;
      this.layer = layer;
      this.dim = model.dim(layer);
      for (String text : queries) {
        List<String> query =
            textInput.tokenized()
                ? TextSplitter.onSpaces(text)
                : TextSplitter.split(text).stream().flatMap(List::stream).toList();
        List<float[]> vectors = new ArrayList<>();
        embed(List.of(query), vectors, new ArrayList<>());
        if (vectors.isEmpty()) {
          throw new ElmoException(
              "--query: expected "
                  + (word == null ? "a sentence" : "one with \"" + word + "\"")
                  + ", found \""
                  + text
                  + "\"");
        }
        wanted.add(vectors.get(0));
        best.add(new PriorityQueue<>(WORST));
      }
      sentences = 0;
    }

    // In double, so that equal vectors are equally near; next to embedding this costs nothing.
    private static double cosine(float[] a, float[] b) {
      double ab = 0;
      double aa = 0;
      double bb = 0;
      for (int i = 0; i < a.length; i++) {
        ab += (double) a[i] * b[i];
        aa += (double) a[i] * a[i];
        bb += (double) b[i] * b[i];
      }
      return aa == 0 || bb == 0 ? 0 : ab / Math.sqrt(aa * bb);
    }

    void add(List<String> sentence) {
      waiting.add(sentence);
      tokens += sentence.size() + 2;
      if (tokens >= CHUNK_TOKENS) {
        compare();
      }
    }

    /** Vectors of sentences or of uses, and what they are of. */
    private void embed(List<List<String>> some, List<float[]> vectors, List<Hit> places) {
      try (Embeddings embeddings = model.embed(some, layer)) {
        for (int s = 0; s < some.size(); s++, sentences++) {
          List<String> sentence = some.get(s);
          if (sentence.isEmpty()) {
            continue;
          }
          float[] rows = embeddings.get(layer, s).toArray();
          String text = String.join(" ", sentence);
          if (word == null) {
            vectors.add(pooled(rows));
            places.add(new Hit(0, sentences, -1, text));
            continue;
          }
          for (int t = 0; t < sentence.size(); t++) {
            if (sentence.get(t).equalsIgnoreCase(word)) {
              vectors.add(Arrays.copyOfRange(rows, t * dim, (t + 1) * dim));
              places.add(new Hit(0, sentences, t, text));
            }
          }
        }
      }
    }

    private float[] pooled(float[] rows) {
      float[] vector = Arrays.copyOf(rows, dim);
      for (int i = dim; pool != Pool.FIRST && i < rows.length; i++) {
        float before = vector[i % dim];
        vector[i % dim] = pool == Pool.MAX ? Math.max(before, rows[i]) : before + rows[i];
      }
      return vector; // A sum points where the mean does.
    }

    /** Compares what waits with all queries. */
    void compare() {
      List<float[]> vectors = new ArrayList<>();
      List<Hit> places = new ArrayList<>();
      embed(waiting, vectors, places);
      waiting.clear();
      tokens = 0;
      for (int r = 0; r < vectors.size(); r++) {
        Hit place = places.get(r);
        for (int q = 0; q < best.size(); q++) {
          double score = cosine(vectors.get(r), wanted.get(q));
          best.get(q).add(new Hit(score, place.sentence, place.token, place.text));
          if (best.get(q).size() > top) {
            best.get(q).poll();
          }
        }
      }
    }
  }
}
