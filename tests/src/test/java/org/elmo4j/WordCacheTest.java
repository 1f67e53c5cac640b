// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.weights.RandomWeights;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests that the word cache changes only which words are computed and not the results, and tests
 * the statistics on it.
 */
class WordCacheTest {
  private static final Layer[] LAYERS = {Layer.WORD_EMB, Layer.lstm(2), Layer.DEFAULT};

  /** A row of SMALL takes 160 bytes of native memory, and its entry 160 bytes of the Java heap. */
  private static final long ROOM_FOR_TWENTY = 20 * 320;

  @TempDir Path folder;

  private static ElmoModelBuilder builder() {
    return ElmoModel.builder().weights(new RandomWeights(Models.SMALL, 3));
  }

  private static void assertSame(ElmoModel a, ElmoModel b, List<List<String>> batch) {
    try (Embeddings wanted = a.embed(batch, LAYERS)) {
      assertSame(wanted, b, batch);
    }
  }

  private static void assertSame(Embeddings wanted, ElmoModel model, List<List<String>> batch) {
    try (Embeddings found = model.embed(batch, LAYERS)) {
      for (int s = 0; s < batch.size(); s++) {
        Expected.assertSameBits("sentence " + s, wanted, s, found, s);
      }
    }
  }

  @Test
  void coldWarmFullAndAbsentCachesGiveTheSameBits() {
    try (ElmoModel none = builder().wordCacheBytes(0).load();
        ElmoModel all = builder().load();
        ElmoModel twenty = builder().wordCacheBytes(ROOM_FOR_TWENTY).load();
        ElmoModel one = builder().wordCacheBytes(2 * 320).load()) {
      for (int round = 0; round < 6; round++) {
        // Sentences of at most 4 tokens take half the time on the emulator.
        int longest = Cuda.emulated() ? 4 : 9;
        List<List<String>> batch = Models.batch(new Random(round % 3), 20, longest);
        try (Embeddings wanted = none.embed(batch, LAYERS)) {
          for (ElmoModel cached : List.of(all, twenty, one)) {
            assertSame(wanted, cached, batch);
          }
        }
      }
      assertEquals(0, none.statistics().wordsCached());
      assertTrue(twenty.statistics().wordsCached() <= 20);
      assertTrue(twenty.statistics().wordHits() > 0);
    }
  }

  @Test
  void eachWordIsComputedOnceAndTheRestAreHits() {
    try (ElmoModel model = builder().load()) {
      List<List<String>> batch = List.of(List.of("a", "b", "a"), List.of(), List.of("c"));
      model.embed(batch).close();
      Statistics first = model.statistics();
      assertEquals(5, first.wordsComputed()); // with the two boundaries
      assertEquals(5, first.wordMisses());
      assertEquals(0, first.wordHits());
      assertEquals(0, first.hitRate());
      model.embed(List.of(List.of("a", "d"))).close();
      Statistics second = model.statistics();
      assertEquals(6, second.wordsComputed());
      assertEquals(6, second.wordMisses());
      assertEquals(3, second.wordHits());
      assertEquals(6, second.wordsCached());
      assertEquals(3.0 / 9, second.hitRate());
      assertEquals(2, second.calls());
      assertEquals(4, second.sentences());
      assertEquals(6, second.tokens());
      assertTrue(second.batches() >= 2);
      assertTrue(second.biLmTime().toNanos() > 0 && second.wordTime().toNanos() > 0);
      assertEquals(NativeMemory.liveBytes(), second.nativeBytes());
      assertEquals(5, first.wordsComputed()); // The statistics are a snapshot.
    }
  }

  @Test
  void warmWordsAreNotComputedAgain() throws Exception {
    Path vocabulary =
        Files.writeString(folder.resolve("vocab.txt"), "<S>\n</S>\nder\n\nHund\ngroß\n");
    try (ElmoModel model = builder().vocabulary(vocabulary).load();
        ElmoModel cold = builder().load()) {
      assertEquals(5, model.statistics().wordsComputed());
      model.warm(List.of("der", "Katze"));
      assertEquals(6, model.statistics().wordsComputed());
      assertSame(cold, model, List.of(List.of("der", "große", "Hund"), List.of("Katze")));
      assertEquals(1, model.statistics().wordMisses());
      assertEquals(7, model.statistics().wordsComputed());
    }
  }

