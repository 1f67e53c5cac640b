// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
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
import org.elmo4j.internal.batch.Embedder;
import org.elmo4j.internal.batch.ReadAhead;
import org.elmo4j.internal.batch.ReplicaPool;
import org.elmo4j.internal.batch.RequestBatcher;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.internal.text.TextSplitter;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStores;

/**
 * An ELMo model (Peters et al. 2018, "Deep contextualized word representations") on one device, or
 * with one copy on each of several CUDA devices. It holds native memory, so it must be closed.
 *
 * <p>Thread-safe: any number of threads may use it at the same time, and they get the same bits as
 * a single thread. The vectors of a sentence do not depend on the other sentences in the batch.
 * {@link #close} waits for running calls; later calls throw {@link IllegalStateException}.
 */
public final class ElmoModel implements AutoCloseable {
  private final LayerPlan plan;
  private final String fingerprint;
  private final ReplicaPool replicas;
  private final RequestBatcher<List<Layer>, Embeddings> requestBatcher;
  private final long batchPositions; // of one run
  private final int concurrentRuns; // at a time
  // Running calls hold the read lock. close() takes the write lock.
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  /**
   * @param batchTokens the most tokens, with sentence boundaries, that one batch of submitted
   *     sentences starts with; 0 for the default
   */
  ElmoModel(
      LayerPlan plan,
      String fingerprint,
      ReplicaPool replicas,
      Duration batchDelay,
      int batchTokens) {
    this.plan = plan;
    this.fingerprint = fingerprint;
    this.replicas = replicas;
    int devices = replicas.all().size();
    Backend first = first();
    batchPositions =
        batchTokens != 0
            ? batchTokens
            : 2L
                * first.batchPositions()
                * ((first.parallelism() + 1) / 2)
                / first.concurrentRuns();
    concurrentRuns = devices * first.concurrentRuns();
    String owner = "the model " + source();
    ContinuousBatcher continuous = first.continuousBatcher();
    requestBatcher =
        continuous != null
            ? new RequestBatcher<>(owner, this::addToRunning, continuous::freeSlots, batchPositions)
            : new RequestBatcher<>(
                owner, this::runBatch, batchDelay, batchPositions, devices, concurrentRuns);
  }

  /**
   * Loads a model in any format that {@link WeightStores#open(Path)} reads: AllenNLP, bilm-tf,
   * TF-Hub, Spark NLP, ELMoForManyLangs, elmo4j's safetensors, or an archive of one of these. The
   * format is detected from the file's content.
   *
   * @throws ElmoException if the file cannot be read or is not such a model
   */
  public static ElmoModel load(Path path) {
    return builder().path(path).load();
  }

  /**
   * Loads the small English model from the artifact {@code elmo4j-model-mini-en}.
   *
   * @throws ElmoException if that artifact is not on the class path
   */
  public static ElmoModel miniEnglish() {
    return builder().miniEnglish().load();
  }

  /**
   * Loads a published model by name, such as {@code small} or {@code elmo}. If the model is not yet
   * in the cache on this machine, it is downloaded into the cache first. {@link ModelHub} lists the
   * models and describes the cache.
   *
   * @throws ElmoException if there is no such model, it cannot be downloaded, or it is damaged
   */
  public static ElmoModel pretrained(String name) {
    return builder().pretrained(name).load();
  }

  /**
   * Loads a published model by name and language, such as {@code ("elmo", "en")}.
   *
   * @throws ElmoException like {@link #pretrained(String)}
   */
  public static ElmoModel pretrained(String name, String language) {
    Arguments.require(language, "language");
    return builder().pretrained(ModelHub.standard(), name, language).load();
  }

  /** Returns a builder for loading a model with other settings than the defaults. */
  public static ElmoModelBuilder builder() {
    return new ElmoModelBuilder();
  }

  /**
   * Embeds sentences given as tokens. The result is padded: each sentence takes as much memory as
   * the longest one. If one sentence is much longer than the others, use {@link #embedAll} or
   * {@link #submit}, whose results are not padded.
   *
   * @param sentences the tokens of each sentence. The list may be empty, and a sentence may have no
   *     tokens. An empty string counts as a token.
   * @param layers the layers to return; {@link Layer#ELMO} if none is given
   * @throws ElmoException if a sentence or token is null, a layer does not exist in this model, or
   *     memory cannot be allocated
   * @throws IllegalStateException after {@link #close}
   */
  public Embeddings embed(List<? extends List<String>> sentences, Layer... layers) {
    return embed(sentences, EmbedOptions.layers(layers));
  }

