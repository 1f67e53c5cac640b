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
 * The ways through the library, over the same 512 sentences of prose. A call is one way over all of
 * them, {@link #singleSentence} apart. With {@code -prof gc}, {@code gc.alloc.rate.norm} divided by
 * 512 is the Java garbage of a sentence, results' own objects included.
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

  /** Requests that one caller of {@link #submitAhead} has under way. */
  private static final int AHEAD = 32;

  /** A model's folder or file; empty for the model in the box. */
  @Param("")
  public String model;

  /** Bytes of the word cache: it is full when measured, or off. */
  @Param({"67108864", "0"})
  public long wordCacheBytes;

  private ElmoModel elmo;
  private List<List<String>> sentences;
  private List<List<String>> tenTokens;
  private ExecutorService callers;

  /** Loads the model and the text, and fills the word cache. */
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

  /** Closes the model. */
  @TearDown
  public void tearDown() {
    callers.shutdown();
    elmo.close();
  }

  /** One call with all sentences. */
  @Benchmark
  public void batch() {
    elmo.embed(sentences, Layer.ELMO).close();
  }

  /** A call for every sixteen sentences: what sixteen callers that wait could get at best. */
  @Benchmark
  public void batchesOf16() {
    for (int s = 0; s < SENTENCES; s += CALLERS) {
      elmo.embed(sentences.subList(s, s + CALLERS), Layer.ELMO).close();
    }
  }

  /** One call with one sentence of ten tokens. */
  @Benchmark
  @BenchmarkMode(Mode.SampleTime)
  @Warmup(iterations = 2, time = 2)
  @Measurement(iterations = 5, time = 2)
  public void singleSentence() {
    elmo.embed(tenTokens, Layer.ELMO).close();
  }

  /** A stream, each result closed at once. */
  @Benchmark
  public void embedAll() {
    try (Stream<Embeddings> all = elmo.embedAll(sentences.stream(), Layer.ELMO)) {
      all.forEach(Embeddings::close);
    }
  }

  /** Sixteen callers that each wait for one sentence before they submit the next. */
  @Benchmark
  public void submitAndWait() throws InterruptedException, ExecutionException {
    submit(1);
  }

  /** Sixteen callers that each keep some sentences under way. */
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
