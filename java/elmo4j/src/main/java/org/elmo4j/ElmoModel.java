// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.elmo4j.backend.Backend;
import org.elmo4j.backend.LstmState;
import org.elmo4j.backend.NativeMemory;
import org.elmo4j.backend.Output;
import org.elmo4j.backend.cpu.CpuBackend;
import org.elmo4j.backend.cpu.CpuMix;
import org.elmo4j.batch.Embedder;
import org.elmo4j.hub.ModelHub;
import org.elmo4j.text.TextSplitter;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.elmo4j.weights.WeightStores;

/**
 * An ELMo model on one device (Peters et al. 2018, "Deep contextualized word representations"). It
 * holds native memory: close it. Any number of threads may use it at once, and get the same bits as
 * one thread would; a sentence's vectors do not depend on what it is batched with. {@link #close}
 * waits for calls under way; calls after it throw {@link IllegalStateException}.
 */
public final class ElmoModel implements AutoCloseable {
  private final String source;
  private final ModelOptions options;
  private final long parameters;
  private final ScalarMix mix;
  private final Backend backend;
  private final Embedder embedder;
  // Read: a call under way. Write: closing.
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  private ElmoModel(WeightStore store, ScalarMix mix, Precision precision, int threads) {
    source = store.source();
    options = store.options();
    this.mix = mix;
    parameters = options.parameters();
    backend = new CpuBackend(store, precision, threads);
    embedder = new Embedder(backend, options, store.encoder());
  }

  /**
   * Loads a model of any form that {@link WeightStores#open(Path)} names: AllenNLP, bilm-tf, TF-Hub,
   * Spark NLP, ELMoForManyLangs, elmo4j's safetensors, an archive of one of these. What a file is,
   * its content tells.
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
    require(language, "language");
    return builder().pretrained(ModelHub.standard(), name, language).load();
  }

  /** To load with choices of one's own. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Embeds sentences given as tokens.
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
    return embed(sentences, options, null);
  }

  /**
   * Embeds sentences split at spaces, as TF-Hub's {@code default} signature does: no other character
   * separates, and empty pieces are dropped.
   *
   * @throws ElmoException as {@link #embed(List, Layer...)}
   */
  public Embeddings embedSentences(List<String> sentences, Layer... layers) {
    require(sentences, "sentences");
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
   * Embeds padded tokens, as TF-Hub's {@code tokens} signature takes them.
   *
   * @param tokens a row a sentence; what lies past its length is not looked at
   * @param sequenceLengths how many tokens of each row count
   * @throws ElmoException if the two do not fit, and as {@link #embed(List, Layer...)}
   */
  public Embeddings embedPadded(String[][] tokens, int[] sequenceLengths, Layer... layers) {
    require(tokens, "tokens");
    require(sequenceLengths, "sequence lengths");
    if (tokens.length != sequenceLengths.length) {
      throw new ElmoException(
          "sequence lengths: expected one a row, " + tokens.length + ", found " + sequenceLengths.length);
    }
    List<List<String>> sentences = new ArrayList<>(tokens.length);
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] == null) {
        throw new ElmoException("sentence " + i + ": expected a row of tokens, found null");
      }
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
    return embed(sentences, layers);
  }

