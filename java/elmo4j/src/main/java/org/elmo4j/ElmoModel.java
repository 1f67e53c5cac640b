// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.backend.ContinuousBatcher;
import org.elmo4j.internal.backend.LstmState;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.internal.backend.cpu.CpuBackend;
import org.elmo4j.internal.backend.cpu.CpuMix;
import org.elmo4j.internal.backend.cuda.CudaBackend;
import org.elmo4j.internal.batch.Embedder;
import org.elmo4j.internal.batch.ReadAhead;
import org.elmo4j.internal.batch.ReplicaPool;
import org.elmo4j.internal.batch.RequestBatcher;
import org.elmo4j.internal.model.ModelWeights;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.internal.text.TextSplitter;
import org.elmo4j.internal.weights.StoredWeights;
import org.elmo4j.internal.weights.Tensors;
import org.elmo4j.internal.weights.TokenEmbeddings;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/**
 * An ELMo model on one device, or once on each of several CUDA devices (Peters et al. 2018, "Deep
 * contextualized word representations"). It holds native memory: close it. Any number of threads
 * may use it at once, and get the same bits as one thread would; a sentence's vectors do not depend
 * on what it is batched with. (On processors without AVX2 both hold to rounding, not to the bit.)
 * {@link #close} waits for calls under way; calls after it throw {@link IllegalStateException}.
 */
public final class ElmoModel implements AutoCloseable {
  private final String source;
  private final ModelOptions options;
  private final long parameters;
  private final ScalarMix mix;
  private final ReplicaPool replicas;
  private final RequestBatcher<List<Layer>, Embeddings> requestBatcher;
  private final long batchPositions; // of one run
  private final int concurrentRuns; // at a time
  // Read: a call under way. Write: closing.
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  private ElmoModel(WeightStore store, ScalarMix mix, Builder choices) {
    source = store.source();
    options = store.options();
    this.mix = mix;
    parameters = TensorShapes.parameters(options);
    StoredWeights weights = new StoredWeights(store);
    replicas = new ReplicaPool(choices.devices(), device -> choices.embedder(weights, device));
    int devices = replicas.all().size();
    batchPositions = choices.batchTokens(first());
    concurrentRuns = devices * first().concurrentRuns();
    String owner = "the model " + source;
    ContinuousBatcher continuous = first().continuousBatcher();
    requestBatcher =
        continuous != null
            ? new RequestBatcher<>(owner, this::addToRunning, continuous::freeSlots, batchPositions)
            : new RequestBatcher<>(
                owner, this::runBatch, choices.batchDelay, batchPositions, devices, concurrentRuns);
  }

  /**
   * Loads a model of any form that {@link WeightStores#open(Path)} names: AllenNLP, bilm-tf,
   * TF-Hub, Spark NLP, ELMoForManyLangs, elmo4j's safetensors, an archive of one of these. What a
   * file is, its content tells.
   *
   * @throws ElmoException if it cannot be read or is no such model
   */
  public static ElmoModel load(Path path) {
    return builder().path(path).load();
  }

  /**
   * The small English model of the artifact {@code elmo4j-model-mini-en}.
   *
   * @throws ElmoException if that artifact is not on the class path
   */
  public static ElmoModel miniEnglish() {
    return builder().miniEnglish().load();
  }

  /**
   * A published model by name, as {@code small} or {@code elmo}: from the cache on this machine, or
   * fetched into it first. {@link ModelHub} says which there are and where the cache is.
   *
   * @throws ElmoException if there is no such model, it cannot be fetched, or it is damaged
   */
  public static ElmoModel pretrained(String name) {
    return builder().pretrained(name).load();
  }

  /**
   * A published model by name and language, as {@code ("elmo", "en")}.
   *
   * @throws ElmoException as {@link #pretrained(String)}
   */
  public static ElmoModel pretrained(String name, String language) {
    Arguments.require(language, "language");
    return builder().pretrained(ModelHub.standard(), name, language).load();
  }

  /** To load with choices of one's own. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Embeds sentences given as tokens. The result is padded to the longest of them: one that is much
   * longer than the others costs its length for each, where {@link #embedAll} and {@link #submit}
   * cost what each sentence needs.
   *
   * @param sentences may be empty; a sentence may have no tokens; an empty token is a token
   * @param layers the outputs wanted; {@link Layer#ELMO} where none is named
   * @throws ElmoException if a sentence or token is null, a layer does not exist in this model, or
   *     memory cannot be had
   * @throws IllegalStateException after {@link #close}
   */
  public Embeddings embed(List<? extends List<String>> sentences, Layer... layers) {
    return embed(sentences, EmbedOptions.layers(layers));
  }

