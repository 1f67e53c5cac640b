// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.text.TextSplitter;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Tests that embedding a sentence of prose, 26 tokens on average, allocates less than 768 bytes on
 * the Java heap besides its results once the word cache holds all words. Measured are 350 to 450
 * bytes if a run takes some dozens of sentences; each run adds about 3 KB.
 */
class GarbageTest {
  private static final int SENTENCES = 256;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private static List<List<String>> sentences;
  private static ElmoModel model;

  @BeforeAll
  static void load() throws IOException {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                ElmoModel.class.getResourceAsStream("/org/elmo4j/cli/prose.txt"),
                StandardCharsets.UTF_8))) {
      sentences = lines.lines().limit(SENTENCES).map(TextSplitter::onSpaces).toList();
    }
    model = Models.random(Models.SMALL, 1);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  /** Returns the bytes that all threads allocate for each sentence, the least of four rounds. */
  private static double bytes(Runnable pass) {
    double least = Double.MAX_VALUE;
    for (int round = 0; round < 3; round++) {
      Map<Long, Long> before = allocated();
      pass.run();
      long bytes = 0;
      for (Map.Entry<Long, Long> thread : allocated().entrySet()) {
        bytes += thread.getValue() - before.getOrDefault(thread.getKey(), 0L);
      }
      least = Math.min(least, (double) bytes / SENTENCES);
    }
    return least;
  }

  private static Map<Long, Long> allocated() {
    Map<Long, Long> allocated = new HashMap<>();
    long[] ids = THREADS.getAllThreadIds();
    long[] bytes = THREADS.getThreadAllocatedBytes(ids);
    for (int i = 0; i < ids.length; i++) {
      if (bytes[i] >= 0) { // -1 if the thread has ended
        allocated.put(ids[i], bytes[i]);
      }
    }
    return allocated;
  }

  /**
   * Returns the bytes that the result of a single sentence takes: its tokens, tensor and native
   * memory.
   */
  private static double ofResults() {
    return bytes(
        () -> {
          for (List<String> sentence : sentences) {
            int length = sentence.size();
            List<String> tokens = List.of(sentence.toArray(new String[0]));
            Map<Layer, Memory> memories =
                Map.of(
                    Layer.ELMO,
                    NativeMemory.allocate((long) length * model.dim(Layer.ELMO) * Float.BYTES));
            new Embeddings(
                    List.of(tokens),
                    new int[] {length},
                    length,
                    memories,
                    layer -> model.dim(layer))
                .close();
          }
        });
  }

  private static void assertLittle(String what, double bytes, double ofResults) {
    assertTrue(
        bytes - ofResults < 768,
        () -> what + ": " + bytes + " bytes a sentence, " + ofResults + " of them of its result");
  }

  @Test
  void aBatch() {
    assertLittle("embed", bytes(() -> model.embed(sentences, Layer.ELMO).close()), 0);
  }

  @Test
  void aStream() {
    double bytes =
        bytes(
            () -> {
              try (Stream<Embeddings> all = model.embedAll(sentences.iterator(), Layer.ELMO)) {
                all.forEach(Embeddings::close);
              }
            });
    assertLittle("embedAll", bytes, ofResults());
  }

  @Test
  void requests() {
    List<CompletableFuture<Embeddings>> futures = new ArrayList<>(SENTENCES);
    double bytes =
        bytes(
            () -> {
              sentences.forEach(sentence -> futures.add(model.submit(sentence, Layer.ELMO)));
              futures.forEach(future -> future.join().close());
              futures.clear();
            });
    assertLittle("submit", bytes, ofResults());
  }
}