  /**
   * Embeds running English text: sentences and tokens are found by {@link TextSplitter}, and {@link
   * Embeddings#tokens} tells what they are.
   *
   * @throws ElmoException as {@link #embed(List, Layer...)}
   */
  public Embeddings embedText(String text, Layer... layers) {
    require(text, "text");
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
      return new ElmoSession(this, new LstmState(options));
    } finally {
      lock.readLock().unlock();
    }
  }

  Embeddings embed(List<? extends List<String>> input, EmbedOptions wanted, LstmState state) {
    require(wanted, "options");
    List<List<String>> sentences = copy(input);
    int[] lengths = new int[sentences.size()];
    int maxLength = 0;
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = sentences.get(i).size() + (wanted.boundaries() ? 2 : 0);
      maxLength = Math.max(maxLength, lengths[i]);
    }
    lock.readLock().lock();
    try {
      checkOpen();
      Map<Layer, NativeMemory> memories = new LinkedHashMap<>();
      try (Normalized normalized = new Normalized(sentences, wanted.boundaries())) {
        List<Output> outputs = new ArrayList<>();
        for (Layer layer : wanted.layers()) {
          boolean mean = layer.kind() == Layer.Kind.MEAN;
          Layer rows = mean ? layer.of() : layer;
          float[] scales = scales(rows);
          long floats =
              Math.multiplyExact(
                  (long) lengths.length * dim(rows), (long) (mean ? 1 : maxLength));
          NativeMemory memory =
              NativeMemory.allocate(Math.multiplyExact(floats, (long) Float.BYTES));
          memories.put(layer, memory);
          ScalarMix used = mix(rows);
          if (used != null && used.layerNorm() != ScalarMix.LayerNorm.NONE) {
            normalized.add(used, mean, maxLength, memory);
            continue;
          }
          outputs.add(
              new Output(
                  rows.kind() == Layer.Kind.WORD_EMB ? 1 : 2,
                  scales,
                  mean,
                  wanted.boundaries() && !mean,
                  maxLength,
                  memory));
        }
        if (state != null) {
          state.grow(lengths.length);
        }
        outputs.addAll(normalized.layers());
        embedder.run(sentences, state, outputs);
        normalized.write();
      } catch (ArithmeticException e) {
        memories.values().forEach(NativeMemory::close);
        throw new ElmoException(
            "batch: expected results that can be addressed, found " + lengths.length + " x " + maxLength + " rows", e);
      } catch (Throwable e) {
        memories.values().forEach(NativeMemory::close);
        throw e;
      }
      Map<Layer, Integer> dims =
          memories.keySet().stream().collect(Collectors.toMap(layer -> layer, this::dim));
      return new Embeddings(sentences, lengths, maxLength, memories, dims);
    } finally {
      lock.readLock().unlock();
    }
  }

  /** A copy, so that what the caller does to the lists meanwhile changes nothing. */
  private static List<List<String>> copy(List<? extends List<String>> sentences) {
    require(sentences, "sentences");
    List<List<String>> copy = new ArrayList<>(sentences.size());
    for (List<String> sentence : sentences) {
      if (sentence == null) {
        throw new ElmoException(
            "sentence " + copy.size() + ": expected a list of tokens, found null");
      }
      String[] tokens = sentence.toArray(new String[0]);
      for (int j = 0; j < tokens.length; j++) {
        if (tokens[j] == null) {
          throw new ElmoException(
              "sentence " + copy.size() + ", token " + j + ": expected a string, found null");
        }
      }
      copy.add(Collections.unmodifiableList(Arrays.asList(tokens)));
    }
    return Collections.unmodifiableList(copy);
  }

  private static void require(Object value, String name) {
    if (value == null) {
      throw new ElmoException(name + ": expected a value, found null");
    }
  }

  /** A layer as a weighted sum of all layers; checks that it exists. */
  private float[] scales(Layer layer) {
    int layers = options.lstmLayers() + 1;
    float[] scales = new float[layers];
    switch (layer.kind()) {
      case WORD_EMB:
        scales[0] = 1;
        return scales;
      case LSTM:
        if (layer.index() >= layers) {
          throw new ElmoException(
              "layer " + layer + ": expected at most lstm_outputs" + options.lstmLayers() + " in " + source);
        }
        scales[layer.index()] = 1;
        return scales;
      default:
        ScalarMix used = mix(layer);
        if (used.weights().length != layers) {
          throw new ElmoException(
              "mix weights: expected one a layer, " + layers + " in " + source + ", found " + used.weights().length);
        }
        return used.scales();
    }
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
    private record Wanted(ScalarMix mix, boolean mean, int maxLength, NativeMemory target) {}

    private final List<List<String>> sentences;
    private final boolean boundaries;
    private final List<Wanted> wanted = new ArrayList<>();
    private final List<NativeMemory> layers = new ArrayList<>();
    private int rows;

    Normalized(List<List<String>> sentences, boolean boundaries) {
      this.sentences = sentences;
      this.boundaries = boundaries;
      for (List<String> sentence : sentences) {
        rows = Math.max(rows, sentence.size() + 2);
      }
    }

    void add(ScalarMix mix, boolean mean, int maxLength, NativeMemory target) {
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
        NativeMemory memory =
            NativeMemory.allocate(Math.multiplyExact(floats, (long) Float.BYTES));
        layers.add(memory);
        outputs.add(new Output(halves, scales, false, true, rows, memory));
      }
      return outputs;
    }

    void write() {
      if (wanted.isEmpty() || sentences.isEmpty()) {
        return;
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
          kernel.forward(2, one.mix.scales(), one.mean, one.maxLength, one.target.floatPointer(0));
        }
      }
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
      layers.forEach(NativeMemory::close);
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

  /** Where it runs. */
  public Device device() {
    return backend.device();
  }

  /** The mix behind {@link Layer#ELMO}: the model file's own, or all layers alike. */
  public ScalarMix mix() {
    return mix;
  }

  /** Numbers in one row of a layer: P for {@code word_emb} and its mean, 2P for the others. */
  public int dim(Layer layer) {
    Layer rows = layer.kind() == Layer.Kind.MEAN ? layer.of() : layer;
    return options.projectionDim() * (rows.kind() == Layer.Kind.WORD_EMB ? 1 : 2);
  }

  /** Trained numbers in the model, the mix not counted. */
  public long parameters() {
    return parameters;
  }

  /** Bytes of device memory that its weights take, in the form the kernels read. */
  public long weightBytes() {
    return backend.weightBytes();
  }

  /** Waits for calls under way, then frees the weights. Harmless when repeated. */
  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        backend.close();
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
    private Device device = Device.auto();
    private Precision precision = Precision.FP32;
    private int threads = Runtime.getRuntime().availableProcessors();
    private ScalarMix mix;

    private Builder() {}

    /** From a folder or file; its content tells what it is. */
    public Builder path(Path path) {
      require(path, "path");
      opener = options ->
          options == null ? WeightStores.open(path) : WeightStores.open(options, path);
      return this;
    }

    /**
     * The options file (options.json of AllenNLP or bilm-tf) for the model at {@link #path}: in place
     * of what must be assumed of a TensorFlow checkpoint, or of the file beside the weights.
     */
    public Builder options(Path optionsFile) {
      require(optionsFile, "options file");
      this.optionsFile = optionsFile;
      return this;
    }

    /** From options.json and HDF5 weights in places of their own. */
    public Builder files(Path options, Path weights) {
      require(weights, "weight file");
      return options(options).path(weights);
    }

    /** The model in the box. */
    public Builder miniEnglish() {
      opener = options -> {
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
      require(hub, "hub");
      require(name, "name");
      opener =
          options -> {
            requireNone(options, "the model " + name);
            return hub.open(name, language);
          };
      return this;
    }

    /** From weights that are open already; {@link #load} closes them. */
    public Builder weights(WeightStore weights) {
      require(weights, "weights");
      opener = options -> {
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
      require(device, "device");
      this.device = device;
      return this;
    }

    /** How to hold the matrices; {@link Precision#FP32} by default. */
    public Builder precision(Precision precision) {
      require(precision, "precision");
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
      require(mix, "mix");
      this.mix = mix;
      return this;
    }

    /**
     * Reads, checks and places the weights.
     *
     * @throws ElmoException if no model was named, it cannot be read, or memory cannot be had
     */
    public ElmoModel load() {
      if (opener == null) {
        throw new ElmoException("model: expected path, files, weights, pretrained or miniEnglish, found none of them");
      }
      if (!device.equals(Device.cpu())) {
        throw new ElmoException("device: expected cpu, found " + device);
      }
      try (WeightStore store = opener.open(optionsFile)) {
        WeightStores.check(store);
        ScalarMix own = Objects.requireNonNullElseGet(store.mix(), () -> ScalarMix.even(store.options().lstmLayers() + 1));
        return new ElmoModel(store, mix == null ? own : mix, precision, threads);
      }
    }
  }
}
