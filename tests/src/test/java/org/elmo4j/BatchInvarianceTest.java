// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tests that a sentence's numbers have the same bits whatever the other sentences of the batch,
 * their order and the number of threads are.
 */
class BatchInvarianceTest {
  private static final Layer[] LAYERS = {
    Layer.WORD_EMB, Layer.lstm(1), Layer.lstm(2), Layer.ELMO, Layer.DEFAULT
  };
  private static final long SEED = 21;

  @Tag("long")
  @ParameterizedTest
  @MethodSource("org.elmo4j.Isa#all")
  void batchesOfAnySizeAndOrderGiveTheSameBits(String isa) {
    Isa.with(
        isa,
        () -> {
          try (ElmoModel model = Models.random(Models.SMALL, SEED)) {
            Expected.assertSameBitsInAnyBatch(model, LAYERS, 1, 2, 5, 8, 9, 16, 40, 96);
          }
        });
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 16})
  void anyNumberOfThreadsGivesTheSameBits(int threads) {
    List<List<String>> sentences = Models.batch(new Random(4), 97, 14);
    try (ElmoModel one = Models.random(Models.SMALL, SEED, 1);
        ElmoModel many = Models.random(Models.SMALL, SEED, threads)) {
      assumeTrue(threads == 2 || !one.device().isCuda(), "a GPU's work does not depend on it");
      try (Embeddings a = one.embed(sentences, LAYERS);
          Embeddings b = many.embed(sentences, LAYERS)) {
        for (int s = 0; s < sentences.size(); s++) {
          Expected.assertSameBits("sentence " + s, a, s, b, s);
        }
      }
    }
  }

  @Test
  void theSameSentenceTwiceInABatchGivesTheSameBits() {
    List<String> tokens = Models.sentence(new Random(1), 9);
    try (ElmoModel model = Models.random(Models.SMALL, SEED);
        Embeddings embeddings = model.embed(Collections.nCopies(50, tokens), LAYERS)) {
      for (int s = 1; s < 50; s++) {
        Expected.assertSameBits("copy " + s, embeddings, 0, embeddings, s);
      }
    }
  }

  @Tag("long")
  @Test
  void callsFromSixtyFourThreadsAtOnceGiveTheBitsOfOne() throws Exception {
    int callers = 64;
    List<List<List<String>>> batches = new ArrayList<>();
    for (int c = 0; c < callers; c++) {
      batches.add(Models.batch(new Random(c), 1 + c % 20, 10));
    }
    ExecutorService executor = Executors.newFixedThreadPool(callers);
    List<Embeddings> wanted = new ArrayList<>();
    try (ElmoModel model = Models.random(Models.SMALL, SEED)) {
      for (List<List<String>> batch : batches) {
        wanted.add(model.embed(batch, LAYERS));
      }
      CountDownLatch start = new CountDownLatch(1);
      List<Future<?>> calls = new ArrayList<>();
      for (int c = 0; c < callers; c++) {
        int caller = c;
        calls.add(
            executor.submit(
                () -> {
                  start.await();
                  for (int round = 0; round < 3; round++) {
                    int n = (caller + 17 * round) % callers;
                    try (Embeddings got = model.embed(batches.get(n), LAYERS)) {
                      for (int s = 0; s < batches.get(n).size(); s++) {
                        Expected.assertSameBits(
                            "batch " + n + " sentence " + s, wanted.get(n), s, got, s);
                      }
                    }
                  }
                  return null;
                }));
      }
      start.countDown();
      for (Future<?> call : calls) {
        call.get(60, TimeUnit.SECONDS);
      }
      assertEquals(callers, calls.size());
    } finally {
      executor.shutdownNow();
      wanted.forEach(Embeddings::close);
    }
  }
}
