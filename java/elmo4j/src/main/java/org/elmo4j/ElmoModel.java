// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.nio.FloatBuffer;
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
import org.elmo4j.internal.weights.TokenEmbeddings;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStores;

/**
 * An ELMo model on one device, or once on each of several CUDA devices (Peters et al. 2018, "Deep
 * contextualized word representations"). It holds native memory: close it. Any number of threads
 * may use it at once, and get the same bits as one thread would; a sentence's vectors do not depend
 * on what it is batched with. (On processors without AVX2 both hold to rounding, not to the bit.)
 * {@link #close} waits for calls under way; calls after it throw {@link IllegalStateException}.
 */
public final class ElmoModel implements AutoCloseable {
  private final LayerPlan plan;
  private final String fingerprint;
  private final ReplicaPool replicas;
  private final RequestBatcher<List<Layer>, Embeddings> requestBatcher;
  private final long batchPositions; // of one run
  private final int concurrentRuns; // at a time
  // Read: a call under way. Write: closing.
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  /**
   * @param batchTokens that begin together where requests are batched; 0 for the default
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
  public static ElmoModelBuilder builder() {
    return new ElmoModelBuilder();
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
    return embed(Inputs.splitOnSpaces(sentences), layers);
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
    List<List<String>> sentences = Inputs.padded(tokens, sequenceLengths);
    int width = 0;
    for (String[] row : tokens) {
      width = Math.max(width, row.length);
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
   * The same of sentences that join others under way. The requestBatcher answers before the model
   * closes.
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
   * Puts words into the word cache before they are needed, in order until it is full; into that of
   * each device. Without a cache it does nothing.
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

  /** Puts representations that were computed elsewhere into the word cache. */
  void put(Path vocabulary, Path embeddings) {
    try (TokenEmbeddings ready = TokenEmbeddings.open(vocabulary, embeddings, options())) {
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
   * Returns a text that tells this model from others: the SHA-256, in 64 hexadecimal digits, of its
   * structure, of the mix behind {@link Layer#ELMO}, and of the tensors that have at most 2^17
   * numbers. All biases are among these. The same weights give the same text on every device, with
   * every {@link Precision}, and from every file format that keeps their bits.
   */
  public String fingerprint() {
    return fingerprint;
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
    return plan.mix();
  }

  /** Numbers in one row of a layer: P for {@code word_emb} and its mean, 2P for the others. */
  public int dim(Layer layer) {
    Arguments.require(layer, "layer");
    return plan.dim(layer);
  }

  /** Trained numbers in the model, the mix not counted. */
  public long parameters() {
    return TensorShapes.parameters(plan.options());
  }

  /**
   * Bytes of device memory that its weights take, in the form the kernels read; on several devices
   * all of them together.
   */
  public long weightBytes() {
    return replicas.all().stream().mapToLong(replica -> replica.backend().weightBytes()).sum();
  }

  /**
   * Native memory that elmo4j holds in this process now, in bytes, on the host and on CUDA devices:
   * weights, word caches, workspace and results of all models.
   */
  public static long liveBytes() {
    return Memory.liveBytes();
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
}