  /** Embeds sentences like {@link #embed(List, Layer...)}, with more options. */
  public Embeddings embed(List<? extends List<String>> sentences, EmbedOptions options) {
    return embed(sentences, 0, options, null, null);
  }

  /**
   * Splits sentences at spaces and embeds them, like TF-Hub's {@code default} signature. No other
   * character separates tokens, and empty tokens are dropped.
   *
   * @throws ElmoException like {@link #embed(List, Layer...)}
   */
  public Embeddings embedSentences(List<String> sentences, Layer... layers) {
    return embed(Inputs.splitOnSpaces(sentences), layers);
  }

  /**
   * Embeds padded tokens, like TF-Hub's {@code tokens} signature. The result is as wide as the
   * longest row, even if no sentence fills that row.
   *
   * @param tokens one row for each sentence; elements beyond the sentence's length are ignored
   * @param sequenceLengths the number of tokens in each row
   * @throws ElmoException if the two arrays do not match, and like {@link #embed(List, Layer...)}
   */
  public Embeddings embedPadded(String[][] tokens, int[] sequenceLengths, Layer... layers) {
    Arguments.require(tokens, "tokens");
    Arguments.require(sequenceLengths, "sequence lengths");
    EmbedOptions wanted = EmbedOptions.layers(layers);
    List<List<String>> sentences = Inputs.padded(tokens, sequenceLengths);
    int width = 0;
    for (String[] row : tokens) {
      width = Math.max(width, row.length);
    }
    return embed(sentences, width, wanted, null, null);
  }

  /**
   * Embeds running English text. {@link TextSplitter} splits it into sentences and tokens, which
   * {@link Embeddings#tokens} returns.
   *
   * @throws ElmoException like {@link #embed(List, Layer...)}
   */
  public Embeddings embedText(String text, Layer... layers) {
    Arguments.require(text, "text");
    return embed(TextSplitter.split(text), layers);
  }

  /**
   * Returns a session that carries the LSTM state from call to call, as the original tools do.
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
   * Embeds one sentence asynchronously, together with the sentences of other threads. On the CPU
   * the sentence joins those that are already running; on a CUDA device submitted sentences are
   * collected into batches. Many threads with single sentences are therefore nearly as fast as one
   * thread with batches.
   *
   * <p>The future's {@link Embeddings} has a batch size of 1; the caller closes it. The method
   * blocks while the queue is full. A sentence is dropped if its future is cancelled before the
   * sentence runs. Dependent actions of the future should be short, or use the {@code Async}
   * methods. {@link #close} completes all sentences that were submitted before it.
   *
   * @throws ElmoException like {@link #embed(List, Layer...)}, or if the thread is interrupted
   *     while it waits
   * @throws IllegalStateException after {@link #close}
   */
  public CompletableFuture<Embeddings> submit(List<String> sentence, Layer... layers) {
    return requestBatcher.submit(checked(layers), Inputs.sentence(sentence, 0));
  }

  private List<Layer> checked(Layer... layers) {
    List<Layer> wanted = EmbedOptions.layers(layers).layers();
    for (int i = 0; i < wanted.size(); i++) {
      plan.check(LayerPlan.rows(wanted.get(i)));
    }
    return wanted;
  }

  /**
   * Embeds a stream of sentences of any length. It returns one {@link Embeddings} with a batch size
   * of 1 for each sentence, in order; the caller closes each of them.
   *
   * <p>The thread that takes the results also reads sentences ahead: as many as can run and wait at
   * the same time. Only their results are in memory. An exception of the source is thrown after the
   * results of the sentences before it. Closing the stream early frees the results that were read
   * ahead. The stream is not thread-safe.
   *
   * @param layers like {@link #embed(List, Layer...)}, whose exceptions the stream throws
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
            return requestBatcher.submit(wanted, Inputs.sentence(sentence, 0));
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

  /**
   * Does the same as {@link #embedAll(Iterator, Layer...)} for a stream. Closing the result closes
   * {@code sentences} too.
   */
  public Stream<Embeddings> embedAll(Stream<? extends List<String>> sentences, Layer... layers) {
    Arguments.require(sentences, "sentences");
    Arguments.require(layers, "layers");
    return embedAll(sentences.iterator(), layers).onClose(sentences::close);
  }

