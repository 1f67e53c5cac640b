// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
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
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.TemporaryFolder;
import org.elmo4j.internal.text.TextSplitter;
import org.elmo4j.search.VectorFile;
import org.elmo4j.search.VectorRows;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code elmo similar}: finds the sentences, or uses of a word, that are nearest to a query. */
@Command(
    name = "similar",
    description = {
      "Finds the sentences of a text that are most similar to a query, or with --word the uses of"
          + " that word.",
      "",
      "It compares the query with all of them by the cosine of their vectors, so the result is"
          + " exact. With --vectors, the vectors are kept in a file, and only the first call embeds"
          + " the text. The file is read once for all queries of a call.",
      ""
    },
    footer = {
      "  elmo similar --input corpus.txt --query \"She sat by the river.\"",
      "  elmo similar --input corpus.txt --word bank --query \"A river bank.\"",
      "  elmo similar --input corpus.txt --vectors corpus.vectors --query \"He swam.\"",
      "  elmo similar --vectors corpus.vectors --query \"He ran.\" --query \"He sat.\"",
    })
final class SimilarCommand implements Callable<Integer> {
  /** The formats of the results. */
  enum Format {
    TABLE,
    JSONL
  }

  @Spec private CommandSpec command;
  @Mixin private ModelChoice modelChoice;
  @Mixin private TextInput textInput;

  @Option(
      names = "--query",
      required = true,
      paramLabel = "SENTENCE",
      description = "The sentence to look for. The option may be given several times.")
  private List<String> queries;

  @Option(
      names = "--word",
      paramLabel = "WORD",
      description = "Compare uses of this word, not sentences. Each query must contain the word.")
  private String word;

  @Option(
      names = "--layer",
      paramLabel = "LAYER",
      description =
          "The layer whose vectors are compared: word_emb, lstm_outputs1 ... or elmo. Default:"
              + " elmo.")
  private String layerName = "elmo";

  @Option(
      names = "--vectors",
      paramLabel = "FILE",
      description =
          "The file where the vectors of the text are kept. If it does not exist, it is made from"
              + " --input. If it exists, it must come from the same model, --layer, --pool and"
              + " --word, and from the same --input if that is given. Default: a temporary file.")
  private Path vectors;

  @Option(
      names = "--pool",
      paramLabel = "POOL",
      description =
          "mean, max or first: how the vectors of a sentence's tokens are combined. Default: mean.")
  private VectorRows.Pool pool;

  @Option(names = "--top", paramLabel = "K", description = "Number of results. Default: 10.")
  private int top = 10;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "Format of the results: table or jsonl. Default: table.")
  private Format format = Format.TABLE;

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
    if (word != null && (word.isEmpty() || pool != null)) {
      throw Main.usage(
          command,
          "--word: expected a word, without --pool, found "
              + (pool != null ? "both" : "an empty one"));
    }
    boolean made = vectors != null && Files.exists(vectors);
    if (vectors != null && textInput.file() == null && !made) {
      throw Main.usage(
          command, "--vectors: expected a file, or --input to make it from, found neither");
    }
    List<List<String>> sentences = queries.stream().map(this::sentence).toList();
    Main.checkReadable(textInput.file());
    String text = vectors == null || textInput.file() == null ? null : textInput.fingerprint();
    if (made) {
      VectorFile.open(vectors).close();
    } else if (vectors != null) {
      AtomicFile.create(vectors).close();
    }
    try (ElmoModel model = modelChoice.load();
        TemporaryFolder folder = vectors == null ? TemporaryFolder.create() : null) {
      VectorRows rows =
          word != null
              ? VectorRows.uses(model, layer, word)
              : VectorRows.sentences(model, layer, pool == null ? VectorRows.Pool.MEAN : pool);
      if (text != null) {
        rows = rows.ofCorpus(text);
      }
      List<float[]> wanted = wanted(model, layer, rows, sentences);
      Path file = vectors != null ? vectors : folder.path().resolve("vectors");
      if (!made) {
        make(file, model, layer, rows);
      }
      try (VectorFile corpus = VectorFile.open(file, modelChoice.threads())) {
        corpus.require(rows);
        if (corpus.size() == 0) {
          throw new ElmoException(
              word == null
                  ? "text: expected sentences, found none"
                  : "--word: expected \"" + word + "\" in the text, found it nowhere");
        }
        print(corpus.nearest(wanted, top));
      }
    }
    return 0;
  }

  /** Returns the tokens of a query, which must have what is compared. */
  private List<String> sentence(String query) {
    List<String> tokens =
        textInput.tokenized() ? TextSplitter.onSpaces(query) : TextSplitter.tokens(query);
    if (word == null ? tokens.isEmpty() : tokens.stream().noneMatch(word::equalsIgnoreCase)) {
      throw new ElmoException(
          "--query: expected "
              + (word == null ? "a sentence" : "one with \"" + word + "\"")
              + ", found \""
              + query
              + "\"");
    }
    return tokens;
  }

  /** Returns the vectors of the queries. */
  private static List<float[]> wanted(
      ElmoModel model, Layer layer, VectorRows rows, List<List<String>> sentences) {
    List<float[]> wanted = new ArrayList<>();
    try (Embeddings embeddings = model.embed(sentences, layer)) {
      for (int q = 0; q < sentences.size(); q++) {
        wanted.add(rows.vectors(embeddings, q).get(0));
      }
    }
    return wanted;
  }

  /** Makes the file of vectors from the text. */
  private void make(Path file, ElmoModel model, Layer layer, VectorRows rows) throws IOException {
    long bytes = textInput.file() == null ? 0 : Files.size(textInput.file());
    long[] done = new long[2]; // sentences, tokens
    try (LineReader lines = textInput.open(List.of());
        Progress progress = new Progress(Main.status(command))) {
      Stream<Embeddings> embeddings =
          model
              .embedAll(textInput.sentences(lines), layer)
              .peek(
                  each -> {
                    done[0]++;
                    done[1] += each.length(0);
                    progress.show(
                        bytes == 0 ? 0 : lines.bytes() / (double) bytes,
                        seconds ->
                            String.format(
                                Locale.ROOT,
                                "%,d sentences, %,.0f tokens/s",
                                done[0],
                                done[1] / seconds));
                  });
      VectorFile.write(file, rows, embeddings);
    }
  }

  private void print(List<List<VectorFile.Hit>> found) throws IOException {
    PrintWriter out = command.commandLine().getOut();
    ObjectMapper json = new ObjectMapper();
    for (int q = 0; q < found.size(); q++) {
      if (format == Format.TABLE) {
        out.println((q == 0 ? "" : "\n") + "cosine  sentence  nearest to: " + queries.get(q));
      }
      for (VectorFile.Hit hit : found.get(q)) {
        if (format == Format.TABLE) {
          out.println(
              String.format(
                  Locale.ROOT, "%6.4f  %8d  %s", hit.cosine(), hit.sentence() + 1, hit.text()));
          continue;
        }
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("query", queries.get(q));
        object.put("cosine", hit.cosine());
        object.put("sentence", hit.sentence());
        if (hit.token() >= 0) {
          object.put("token", hit.token());
        }
        object.put("text", hit.text());
        out.println(json.writeValueAsString(object));
      }
    }
  }
}
