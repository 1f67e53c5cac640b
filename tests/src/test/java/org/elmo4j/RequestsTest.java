// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.weights.RandomWeights;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Tests {@code submit} and {@code embedAll}, which embed single sentences and streams of sentences
 * in shared batches.
 */
class RequestsTest {
  private static final Layer[] LAYERS = {
    Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2), Layer.ELMO, Layer.DEFAULT
  };

  private static ElmoModel model() {
    return Models.random(Models.SMALL, 5);
  }

  /** Returns a model whose runs take few tokens, so that a small test has many runs. */
  private static ElmoModel smallRuns() {
    return ElmoModel.builder()
        .weights(new RandomWeights(Models.SMALL, 5))
        .dynamicBatching(Duration.ofMillis(1), 60)
        .load();
  }

  @Tag("long")
  @Test
  void submittedSentencesOfManyThreadsGetTheBitsOfABatch() throws Exception {
    List<List<String>> sentences = Models.batch(new Random(1), 200, 12);
    ExecutorService executor = Executors.newFixedThreadPool(16);
    try (ElmoModel model = model();
        Embeddings whole = model.embed(sentences, LAYERS)) {
      List<Future<?>> callers = new ArrayList<>();
      for (int t = 0; t < 16; t++) {
        int first = t;
        callers.add(
            executor.submit(
                () -> {
                  for (int s = first; s < sentences.size(); s += 16) {
                    try (Embeddings one = model.submit(sentences.get(s), LAYERS).get()) {
                      assertEquals(1, one.batchSize());
                      assertEquals(sentences.get(s), one.tokens(0));
                      assertEquals(sentences.get(s).size(), one.maxLength());
                      Expected.assertSameBits("sentence " + s, whole, s, one, 0);
                    }
                  }
                  return null;
                }));
      }
      for (Future<?> caller : callers) {
        caller.get(60, TimeUnit.SECONDS);
      }
      if (model
          .device()
          // On the CPU, requests join a running batch one by one: see CpuContinuousBatcherTest.
          .isCuda()) {
        assertTrue(model.statistics().calls() < 1 + sentences.size(), "none ran together");
      }
    } finally {
      executor.shutdownNow();
    }
  }

  @Test
  void requestsForDifferentLayersGetTheirOwn() {
    List<String> sentence = List.of("a", "b");
    try (ElmoModel model = model()) {
      List<CompletableFuture<Embeddings>> futures = new ArrayList<>();
      for (Layer layer : LAYERS) {
        futures.add(model.submit(sentence, layer));
      }
      for (int i = 0; i < LAYERS.length; i++) {
        try (Embeddings one = futures.get(i).join();
            Embeddings same = model.embed(List.of(sentence), LAYERS[i])) {
          assertEquals(List.of(LAYERS[i]), one.layers());
          Expected.assertSameBits(LAYERS[i].toString(), same, 0, one, 0);
        }
      }
    }
  }

  @Test
  void badRequestsAreRefusedAtOnce() {
    try (ElmoModel model = model()) {
      assertThrows(ElmoException.class, () -> model.submit(null));
      assertThrows(ElmoException.class, () -> model.submit(Arrays.asList("a", null)));
      assertThrows(ElmoException.class, () -> model.submit(List.of("a"), Layer.lstm(9)));
      assertThrows(
          ElmoException.class,
          () -> ElmoModel.builder().dynamicBatching(Duration.ofMillis(-1), 10));
      assertThrows(
          ElmoException.class, () -> ElmoModel.builder().dynamicBatching(Duration.ZERO, 0));
      assertEquals(0, model.statistics().calls());
    }
  }

  @Test
  void closingTheModelCompletesWhatWasSubmitted() {
    ElmoModel model = smallRuns();
    List<CompletableFuture<Embeddings>> futures = new ArrayList<>();
    List<List<String>> sentences = Models.batch(new Random(2), 50, 4);
    sentences.forEach(sentence -> futures.add(model.submit(sentence)));
    model.close();
    for (int i = 0; i < futures.size(); i++) {
      assertTrue(futures.get(i).isDone());
      try (Embeddings one = futures.get(i).join()) {
        assertEquals(sentences.get(i), one.tokens(0));
      }
    }
    assertThrows(IllegalStateException.class, () -> model.submit(List.of("a")));
    assertEquals(0, NoLeaks.settle(0));
  }

  @Tag("long")
  @Test
  void aStreamOfSentencesComesBackInOrderWithTheBitsOfABatch() {
    List<List<String>> sentences = Models.batch(new Random(3), 300, 12);
    try (ElmoModel model = smallRuns();
        Embeddings whole = model.embed(sentences, LAYERS)) {
      Expected.assertSameBitsInAStream(whole, model, sentences, LAYERS);
      assertTrue(model.statistics().calls() > 2);
    }
  }

  @Test
  void noSentencesGiveNoResults() {
    try (ElmoModel model = model()) {
      assertEquals(0, model.embedAll(Stream.of()).count());
      assertEquals(0, model.embedAll(List.<List<String>>of().iterator()).count());
    }
  }

  @Test
  void closingAStreamEarlyFreesEverythingAndClosesItsSource() {
    AtomicBoolean closed = new AtomicBoolean();
    AtomicInteger read = new AtomicInteger();
    try (ElmoModel model = smallRuns()) {
      long before = NativeMemory.liveBytes();
      Stream<List<String>> endless =
          Stream.generate(() -> List.of("w" + read.incrementAndGet()))
              .onClose(() -> closed.set(true));
      try (Stream<Embeddings> results = model.embedAll(endless)) {
        Iterator<Embeddings> some = results.iterator();
        for (int i = 1; i <= 5; i++) {
          try (Embeddings one = some.next()) {
            assertEquals(List.of("w" + i), one.tokens(0));
          }
        }
      }
      assertTrue(closed.get());
      assertTrue(read.get() < 100, () -> read + " sentences read");
      // After this request, the runs of the stream have ended.
      model.submit(List.of("a")).join().close();
      assertEquals(before, NoLeaks.settle(before));
    }
  }

  @Test
  void whatTheSourceThrowsComesOutInItsPlace() {
    RuntimeException failure = new RuntimeException("disk on fire");
    Stream<List<String>> source =
        Stream.of("a", "b", "c")
            .map(
                word -> {
                  if (word.equals("c")) {
                    throw failure;
                  }
                  return List.of(word);
                });
    List<String> seen = new ArrayList<>();
    try (ElmoModel model = model();
        Stream<Embeddings> results = model.embedAll(source)) {
      Runnable all =
          () ->
              results.forEach(
                  one -> {
                    try (one) {
                      seen.add(one.tokens(0).get(0));
                    }
                  });
      assertSame(failure, assertThrows(RuntimeException.class, all::run));
    }
    assertEquals(List.of("a", "b"), seen);
  }

  @Test
  void aStreamOfAClosedModelIsRefused() {
    ElmoModel model = model();
    Iterator<Embeddings> results = model.embedAll(Stream.of(List.of("a"))).iterator();
    model.close();
    assertThrows(IllegalStateException.class, results::next);
  }
}