  /** Embeds sentences together. Each gets its own result, without padding. */
  private List<Embeddings> runBatch(List<Layer> layers, List<List<String>> sentences) {
    lock.readLock().lock();
    try {
      checkOpen();
      return replicas.run(
          null,
          sentences,
          replica -> {
            SingleResults singles = new SingleResults(plan, replica.backend(), layers, sentences);
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
   * Does the same as {@link #runBatch} for sentences that join running ones. It needs no lock:
   * {@link #close} waits for the request batcher before it frees the model.
   */
  private void addToRunning(
      List<Layer> layers,
      List<List<String>> sentences,
      RequestBatcher.Completion<Embeddings> completion) {
    Embedder replica = replicas.all().get(0);
    SingleResults singles = new SingleResults(plan, replica.backend(), layers, sentences);
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

  /**
   * Puts words into the word cache of each device before they are needed, in order, until the cache
   * is full. Does nothing if there is no word cache.
   *
   * @throws ElmoException if a word is null
   * @throws IllegalStateException after {@link #close}
   */
  public void warm(Collection<String> words) {
    List<String> copy = Inputs.words(words);
    lock.readLock().lock();
    try {
      checkOpen();
      replicas.all().forEach(replica -> replica.warm(copy));
    } finally {
      lock.readLock().unlock();
    }
  }

  /** Returns what this model has done so far. It may also be called after {@link #close}. */
  public Statistics statistics() {
    return replicas.all().stream().map(Embedder::statistics).reduce(Statistics::plus).orElseThrow();
  }

  /**
   * Embeds on one of the devices.
   *
   * @param width the smallest number of tokens that the result is wide
   * @param on the device's embedder; null for the device with the least work
   * @param state the LSTM state on that device to continue from and to update; null to start from
   *     zero
   */
  Embeddings embed(
      List<? extends List<String>> input,
      int width,
      EmbedOptions wanted,
      Embedder on,
      LstmState state) {
    Arguments.require(wanted, "options");
    List<List<String>> sentences = Inputs.sentences(input);
    lock.readLock().lock();
    try {
      checkOpen();
      return replicas.run(
          on,
          sentences,
          replica -> BatchResults.of(plan, replica, sentences, width, wanted, state));
    } finally {
      lock.readLock().unlock();
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the model " + source() + " was closed");
    }
  }

  /** The model's structure. */
  public ModelOptions options() {
    return plan.options();
  }

  /** The file or folder that the weights came from. */
  public String source() {
    return plan.source();
  }

  /**
   * Returns a text that distinguishes this model from others: the SHA-256, in 64 hexadecimal
   * digits, of its structure, of the mix behind {@link Layer#ELMO}, and of the tensors that have at
   * most 2^17 elements, which include all biases. The same weights give the same text on every
   * device, with every {@link Precision}, and from every file format that keeps their bits.
   */
  public String fingerprint() {
    return fingerprint;
  }

  private Backend first() {
    return replicas.all().get(0).backend();
  }

  /**
   * The device that the model runs on; the first one if there are several. {@link Tensor#device}
   * returns the device of a result.
   */
  public Device device() {
    return first().device();
  }

  /** All devices that the model runs on, in the order in which they were given. */
  public List<Device> devices() {
    return replicas.all().stream().map(replica -> replica.backend().device()).toList();
  }

  /** The precision in which the device holds the weight matrices. */
  public Precision precision() {
    return first().precision();
  }

  /**
   * The mix behind {@link Layer#ELMO}: the one from the model file, or else equal weights for all
   * layers.
   */
  public ScalarMix mix() {
    return plan.mix();
  }

  /**
   * The number of elements in one row of a layer, where P is the projection size: P for {@code
   * word_emb} and its mean, 2P for the others. The layer need not be one of this model's.
   */
  public int dim(Layer layer) {
    Arguments.require(layer, "layer");
    return plan.dim(layer);
  }

  /** The number of trained parameters in the model, without those of the mix. */
  public long parameters() {
    return TensorShapes.parameters(plan.options());
  }

  /**
   * The number of bytes of device memory that the weights take, in the layout that the kernels
   * read; the sum over all devices.
   */
  public long weightBytes() {
    return replicas.all().stream().mapToLong(replica -> replica.backend().weightBytes()).sum();
  }

  /**
   * The native memory that elmo4j holds in this process now, in bytes, on the host and on CUDA
   * devices: the weights, word caches, workspaces and results of all models.
   */
  public static long liveBytes() {
    return Memory.liveBytes();
  }

  /** The model's source, devices and precision, on one line; also after {@link #close}. */
  @Override
  public String toString() {
    return "ElmoModel " + source() + " on " + devices() + " in " + precision();
  }

  /**
   * Waits for running calls and submitted sentences, then frees the weights. Further calls have no
   * effect.
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
}
