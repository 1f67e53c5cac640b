// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.elmo4j.ElmoModel;
import org.elmo4j.ElmoModelBuilder;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.internal.text.TextSplitter;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Compares the ways to embed text, on the same 512 sentences of prose. Each benchmark except {@link
 * #singleSentence} embeds all of them. With {@code -prof gc}, {@code gc.alloc.rate.norm} divided by
 * 512 is the number of bytes of Java objects allocated for each sentence, including its result.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2)
@Measurement(iterations = 5)
public class EmbedBenchmark {
  private static final int SENTENCES = 512;
  private static final int CALLERS = 16;

  /** The number of unfinished requests that each caller of {@link #submitAhead} keeps. */
  private static final int AHEAD = 32;

  /** The folder or file of a model, or empty for mini-en. */
  @Param("")
  public String model;

  /** The size of the word cache in bytes; 0 for no cache. The warm-up fills the cache. */
  @Param({"67108864", "0"})
  public long wordCacheBytes;

  private ElmoModel elmo;
  private List<List<String>> sentences;
  private List<List<String>> tenTokens;
  private ExecutorService callers;

  /** Loads the model and the text. */
  @Setup
  public void setUp() throws IOException {
    ElmoModelBuilder builder = ElmoModel.builder().wordCacheBytes(wordCacheBytes);
    elmo = (model.isEmpty() ? builder.miniEnglish() : builder.path(Path.of(model))).load();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                ElmoModel.class.getResourceAsStream("/org/elmo4j/cli/prose.txt"),
                StandardCharsets.UTF_8))) {
      sentences = lines.lines().limit(SENTENCES).map(TextSplitter::onSpaces).toList();
    }
    tenTokens = List.of(sentences.stream().flatMap(List::stream).limit(10).toList());
    callers = Executors.newFixedThreadPool(CALLERS);
  }

  /** Stops the callers and closes the model. */
  @TearDown
  public void tearDown() {
    callers.shutdown();
    elmo.close();
  }

  /** Embeds all sentences in one call. */
  @Benchmark
  public void batch() {
    elmo.embed(sentences, Layer.ELMO).close();
  }

  /** Embeds sixteen sentences in each call: the upper bound for {@link #submitAndWait}. */
  @Benchmark
  public void batchesOf16() {
    for (int s = 0; s < SENTENCES; s += CALLERS) {
      elmo.embed(sentences.subList(s, s + CALLERS), Layer.ELMO).close();
    }
  }

  /** Embeds one sentence of ten tokens. */
  @Benchmark
  @BenchmarkMode(Mode.SampleTime)
  @Warmup(iterations = 2, time = 2)
  @Measurement(iterations = 5, time = 2)
  public void singleSentence() {
    elmo.embed(tenTokens, Layer.ELMO).close();
  }

  /** Embeds all sentences as a stream, and closes each result at once. */
  @Benchmark
  public void embedAll() {
    try (Stream<Embeddings> all = elmo.embedAll(sentences.stream(), Layer.ELMO)) {
      all.forEach(Embeddings::close);
    }
  }

  /** Runs sixteen callers, each of which waits for one sentence before it submits the next. */
  @Benchmark
  public void submitAndWait() throws InterruptedException, ExecutionException {
    submit(1);
  }

  /** Runs sixteen callers, each of which keeps up to 32 requests unfinished. */
  @Benchmark
  public void submitAhead() throws InterruptedException, ExecutionException {
    submit(AHEAD);
  }

  private void submit(int ahead) throws InterruptedException, ExecutionException {
    List<? extends Future<?>> running =
        IntStream.range(0, CALLERS)
            .mapToObj(
                caller ->
                    callers.submit(
                        () -> {
                          Queue<CompletableFuture<Embeddings>> pending = new ArrayDeque<>();
                          for (int s = caller; s < SENTENCES; s += CALLERS) {
                            pending.add(elmo.submit(sentences.get(s), Layer.ELMO));
                            if (pending.size() == ahead) {
                              pending.remove().join().close();
                            }
                          }
                          pending.forEach(future -> future.join().close());
                        }))
            .toList();
    for (Future<?> caller : running) {
      caller.get();
    }
  }
}