  @Test
  void warmingStopsWhenTheCacheIsFull() {
    List<String> words = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) {
      words.add("w" + i);
    }
    try (ElmoModel model = builder().wordCacheBytes(ROOM_FOR_TWENTY).load()) {
      model.warm(words);
      assertEquals(17, model.statistics().wordsComputed()); // Three slots stay free.
      assertEquals(17, model.statistics().wordsCached());
    }
    try (ElmoModel model = builder().wordCacheBytes(0).load()) {
      model.warm(words);
      assertEquals(0, model.statistics().wordsComputed());
    }
  }

  @Test
  void badVocabulariesAreNamed() throws Exception {
    Path missing = folder.resolve("none.txt");
    ElmoException e = assertThrows(ElmoException.class, () -> builder().vocabulary(missing).load());
    assertTrue(e.getMessage().startsWith(missing.toString()), e::getMessage);
    Path binary = Files.write(folder.resolve("binary.txt"), new byte[] {(byte) 0xff, 10});
    e = assertThrows(ElmoException.class, () -> builder().vocabulary(binary).load());
    assertEquals(binary + ": expected UTF-8 text, found other bytes", e.getMessage());
    try (ElmoModel model = builder().load()) {
      assertThrows(ElmoException.class, () -> model.warm(Arrays.asList("a", null)));
      assertThrows(ElmoException.class, () -> model.warm(null));
    }
    assertThrows(ElmoException.class, () -> builder().wordCacheBytes(-1));
    assertThrows(ElmoException.class, () -> builder().workspaceBytes(1000));
  }

  @Test
  void rowsFromElsewhereStandForTheComputedOnes() throws Exception {
    float[] row = new float[Models.SMALL.projectionDim()];
    Arrays.fill(row, 0.25f);
    Path vocabulary = Files.writeString(folder.resolve("vocab.txt"), "known\n");
    Path rows = folder.resolve("rows.hdf5");
    try (WritableHdfFile out = HdfFile.write(rows)) {
      out.putDataset("embedding", new float[][] {row});
    }
    try (ElmoModel model = builder().tokenEmbeddings(vocabulary, rows).load()) {
      try (Embeddings embeddings = model.embed(List.of(List.of("known")), Layer.WORD_EMB)) {
        assertArrayEquals(row, embeddings.get(Layer.WORD_EMB, 0).toArray());
      }
    }
  }

  @Tag("long")
  @Test
  void manyThreadsThatEvictEachOthersWordsGetTheirOwn() throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(8);
    try (ElmoModel none = builder().wordCacheBytes(0).load();
        ElmoModel tight = builder().wordCacheBytes(ROOM_FOR_TWENTY).load()) {
      List<Future<?>> calls = new ArrayList<>();
      for (int t = 0; t < 8; t++) {
        int thread = t;
        calls.add(
            executor.submit(
                () -> {
                  for (int round = 0; round < 8; round++) {
                    assertSame(none, tight, Models.batch(new Random(thread % 3 + round), 3, 9));
                  }
                }));
      }
      for (Future<?> call : calls) {
        call.get(60, TimeUnit.SECONDS);
      }
      assertTrue(tight.statistics().wordsCached() <= 20);
    } finally {
      executor.shutdownNow();
    }
  }

  @Test
  void aHugeTokenIsNotKept() {
    try (ElmoModel model = builder().load()) {
      model.embed(List.of(List.of("x".repeat(100_000)))).close();
      assertEquals(2, model.statistics().wordsCached()); // the boundaries
    }
  }

  @Tag("long")
  @Test
  void callsInManyPartsGiveTheSameBitsWithinTheBudget() {
    List<List<String>> batch = Models.batch(new Random(8), 2000, 12);
    long budget = 2 << 20;
    try (ElmoModel wide = builder().load();
        ElmoModel narrow = builder().workspaceBytes(budget).threads(2).load()) {
      assertSame(wide, narrow, batch);
      assertTrue(narrow.statistics().batches() > wide.statistics().batches());
      long peak = narrow.statistics().peakWorkspaceBytes();
      assertTrue(peak > budget / 4 && peak <= budget, () -> peak + " bytes");
      Set<String> distinct = new HashSet<>();
      batch.forEach(distinct::addAll);
      assertTrue(narrow.statistics().wordsComputed() >= distinct.size());
    }
  }

  @Tag("long")
  @Test
  void streamsKeepToTheBudgetToo() {
    List<List<String>> batch = Models.batch(new Random(8), 1000, 12);
    long budget = 2 << 20;
    try (ElmoModel wide = builder().load();
        ElmoModel narrow = builder().workspaceBytes(budget).threads(2).load();
        Embeddings whole = wide.embed(batch, Layer.ELMO)) {
      Expected.assertSameBitsInAStream(whole, narrow, batch, Layer.ELMO);
      long peak = narrow.statistics().peakWorkspaceBytes();
      assertTrue(peak > budget / 4 && peak <= budget, () -> peak + " bytes");
    }
  }
}
