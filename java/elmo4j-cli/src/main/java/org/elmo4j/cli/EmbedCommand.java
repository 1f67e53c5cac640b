// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.ElmoSession;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.ScalarMix;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.text.TextSplitter;
import org.elmo4j.weights.WeightStores;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code elmo embed}: reads sentences and writes their vectors. */
@Command(
    name = "embed",
    description = {
      "Computes the vectors of sentences: of arguments, a text file or a file of tokens.",
      "",
      "Without --output, it prints a table with the first numbers of each token's vector.",
      ""
    },
    footer = {
      "  elmo embed \"I love NLP\" \"So do I\"",
      "  elmo embed --text book.txt --output book.npz --layers top",
      "  elmo embed --tokenized --input IN.txt --output OUT.hdf5 --layers all",
      "  elmo embed --text book.txt --output words.vec --format word2vec"
    })
final class EmbedCommand implements Callable<Integer> {
  /** The formats of the output. */
  enum Format {
    HDF5,
    JSONL,
    NPZ,
    WORD2VEC
  }

  /** The default batch size of AllenNLP's command. */
  private static final int STATEFUL_BATCH = 64;

  @Spec private CommandSpec command;
  @Mixin private ModelChoice modelChoice;
  @Mixin private TextInput textInput;
  @Mixin private OutputFile output;