  /** As {@link #embed(List, Layer...)}, with more choices. */
  public Embeddings embed(List<? extends List<String>> sentences, EmbedOptions options) {
    return embed(sentences, 0, options, null, null);
  }

  /**
   * Embeds sentences split at spaces, as TF-Hub's {@code default} signature does: no other
   * character separates, and empty pieces are dropped.
   *
   * @throws ElmoException as {@link #embed(List, Layer...)}
   */
  public Embeddings embedSentences(List<String> sentences, Layer... layers) {
    Arguments.require(sentences, "sentences");
    List<List<String>> tokens = new ArrayList<>(sentences.size());
    for (int i = 0; i < sentences.size(); i++) {
      if (sentences.get(i) == null) {
        throw new ElmoException("sentence " + i + ": expected a string, found null");
      }
      tokens.add(TextSplitter.onSpaces(sentences.get(i)));
    }
    return embed(tokens, layers);
  }

  /**
   * Embeds padded tokens, as TF-Hub's {@code tokens} signature takes them: the result is as wide as
   * the longest row, also where no sentence fills it.
   *
   * @param tokens a row a sentence; what lies past its length is not looked at
   * @param sequenceLengths how many tokens of each row count
   * @throws ElmoException if the two do not fit, and as {@link #embed(List, Layer...)}
   */
  public Embeddings embedPadded(String[][] tokens, int[] sequenceLengths, Layer... layers) {
    Arguments.require(tokens, "tokens");
    Arguments.require(sequenceLengths, "sequence lengths");
    EmbedOptions wanted = EmbedOptions.layers(layers);
    if (tokens.length != sequenceLengths.length) {
      throw new ElmoException(
          "sequence lengths: expected one a row, "
              + tokens.length
              + ", found "
              + sequenceLengths.length);
    }
    List<List<String>> sentences = new ArrayList<>(tokens.length);
    int width = 0;
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] == null) {
        throw new ElmoException("sentence " + i + ": expected a row of tokens, found null");
      }
      width = Math.max(width, tokens[i].length);
      if (sequenceLengths[i] < 0 || sequenceLengths[i] > tokens[i].length) {
        throw new ElmoException(
            "sequence length of sentence "
                + i
                + ": expected 0 to "
                + tokens[i].length
                + ", found "
                + sequenceLengths[i]);
      }
      sentences.add(Arrays.asList(tokens[i]).subList(0, sequenceLengths[i]));
    }
    return embed(sentences, width, wanted, null, null);
  }

  /**
   * Embeds running English text: sentences and tokens are found by {@link TextSplitter}, and {@link
   * Embeddings#tokens} tells what they are.
   *
   * @throws ElmoException as {@link #embed(List, Layer...)}
   */
  public Embeddings embedText(String text, Layer... layers) {
    Arguments.require(text, "text");
    return embed(TextSplitter.split(text), layers);
  }

  /**
   * A run that carries state from call to call, for parity with the original tools.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public ElmoSession session() {
    lock.readLock().lock();
    try {
      checkOpen();
      return new ElmoSession(this, replicas.pick());
    } finally {
      lock.readLock().unlock();
    }
  }

  /**
   * Embeds one sentence soon, together with what other threads submit: on the CPU it joins theirs
   * under way, on a CUDA device they gather to runs. So many threads with single sentences come
   * near the speed of one with batches. The future's {@link Embeddings} has a batch of one; whoever
   * gets it closes it. Waits while too much is waiting already. Cancelling the future before its
   * run begins drops the sentence. Actions that hang on the future should be short, or use the
   * {@code Async} methods. {@link #close} completes what was submitted before.
   *
   * @throws ElmoException as {@link #embed(List, Layer...)}, or if the thread is interrupted while
   *     it waits
   * @throws IllegalStateException after {@link #close}
   */
  public CompletableFuture<Embeddings> submit(List<String> sentence, Layer... layers) {
    return requestBatcher.submit(checked(layers), copy(sentence, 0));
  }

  private List<Layer> checked(Layer... layers) {
    List<Layer> wanted = EmbedOptions.layers(layers).layers();
    for (int i = 0; i < wanted.size(); i++) {
      check(rows(wanted.get(i)));
    }
    return wanted;
  }

  /**
   * Embeds sentences as they come, any number of them: one {@link Embeddings} with a batch of one
   * for each, in order. Whoever takes it closes it. Sentences are read ahead on the thread that
   * takes the results, as many as run and wait at a time; so much of the results is in memory. An
   * exception of the source is thrown when its turn comes, after the results of the sentences
   * before it. Closing the stream early frees what was read ahead. Use it on one thread.
   *
   * @param layers as {@link #embed(List, Layer...)}, whose exceptions come from the stream
   */
  public Stream<Embeddings> embedAll(Iterator<? extends List<String>> sentences, Layer... layers) {
    Arguments.require(sentences, "sentences");
    Arguments.require(layers, "layers");
    Layer[] named = layers.clone();
    Function<List<String>, CompletableFuture<Embeddings>> submit =
        new Function<>() {
          private List<Layer> wanted;

          @Override
          public CompletableFuture<Embeddings> apply(List<String> sentence) {
            if (wanted == null) {
              wanted = checked(named);
            }
            return requestBatcher.submit(wanted, copy(sentence, 0));
          }
        };
    ReadAhead<Embeddings> results =
        new ReadAhead<>( // what runs, and as much again as one run takes
            sentences, submit, (concurrentRuns + 1) * batchPositions);
    return StreamSupport.stream(
            Spliterators.spliteratorUnknownSize(
                results, Spliterator.ORDERED | Spliterator.NONNULL | Spliterator.IMMUTABLE),
            false)
        .onClose(results::close);
  }

  /** As {@link #embedAll(Iterator, Layer...)}; closing the result closes {@code sentences} too. */
  public Stream<Embeddings> embedAll(Stream<? extends List<String>> sentences, Layer... layers) {
    Arguments.require(sentences, "sentences");
    Arguments.require(layers, "layers");
    return embedAll(sentences.iterator(), layers).onClose(sentences::close);
  }

  /** Sentences that run together: each gets results of its own, without padding. */
  private List<Embeddings> runBatch(List<Layer> layers, List<List<String>> sentences) {
    lock.readLock().lock();
    try {
      checkOpen();
      return replicas.run(
          null,
          sentences,
          replica -> {
            Singles singles = new Singles(replica.backend(), layers, sentences);
            try {
              replica.run(sentences, null, singles.outputs);
            } catch (Throwable e) {
              singles.close();
              throw e;
            }
            return IntStream.range(0, sentences.size()).mapToObj(singles::result).toList();
          });
    } finally {
      lock.readLock().unlock();
    }
  }

  /**
   * The same of sentences that join others under way. The requestBatcher answers before the model
   * closes.
   */
  private void addToRunning(
      List<Layer> layers,
      List<List<String>> sentences,
      RequestBatcher.Completion<Embeddings> completion) {
    Embedder replica = replicas.all().get(0);
    Singles singles = new Singles(replica.backend(), layers, sentences);
    replica.add(
        sentences,
        singles.outputs,
        (i, failure) -> {
          Embeddings result = null;
          Throwable wrong = failure;
          try {
            result = wrong == null ? singles.result(i) : null;
          } catch (Throwable e) {
            wrong = e;
          }
          if (wrong != null) {
            singles.close(i);
          }
          completion.complete(i, result, wrong);
        });
  }

  /** Results of sentences in memory of their own. */
  private final class Singles implements AutoCloseable {
    private final List<List<String>> sentences;
    private final List<Map<Layer, Memory>> memories = new ArrayList<>();
    final List<Output> outputs = new ArrayList<>();

    Singles(Backend backend, List<Layer> layers, List<List<String>> sentences) {
      this.sentences = sentences;
      int n = sentences.size();
      try {
        for (int i = 0; i < n; i++) {
          memories.add(new LinkedHashMap<>(layers.size() == 1 ? 1 : 2 * layers.size()));
        }
        for (Layer layer : layers) {
          checkAlone(layer);
          boolean mean = layer.kind() == Layer.Kind.MEAN;
          List<Memory> targets = new ArrayList<>(n);
          for (int i = 0; i < n; i++) {
            long rows = mean ? 1 : sentences.get(i).size();
            Memory memory = backend.allocate(rows * dim(layer) * Float.BYTES);
            memories.get(i).put(layer, memory);
            targets.add(memory);
          }
          int maxLength = sentences.get(0).size(); // Counts where there is one sentence alone.
          outputs.add(output(layer, false, maxLength, targets));
        }
      } catch (Throwable e) {
        close();
        throw e;
      }
    }

    /** Once it is written; whoever gets it closes it. */
    Embeddings result(int i) {
      int length = sentences.get(i).size();
      return new Embeddings(
          List.of(sentences.get(i)),
          new int[] {length},
          length,
          memories.get(i),
          ElmoModel.this::dim);
    }

    void close(int i) {
      memories.get(i).values().forEach(Memory::close);
    }

    @Override
    public void close() {
      for (int i = 0; i < memories.size(); i++) {
        close(i);
      }
    }
  }

  /** A sentence's result must not depend on what it happens to be merged with. */
  private void checkAlone(Layer layer) {
    ScalarMix used = mix(rows(layer));
    if (used != null && used.layerNorm() != ScalarMix.LayerNorm.NONE) {
      throw new ElmoException(
          "layer "
              + layer
              + ": expected a mix without layer norm, which takes its mean from a whole batch,"
              + " found "
              + used.layerNorm());
    }
  }

  private Output output(Layer layer, boolean boundaries, int maxLength, List<Memory> targets) {
    boolean mean = layer.kind() == Layer.Kind.MEAN;
    Layer rows = rows(layer);
    return new Output(
        rows.kind() == Layer.Kind.WORD_EMB ? 1 : 2,
        scales(rows),
        mean,
        boundaries && !mean,
        maxLength,
        targets);
  }

  /** The layer whose rows make up this one: what a mean is of, or the layer itself. */
  private static Layer rows(Layer layer) {
    return layer.kind() == Layer.Kind.MEAN ? layer.of() : layer;
  }

  /**
   * Puts words into the word cache before they are needed, in order until it is full; into that of
   * each device. Without a cache it does nothing.
   *
   * @throws ElmoException if a word is null
   * @throws IllegalStateException after {@link #close}
   */
  public void warm(Collection<String> words) {
    Arguments.require(words, "words");
    List<String> copy = new ArrayList<>(words);
    for (int i = 0; i < copy.size(); i++) {
      if (copy.get(i) == null) {
        throw new ElmoException("word " + i + ": expected a string, found null");
      }
    }
    lock.readLock().lock();
    try {
      checkOpen();
      replicas.all().forEach(replica -> replica.warm(copy));
    } finally {
      lock.readLock().unlock();
    }
  }

  /** Puts representations that were computed elsewhere into the word cache. */
  private void put(Path vocabulary, Path embeddings) {
    try (TokenEmbeddings ready = TokenEmbeddings.open(vocabulary, embeddings, options)) {
      float[] row = new float[ready.dim()];
      for (Embedder replica : replicas.all()) {
        for (int i = 0; i < ready.tokens().size() && replica.hasFreeRows(); i++) {
          ready.read(i, 1, FloatBuffer.wrap(row));
          replica.put(ready.tokens().get(i), row);
        }
      }
    }
  }

  /** What this model has done so far. Also after {@link #close}. */
  public Statistics statistics() {
    return replicas.all().stream().map(Embedder::statistics).reduce(Statistics::plus).orElseThrow();
  }

  /**
   * Embeds on one of the devices.
   *
   * @param width tokens that the result has room for at least
   * @param on which; null for the one with the least to do
   * @param state there, carried on; null to start from zero
   */
  Embeddings embed(
      List<? extends List<String>> input,
      int width,
      EmbedOptions wanted,
      Embedder on,
      LstmState state) {
    Arguments.require(wanted, "options");
    List<List<String>> sentences = copy(input);
    lock.readLock().lock();
    try {
      checkOpen();
      return replicas.run(
          on, sentences, replica -> embed(replica, sentences, width, wanted, state));
    } finally {
      lock.readLock().unlock();
    }
  }

  private Embeddings embed(
      Embedder replica,
      List<List<String>> sentences,
      int width,
      EmbedOptions wanted,
      LstmState state) {
    int[] lengths = new int[sentences.size()];
    int maxLength = width;
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = sentences.get(i).size() + (wanted.boundaries() ? 2 : 0);
      maxLength = Math.max(maxLength, lengths[i]);
    }
    Backend backend = replica.backend();
    Map<Layer, Memory> memories = new LinkedHashMap<>();
    try (Normalized normalized = new Normalized(backend, sentences, wanted.boundaries())) {
      List<Output> outputs = new ArrayList<>();
      for (Layer layer : wanted.layers()) {
        boolean mean = layer.kind() == Layer.Kind.MEAN;
        long floats =
            Math.multiplyExact((long) lengths.length * dim(layer), (long) (mean ? 1 : maxLength));
        check(rows(layer)); // First what can be refused.
        Memory memory = backend.allocate(Math.multiplyExact(floats, (long) Float.BYTES));
        memories.put(layer, memory);
        ScalarMix used = mix(rows(layer));
        if (used != null && used.layerNorm() != ScalarMix.LayerNorm.NONE) {
          normalized.add(used, mean, maxLength, memory);
          continue;
        }
        outputs.add(output(layer, wanted.boundaries(), maxLength, List.of(memory)));
      }
      if (state != null) {
        state.grow(lengths.length);
      }
      outputs.addAll(normalized.layers());
      replica.run(sentences, state, outputs);
      normalized.write();
    } catch (ArithmeticException e) {
      memories.values().forEach(Memory::close);
      throw new ElmoException(
          "batch: expected results that can be addressed, found "
              + lengths.length
              + " x "
              + maxLength
              + " rows",
          e);
    } catch (Throwable e) {
      memories.values().forEach(Memory::close);
      throw e;
    }
    return new Embeddings(sentences, lengths, maxLength, memories, this::dim);
  }

  /** A copy, so that what the caller does to the lists meanwhile changes nothing. */
  private static List<List<String>> copy(List<? extends List<String>> sentences) {
    Arguments.require(sentences, "sentences");
    List<List<String>> copy = new ArrayList<>(sentences.size());
    for (List<String> sentence : sentences) {
      copy.add(copy(sentence, copy.size()));
    }
    return Collections.unmodifiableList(copy);
  }

  private static List<String> copy(List<String> sentence, int index) {
    if (sentence == null) {
      throw new ElmoException("sentence " + index + ": expected a list of tokens, found null");
    }
    String[] tokens = sentence.toArray(new String[0]);
    for (int j = 0; j < tokens.length; j++) {
      if (tokens[j] == null) {
        throw new ElmoException(
            "sentence " + index + ", token " + j + ": expected a string, found null");
      }
    }
    return Collections.unmodifiableList(Arrays.asList(tokens));
  }

  /** Refuses a layer that this model does not have. */
  private void check(Layer layer) {
    int layers = options.lstmLayers() + 1;
    if (layer.kind() == Layer.Kind.LSTM && layer.index() >= layers) {
      throw new ElmoException(
          "layer "
              + layer
              + ": expected at most lstm_outputs"
              + options.lstmLayers()
              + " in "
              + source);
    }
    ScalarMix used = mix(layer);
    if (used != null && used.layers() != layers) {
      throw new ElmoException(
          "mix weights: expected one a layer, "
              + layers
              + " in "
              + source
              + ", found "
              + used.layers());
    }
  }

  /** A layer that was checked as a weighted sum of all layers. */
  private float[] scales(Layer layer) {
    ScalarMix used = mix(layer);
    if (used != null) {
      return used.scales();
    }
    float[] scales = new float[options.lstmLayers() + 1];
    scales[layer.kind() == Layer.Kind.LSTM ? layer.index() : 0] = 1;
    return scales;
  }

  /** What an {@code elmo} layer is mixed with; null for other layers. */
  private ScalarMix mix(Layer layer) {
    return layer.kind() != Layer.Kind.ELMO ? null : layer.mix() == null ? mix : layer.mix();
  }

  /**
   * Mixes with layer norm, whose mean and variance need the whole call's layers: those are kept,
   * boundaries included, until all batches have run.
   */
  private final class Normalized implements AutoCloseable {
    private record Wanted(ScalarMix mix, boolean mean, int maxLength, Memory target) {}

    private final Backend backend;
    private final List<List<String>> sentences;
    private final boolean boundaries;
    private final List<Wanted> wanted = new ArrayList<>();
    private final List<Memory> layers = new ArrayList<>();
    private int rows;

    Normalized(Backend backend, List<List<String>> sentences, boolean boundaries) {
      this.backend = backend;
      this.sentences = sentences;
      this.boundaries = boundaries;
      for (List<String> sentence : sentences) {
        rows = Math.max(rows, sentence.size() + 2);
      }
    }

    void add(ScalarMix mix, boolean mean, int maxLength, Memory target) {
      wanted.add(new Wanted(mix, mean, maxLength, target));
    }

    /** The layers to compute for {@link #write}: none where no such mix is wanted. */
    List<Output> layers() {
      List<Output> outputs = new ArrayList<>();
      for (int k = 0; k <= options.lstmLayers() && !wanted.isEmpty(); k++) {
        int halves = k == 0 ? 1 : 2;
        float[] scales = new float[options.lstmLayers() + 1];
        scales[k] = 1;
        long floats =
            Math.multiplyExact(
                (long) sentences.size() * rows, (long) halves * options.projectionDim());
        Memory memory = backend.allocate(Math.multiplyExact(floats, (long) Float.BYTES));
        layers.add(memory);
        outputs.add(new Output(halves, scales, false, true, rows, List.of(memory)));
      }
      return outputs;
    }

    void write() {
      if (wanted.isEmpty() || sentences.isEmpty()) {
        return;
      }
      for (int k = 0; k < layers.size(); k++) {
        layers.set(k, onHost(layers.get(k)));
      }
      List<CpuMix.Rows> sources = new ArrayList<>();
      for (int k = 0; k < layers.size(); k++) {
        sources.add(new CpuMix.Rows(layers.get(k).floatPointer(0), k == 0 ? 1 : 2));
      }
      try (CpuMix kernel = new CpuMix(options.projectionDim(), sources)) {
        for (Wanted one : wanted) {
          boolean ends = boundaries && !one.mean;
          int[] lengths =
              sentences.stream().mapToInt(tokens -> tokens.size() + (ends ? 2 : 0)).toArray();
          kernel.select(
              rows(ends), lengths, rows(one.mix.layerNorm() == ScalarMix.LayerNorm.ALLENNLP));
          if (one.target instanceof NativeMemory) {
            kernel.forward(
                2, one.mix.scales(), one.mean, one.maxLength, one.target.floatPointer(0));
            continue;
          }
          try (Memory host = NativeMemory.allocate(one.target.bytes())) {
            kernel.forward(2, one.mix.scales(), one.mean, one.maxLength, host.floatPointer(0));
            backend.copy(host, one.target);
          }
        }
      }
    }

    /** These mixes run on the CPU, wherever the model does: other memory is copied, and closed. */
    private Memory onHost(Memory memory) {
      if (memory instanceof NativeMemory) {
        return memory;
      }
      Memory host = NativeMemory.allocate(memory.bytes());
      try {
        backend.copy(memory, host);
      } catch (Throwable e) {
        host.close();
        throw e;
      }
      memory.close();
      return host;
    }

    /** The rows of all tokens, with or without boundaries, in {@link #layers}. */
    private int[] rows(boolean ends) {
      return IntStream.range(0, sentences.size())
          .flatMap(
              s -> {
                int first = Math.multiplyExact(s, rows);
                int last = first + sentences.get(s).size() + 2;
                return ends ? IntStream.range(first, last) : IntStream.range(first + 1, last - 1);
              })
          .toArray();
    }

    @Override
    public void close() {
      layers.forEach(Memory::close);
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the model " + source + " was closed");
    }
  }

  /** The model's structure. */
  public ModelOptions options() {
    return options;
  }

  /** The file or folder that the weights came from. */
  public String source() {
    return source;
  }

  private Backend first() {
    return replicas.all().get(0).backend();
  }

  /** Where it runs; of several devices the first. A result's is {@link Tensor#device}. */
  public Device device() {
    return first().device();
  }

  /** All devices where it runs, in the order they were given. */
  public List<Device> devices() {
    return replicas.all().stream().map(replica -> replica.backend().device()).toList();
  }

  /** How it holds its matrices there. */
  public Precision precision() {
    return first().precision();
  }

  /** The mix behind {@link Layer#ELMO}: the model file's own, or all layers alike. */
  public ScalarMix mix() {
    return mix;
  }

  /** Numbers in one row of a layer: P for {@code word_emb} and its mean, 2P for the others. */
  public int dim(Layer layer) {
    Arguments.require(layer, "layer");
    return options.projectionDim() * (rows(layer).kind() == Layer.Kind.WORD_EMB ? 1 : 2);
  }

  /** Trained numbers in the model, the mix not counted. */
  public long parameters() {
    return parameters;
  }

  /**
   * Bytes of device memory that its weights take, in the form the kernels read; on several devices
   * all of them together.
   */
  public long weightBytes() {
    return replicas.all().stream().mapToLong(replica -> replica.backend().weightBytes()).sum();
  }

  /**
   * Waits for calls under way and for what was submitted, then frees the weights. Harmless when
   * repeated.
   */
  @Override
  public void close() {
    requestBatcher.close();
    lock.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        replicas.close();
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Choices about how to load a model. For one thread. */
  public static final class Builder {
    private interface Opener {
      WeightStore open(Path optionsFile);
    }

    private Opener opener;
    private Path optionsFile;
    private List<Device> devices; // null for the best there is
    private Precision precision; // null for the device's own
    private int threads = Runtime.getRuntime().availableProcessors();
    private ScalarMix mix;
    private long wordCacheBytes = 64 << 20;
    private long workspaceBytes; // 0 for the default
    private Path vocabulary;
    private Path tokens;
    private Path tokenRows;
    private Duration batchDelay = Duration.ofMillis(1);
    private int batchTokens; // 0 for the default

    private Builder() {}

    /** From a folder or file; its content tells what it is. */
    public Builder path(Path path) {
      Arguments.require(path, "path");
      opener =
          options -> options == null ? WeightStores.open(path) : WeightStores.open(options, path);
      return this;
    }

    /**
     * The options file (options.json of AllenNLP or bilm-tf) for the model at {@link #path}: in
     * place of what must be assumed of a TensorFlow checkpoint, or of the file beside the weights.
     */
    public Builder options(Path optionsFile) {
      Arguments.require(optionsFile, "options file");
      this.optionsFile = optionsFile;
      return this;
    }

    /** From options.json and HDF5 weights in places of their own. */
    public Builder files(Path options, Path weights) {
      Arguments.require(weights, "weight file");
      return options(options).path(weights);
    }

    /** The model in the box. */
    public Builder miniEnglish() {
      opener =
          options -> {
            requireNone(options, "the model mini-en");
            return WeightStores.miniEnglish();
          };
      return this;
    }

    /** A published model by name; fetched into the cache if need be. */
    public Builder pretrained(String name) {
      return pretrained(ModelHub.standard(), name, null);
    }

    /** A model that a hub knows, by name and language; null for any language. */
    public Builder pretrained(ModelHub hub, String name, String language) {
      Arguments.require(hub, "hub");
      Arguments.require(name, "name");
      opener =
          options -> {
            requireNone(options, "the model " + name);
            return hub.open(name, language);
          };
      return this;
    }

    /** From weights that are open already; {@link #load} closes them. */
    public Builder weights(WeightStore weights) {
      Arguments.require(weights, "weights");
      opener =
          options -> {
            requireNone(options, "open weights");
            return weights;
          };
      return this;
    }

    private static void requireNone(Path optionsFile, String model) {
      if (optionsFile != null) {
        throw new ElmoException(
            "options file: expected none, for " + model + " has its own, found " + optionsFile);
      }
    }

    /** Where to run; {@link Device#auto} by default. */
    public Builder device(Device device) {
      Arguments.require(device, "device");
      return devices(List.of(device));
    }

    /**
     * Where to run: on several CUDA devices the model is loaded once on each, and a call runs on
     * one of them, that with the fewest tokens to do, of equal ones the next in turn. So they help
     * calls of several threads, {@link ElmoModel#submit} and {@link ElmoModel#embedAll}; one call
     * is not divided. Results lie on the device that computed them ({@link Tensor#device}). What is
     * said in bytes, {@link #wordCacheBytes} and {@link #workspaceBytes}, holds for each device.
     *
     * <p>A device that fails for good throws {@link ElmoDeviceException} from each call that comes
     * to it, and since it has nothing to do most calls will: close the model, and restart the
     * process to use that device again.
     *
     * @throws ElmoException if there is none, one is there twice, or there are several and not all
     *     are CUDA devices
     */
    public Builder devices(List<Device> devices) {
      Arguments.require(devices, "devices");
      List<Device> copy = new ArrayList<>(devices);
      copy.forEach(device -> Arguments.require(device, "device"));
      if (copy.isEmpty() || new HashSet<>(copy).size() < copy.size()) {
        throw new ElmoException("devices: expected one or more, each once, found " + copy);
      }
      if (copy.size() > 1 && !copy.stream().allMatch(Device::isCuda)) {
        throw new ElmoException(
            "devices: expected CUDA devices where there are several, found " + copy);
      }
      this.devices = copy;
      return this;
    }

    private List<Device> devices() {
      return devices == null ? List.of(Device.auto()) : devices;
    }

    /**
     * How to hold the matrices. By default what the system property {@code elmo4j.precision} names,
     * or else {@link Precision#FP32} on the CPU and {@link Precision#FP16} on a CUDA device.
     */
    public Builder precision(Precision precision) {
      Arguments.require(precision, "precision");
      this.precision = precision;
      return this;
    }

    /**
     * CPU threads that work for this model, all calls together; by default one a processor.
     *
     * @throws ElmoException if it is not 1 to 1024
     */
    public Builder threads(int threads) {
      if (threads < 1 || threads > 1024) {
        throw new ElmoException("threads: expected 1 to 1024, found " + threads);
      }
      this.threads = threads;
      return this;
    }

    /** The mix behind {@link Layer#ELMO}, in place of the file's. */
    public Builder mix(ScalarMix mix) {
      Arguments.require(mix, "mix");
      this.mix = mix;
      return this;
    }

    /**
     * What the word cache may take, by default 64 MiB: token representations of words are kept from
     * call to call, so that only new ones are computed. Counted are rows in native memory, reserved
     * when the model is loaded, and about 160 bytes of Java heap a word: 64 MiB hold 30,000 words
     * of the published model. Each of several devices has a cache of its own. Results are the same
     * bits with and without it (to rounding on processors without AVX2).
     *
     * @param bytes 0 for no cache
     * @throws ElmoException if it is negative
     */
    public Builder wordCacheBytes(long bytes) {
      if (bytes < 0) {
        throw new ElmoException("word cache: expected 0 bytes or more, found " + bytes);
      }
      wordCacheBytes = bytes;
      return this;
    }

    /**
     * Words to put into the word cache when the model is loaded: a UTF-8 file with one a line, the
     * commonest first, like the vocabulary files of the original tools. Blank lines are passed
     * over.
     */
    public Builder vocabulary(Path file) {
      Arguments.require(file, "vocabulary");
      vocabulary = file;
      return this;
    }

    /**
     * Ready token representations to put into the word cache when the model is loaded, in order
     * until it is full: what {@code dump_token_embeddings} of bilm-tf wrote with this model.
     *
     * @param vocabulary one token a line
     * @param embeddings HDF5, dataset {@code embedding} [tokens, P]
     */
    public Builder tokenEmbeddings(Path vocabulary, Path embeddings) {
      Arguments.require(vocabulary, "vocabulary");
      Arguments.require(embeddings, "token embeddings");
      tokens = vocabulary;
      tokenRows = embeddings;
      return this;
    }

    /**
     * Memory of each device that all calls under way may take together, beside their results and a
     * few MB a thread; by default 128 MiB a thread and 128 MiB more, on a CUDA device a quarter of
     * what is free, 8 GiB at most. Large calls run in parts that fit; a call that does not fit
     * beside others waits for them; a single sentence that needs more runs alone. With less than
     * 128 MiB a thread batches of the published model become smaller, and slower.
     *
     * @param bytes 1 MiB or more
     * @throws ElmoException if it is less
     */
    public Builder workspaceBytes(long bytes) {
      if (bytes < 1 << 20) {
        throw new ElmoException("workspace: expected 1 MiB or more, found " + bytes + " bytes");
      }
      workspaceBytes = bytes;
      return this;
    }

    private long workspaceBytes(Backend backend) {
      return workspaceBytes != 0 ? workspaceBytes : backend.defaultWorkspaceBytes();
    }

    /**
     * How sentences of {@link ElmoModel#submit} and {@link ElmoModel#embedAll} are batched. On the
     * CPU they join running ones as soon as there are free slots; on a CUDA device they run as
     * whole batches.
     *
     * @param maxDelay on a CUDA device, how long a sentence waits for others while nothing runs,
     *     unless all have come back that the last run answered; by default 1 ms
     * @param maxTokens tokens, boundaries included, that begin together; as many may wait. By
     *     default 12,288 for each two threads, 40,960 on a CUDA device, where two runs may be under
     *     way, so that one's copies go on beside the other's work
     * @throws ElmoException if the delay is negative or longer than a day, or there are no tokens
     */
    public Builder dynamicBatching(Duration maxDelay, int maxTokens) {
      Arguments.require(maxDelay, "batching delay");
      if (maxDelay.isNegative() || maxDelay.compareTo(Duration.ofDays(1)) > 0) {
        throw new ElmoException("batching delay: expected 0 to one day, found " + maxDelay);
      }
      if (maxTokens < 1) {
        throw new ElmoException("batch tokens: expected 1 or more, found " + maxTokens);
      }
      batchDelay = maxDelay;
      batchTokens = maxTokens;
      return this;
    }

    private int batchTokens(Backend backend) {
      return batchTokens != 0
          ? batchTokens
          : 2
              * backend.batchPositions()
              * ((backend.parallelism() + 1) / 2)
              / backend.concurrentRuns();
    }

    private static List<String> readWords(Path file) {
      try {
        return Files.readAllLines(file).stream().filter(line -> !line.isBlank()).toList();
      } catch (CharacterCodingException e) {
        throw new ElmoException(file + ": expected UTF-8 text, found other bytes", e);
      } catch (IOException e) {
        throw new ElmoException(file + ": expected a file of words, found " + e, e);
      }
    }

    private Embedder embedder(StoredWeights weights, Device device) {
      Backend backend = backend(weights, device);
      try {
        return new Embedder(
            backend, weights.options(), weights.encoder(), wordCacheBytes, workspaceBytes(backend));
      } catch (Throwable e) {
        backend.close();
        throw e;
      }
    }

    /** The way to run on a device is chosen here, and nowhere else. */
    private Backend backend(ModelWeights weights, Device on) {
      String named = System.getProperty("elmo4j.precision");
      Precision held = on.isCuda() ? Precision.FP16 : Precision.FP32;
      if (precision != null) {
        held = precision;
      } else if (named != null) {
        held = Precision.parse(named);
      }
      return on.isCuda()
          ? new CudaBackend(weights, on, held)
          : new CpuBackend(weights, held, threads);
    }

    /**
     * Reads, checks and places the weights.
     *
     * @throws ElmoException if no model was named, it or its vocabulary cannot be read, or memory
     *     cannot be had
     */
    public ElmoModel load() {
      if (opener == null) {
        throw new ElmoException(
            "model: expected path, files, weights, pretrained or miniEnglish, found none of them");
      }
      List<String> words = vocabulary == null ? List.of() : readWords(vocabulary);
      try (WeightStore store = opener.open(optionsFile)) {
        Tensors.check(store);
        ScalarMix own =
            Objects.requireNonNullElseGet(
                store.mix(), () -> ScalarMix.even(store.options().lstmLayers() + 1));
        ElmoModel model = new ElmoModel(store, mix == null ? own : mix, this);
        try {
          if (tokens != null) {
            model.put(tokens, tokenRows);
          }
          model.warm(words);
          return model;
        } catch (Throwable e) {
          model.close();
          throw e;
        }
      }
    }
  }
}