  @Parameters(
      arity = "0..*",
      paramLabel = "SENTENCE",
      description =
          "Texts to embed, each on its own. Without any, or with -: read --input or standard"
              + " input.")
  private List<String> texts = List.of();

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description =
          "hdf5, jsonl, npz or word2vec. word2vec is a text file with one line for each distinct"
              + " word: the mean of its vectors. Default: chosen by the extension of the output's"
              + " name. Only jsonl can be used without --output.")
  private Format format;

  @Option(
      names = "--layers",
      paramLabel = "LAYERS",
      description =
          "all [layers + 1, tokens, 2P]; elmo, top, average, lstm_outputs1 ... [tokens, 2P];"
              + " word_emb [tokens, P]; or default [2P], one vector for the sentence. Default:"
              + " elmo.")
  private String layers;

  @Option(
      names = "--output-layer",
      paramLabel = "N",
      description =
          "ELMoForManyLangs' number of a layer, instead of --layers: -2 for all, -1 for average, 0"
              + " for word_emb repeated twice [tokens, 2P], 1 and 2 for the LSTM layers.")
  private Integer outputLayer;

  @Option(
      names = "--mix-weights",
      paramLabel = "W",
      split = ",",
      description =
          "The layer weights for elmo and default, before the softmax, separated by commas. The"
              + " first one is for the token representation.")
  private float[] mixWeights;

  @Option(
      names = "--gamma",
      paramLabel = "G",
      description = "The factor of the weighted sum, with --mix-weights. Default: 1.")
  private Float gamma;

  @Option(
      names = "--mix",
      paramLabel = "FILE",
      description =
          "The layer weights for elmo and default: mix.json as elmo fit writes it, instead of"
              + " --mix-weights.")
  private Path mixFile;

  @Option(
      names = "--stateful",
      description =
          "Carry the LSTM state from batch to batch, as the original tools do. Needs --tokenized.")
  private boolean stateful;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description =
          "Number of sentences in a batch. Needs --tokenized. Default: 64 with --stateful;"
              + " otherwise elmo chooses the batches.")
  private Integer batchSize;

  @Option(
      names = "--forget-sentences",
      description = "Leave sentence_to_index out of an HDF5 file.")
  private boolean forgetSentences;

  @Option(
      names = "--use-sentence-keys",
      description =
          "Use the text of each sentence as the name of its dataset in an HDF5 file, as AllenNLP"
              + " does. All texts must be different, and none may contain a slash.")
  private boolean sentenceKeys;

  @Override
  public Integer call() throws IOException {
    check();
    ScalarMix mix = mix();
    try (LineReader lines = openInput();
        SentenceWriter file = openOutput();
        ElmoModel model = modelChoice.load()) {
      LayerChoice choice =
          outputLayer != null
              ? LayerChoice.numbered(outputLayer, model)
              : LayerChoice.of(layers, mix, model);
      SentenceWriter writer =
          file != null ? file : new TableWriter(command.commandLine().getOut(), choice.blocks());
      try (Progress progress = new Progress(terminal())) {
        new Run(lines, writer, model, choice, progress).all();
      }
      put(writer::finish);
    }
    return 0;
  }

  private void check() throws IOException {
    modelChoice.check();
    textInput.check(texts);
    output.check(textInput.file(), mixFile);
    output.check(modelChoice.files());
    if (outputLayer != null && (layers != null || outputLayer < -2)) {
      throw usage(
          "--output-layer: expected -2, -1, 0, 1 ... without --layers, found "
              + (layers != null ? "both" : outputLayer));
    }
    layers = layers != null ? layers : outputLayer != null ? "all" : "elmo";
    if (stateful && !textInput.tokenized()) {
      throw usage("--stateful: expected with --tokenized, found without");
    }
    if (batchSize != null && (batchSize < 1 || !textInput.tokenized())) {
      throw usage("--batch-size: expected 1 or more, with --tokenized, found " + batchSize);
    }
    if (gamma != null && mixWeights == null) {
      throw usage("--gamma: expected with --mix-weights, found without");
    }
    boolean mixed = layers.equals("elmo") || layers.equals("default");
    if (mixFile != null && (mixWeights != null || !mixed)) {
      throw usage(
          "--mix: expected with --layers elmo or default and without --mix-weights, found "
              + (mixed ? "both" : "it with " + layers));
    }
    if (mixWeights != null && !mixed) {
      throw usage("--mix-weights: expected with --layers elmo or default, found with " + layers);
    }
    if (!List.of("all", "top", "average").contains(layers)) {
      try {
        Layer.parse(layers);
      } catch (ElmoException e) {
        throw usage(
            "--layers: expected all, top, average, word_emb, lstm_outputs1 ..., elmo or default,"
                + " found "
                + layers);
      }
    }
    if (format == null && output.isGiven()) {
      String name = output.toString().toLowerCase(Locale.ROOT);
      format =
          name.endsWith(".hdf5") || name.endsWith(".h5")
              ? Format.HDF5
              : name.endsWith(".jsonl") ? Format.JSONL : name.endsWith(".npz") ? Format.NPZ : null;
      if (format == null) {
        throw usage(
            "--output: expected a name that ends in .hdf5, .h5, .jsonl or .npz, or --format, found "
                + (output.isStandard() ? Main.STANDARD : output));
      }
    }
    if (!output.isGiven() && format != null && format != Format.JSONL) {
      throw usage(
          "--format "
              + format.name().toLowerCase(Locale.ROOT)
              + ": expected with --output, found without");
    }
    if ((forgetSentences || sentenceKeys) && format != Format.HDF5) {
      throw usage(
          (sentenceKeys ? "--use-sentence-keys" : "--forget-sentences")
              + ": expected with an HDF5 output, found without");
    }
    boolean perToken =
        outputLayer != null
            ? outputLayer != -2
            : !layers.equals("all") && !layers.equals("default");
    if (format == Format.WORD2VEC && !perToken) {
      throw usage(
          "--format word2vec: expected --layers with one vector a token, found "
              + (outputLayer != null ? "--output-layer " + outputLayer : layers));
    }
  }

  private ParameterException usage(String message) {
    return Main.usage(command, message);
  }

  private ScalarMix mix() {
    if (mixFile != null) {
      return WeightStores.mix(mixFile);
    }
    return mixWeights == null ? null : new ScalarMix(mixWeights, gamma == null ? 1 : gamma);
  }

  private LineReader openInput() throws IOException {
    Path file = textInput.file();
    if (format == Format.HDF5
        && !forgetSentences
        && !sentenceKeys
        && file != null
        && Files.isRegularFile(file)) {
      long size = Files.size(file);
      if (size >= Hdf5Writer.MAX_INDEX_BYTES) {
        throw new ElmoException(
            file
                + ": expected less than 4 GiB of text, what sentence_to_index can hold, found "
                + size
                + " bytes; --forget-sentences leaves it out");
      }
    }
    return textInput.open(texts);
  }

  /**
   * Opens the output file before the model loads, so that an error of its folder is reported at
   * once. Returns null if a table is printed.
   */
  private SentenceWriter openOutput() throws IOException {
    if (format == null) {
      return null;
    }
    return switch (format) {
      case HDF5 ->
          new Hdf5Writer(
              output.create(),
              sentenceKeys
                  ? Hdf5Writer.Keys.SENTENCES
                  : forgetSentences ? Hdf5Writer.Keys.NUMBERS_ALONE : Hdf5Writer.Keys.NUMBERS);
      case NPZ -> new NpzWriter(output.create());
      case JSONL -> new JsonLinesWriter(output.create());
      case WORD2VEC -> new Word2VecWriter(output.create());
    };
  }

  private interface Action {
    void run() throws IOException;
  }

  /** Runs an action that writes, and names the output in the message of its exception. */
  private void put(Action action) throws IOException {
    try {
      action.run();
    } catch (IOException e) {
      throw new IOException(
          output + ": expected a place to write to, found " + FoundFile.reason(e), e);
    }
  }

  /**
   * Returns standard error if the launcher saw that it is a terminal and the result is not written
   * to standard output; otherwise null.
   */
  private PrintWriter terminal() {
    return output.isStandard() ? null : Main.status(command);
  }

  /** Yields sentences one by one, in the order of the input. */
  private interface Source {
    /** Returns the next sentence and its text, or null at the end. */
    TokenReader.Sentence next() throws IOException;
  }

  /** Takes a failure to read the input through an iterator. */
  private static final class UnreadableSource extends UncheckedIOException {
    private static final long serialVersionUID = 1;

    UnreadableSource(IOException cause) {
      super(cause);
    }
  }

  /** Reads the lines, embeds them and writes the vectors, in the order of the input. */
  private final class Run {
    private final LineReader lines;
    private final SentenceWriter writer;
    private final ElmoModel model;
    private final LayerChoice choice;
    private final Progress progress;
    private final long bytes;
    private long sentences;
    private long tokens;

    Run(
        LineReader lines,
        SentenceWriter writer,
        ElmoModel model,
        LayerChoice choice,
        Progress progress)
        throws IOException {
      this.lines = lines;
      this.writer = writer;
      this.model = model;
      this.choice = choice;
      this.progress = progress;
      this.bytes = textInput.file() == null ? 0 : Files.size(textInput.file());
    }

    void all() throws IOException {
      if (!textInput.tokenized()) {
        singly(text());
      } else if (stateful) {
        try (ElmoSession session = model.session()) {
          inBatches(batch -> session.embed(batch, choice.layers()));
        }
      } else if (batchSize != null) {
        inBatches(batch -> model.embed(batch, choice.layers()));
      } else {
        singly(textInput.tokens(lines)::next);
      }
    }

    private void inBatches(Function<List<List<String>>, Embeddings> embed) throws IOException {
      int maxLines = batchSize != null ? batchSize : STATEFUL_BATCH;
      TokenReader reader = textInput.tokens(lines);
      List<String> texts = new ArrayList<>();
      List<List<String>> batch = new ArrayList<>();
      for (TokenReader.Sentence sentence; (sentence = reader.next()) != null; ) {
        texts.add(sentence.text());
        batch.add(sentence.tokens());
        if (batch.size() == maxLines) {
          write(embed.apply(batch), texts);
          texts.clear();
          batch.clear();
        }
      }
      if (!batch.isEmpty()) {
        write(embed.apply(batch), texts);
      }
    }

    /**
     * Embeds with one result for each sentence. The results are not padded to the longest sentence
     * of a batch, so they take little memory.
     */
    private void singly(Source source) throws IOException {
      Deque<String> texts = new ArrayDeque<>(); // of the sentences not yet written
      Iterator<List<String>> tokens =
          new Iterator<>() {
            private TokenReader.Sentence next;

            @Override
            public boolean hasNext() {
              try {
                next = next == null ? source.next() : next;
              } catch (IOException e) {
                throw new UnreadableSource(e);
              }
              return next != null;
            }

            @Override
            public List<String> next() {
              if (!hasNext()) {
                throw new NoSuchElementException();
              }
              List<String> sentence = next.tokens();
              texts.add(next.text());
              next = null;
              return sentence;
            }
          };
      try (Stream<Embeddings> results = model.embedAll(tokens, choice.layers())) {
        for (Iterator<Embeddings> i = results.iterator(); i.hasNext(); ) {
          write(i.next(), List.of(texts.remove()));
        }
      } catch (UnreadableSource e) {
        throw e.getCause();
      }
    }

    /** Splits running text into sentences. */
    private Source text() {
      Deque<List<String>> found = new ArrayDeque<>();
      return () -> {
        for (String text; found.isEmpty() && (text = lines.nextText()) != null; ) {
          found.addAll(TextSplitter.split(text));
        }
        List<String> tokens = found.poll();
        return tokens == null
            ? null
            : new TokenReader.Sentence(tokens, String.join(" ", tokens), List.of(), List.of());
      };
    }

    /**
     * Writes the vectors of a batch and closes it.
     *
     * @param texts the texts of its sentences
     */
    private void write(Embeddings embeddings, List<String> texts) throws IOException {
      try (embeddings) {
        for (int row = 0; row < embeddings.batchSize(); row++) {
          SentenceWriter.Sentence sentence =
              choice.sentence(embeddings, row, sentences++, texts.get(row));
          put(() -> writer.write(sentence));
          tokens += embeddings.tokens(row).size();
        }
        progress.show(
            bytes == 0 ? 0 : lines.bytes() / (double) bytes,
            seconds ->
                String.format(Locale.ROOT, "%,d tokens, %,.0f tokens/s", tokens, tokens / seconds));
      }
    }
  }
}
