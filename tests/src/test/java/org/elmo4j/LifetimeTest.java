// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.elmo4j.internal.backend.NativeMemory;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Tests that models, sessions and embeddings can be closed in any order and during calls, and that
 * their native memory is freed.
 */
class LifetimeTest {
  private static final List<List<String>> BATCH = List.of(List.of("a", "bc"), List.of("d"));

  @Test
  void closingTwiceIsHarmless() {
    ElmoModel model = Models.random(Models.TINY, 1);
    ElmoSession session = model.session();
    Embeddings embeddings = session.embed(BATCH);
    for (int i = 0; i < 2; i++) {
      embeddings.close();
      session.close();
      model.close();
    }
    assertEquals(0, NoLeaks.settle(0));
  }

  @Test
  void everythingAModelTookComesBackWhenItIsClosed() {
    long before = NativeMemory.liveBytes();
    for (int round = 0; round < 3; round++) {
      try (ElmoModel model = Models.random(Models.SMALL, 1)) {
        long loaded = NativeMemory.liveBytes();
        assertTrue(loaded >= before + model.weightBytes(), () -> loaded + " live bytes");
        try (Embeddings embeddings = model.embed(BATCH);
            ElmoSession session = model.session();
            Embeddings carried = session.embed(BATCH)) {
          assertTrue(NativeMemory.liveBytes() > loaded);
          assertEquals(embeddings.batchSize(), carried.batchSize());
        }
      }
      // Closing frees it without the garbage collector.
      assertEquals(before, NativeMemory.liveBytes());
    }
  }

  @Test
  void closedEmbeddingsCannotBeRead() {
    try (ElmoModel model = Models.random(Models.TINY, 1)) {
      Embeddings embeddings = model.embed(BATCH);
      Tensor whole = embeddings.get(Layer.ELMO);
      Tensor sentence = embeddings.get(Layer.ELMO, 0);
      embeddings.close();
      for (Tensor tensor : List.of(whole, sentence)) {
        assertThrows(IllegalStateException.class, tensor::toArray);
        assertThrows(IllegalStateException.class, tensor::floatBuffer);
        assertThrows(IllegalStateException.class, () -> tensor.slice(0).toArray());
        assertThrows(
            IllegalStateException.class, () -> tensor.get(new long[tensor.shape().length]));
      }
      assertThrows(IllegalStateException.class, () -> embeddings.get(Layer.ELMO).toArray());
    }
  }

  @Test
  void aClosedModelCannotBeUsed() {
    ElmoModel model = Models.random(Models.TINY, 1);
    ElmoSession session = model.session();
    session.embed(BATCH).close();
    model.close();
    assertThrows(IllegalStateException.class, () -> model.embed(BATCH));
    assertThrows(IllegalStateException.class, () -> model.embed(List.of()));
    assertThrows(
        IllegalStateException.class, () -> model.embed(BATCH, EmbedOptions.layers(Layer.ELMO)));
    assertThrows(IllegalStateException.class, () -> model.embedSentences(List.of("a b")));
    assertThrows(
        IllegalStateException.class,
        () -> model.embedPadded(new String[][] {{"a"}}, new int[] {1}));
    assertThrows(IllegalStateException.class, () -> model.embedText("a b"));
    assertThrows(IllegalStateException.class, model::session);
    assertThrows(IllegalStateException.class, () -> session.embed(BATCH));
    session.close();
  }

  @Test
  void aClosedSessionCannotBeUsedAndItsModelCan() {
    try (ElmoModel model = Models.random(Models.TINY, 1)) {
      ElmoSession session = model.session();
      session.embed(BATCH).close();
      session.close();
      assertThrows(IllegalStateException.class, () -> session.embed(BATCH));
      assertThrows(IllegalStateException.class, () -> session.embed(List.of()));
      assertThrows(IllegalStateException.class, () -> session.hidden(1, false));
      assertThrows(IllegalStateException.class, () -> session.cell(1, true));
      assertThrows(IllegalStateException.class, session::reset);
      model.embed(BATCH).close();
    }
  }

  @Test
  void embeddingsOutliveTheirModel() {
    Embeddings embeddings;
    try (ElmoModel model = Models.random(Models.TINY, 1)) {
      embeddings = model.embed(BATCH, Layer.ELMO);
    }
    try (embeddings) {
      Models.expected(Models.TINY, 1)
          .assertMatches(embeddings, BATCH, EmbedOptions.layers(Layer.ELMO));
    }
  }

  @Test
  void aBufferTakenBeforeClosingStaysReadableAndIsFreedWithItsLastReader() {
    assertDerivedBufferOutlivesItsEmbeddings();
    // The buffers were local to that method, so they are garbage now.
    assertEquals(0, NoLeaks.settle(0));
  }

  private static void assertDerivedBufferOutlivesItsEmbeddings() {
    try (ElmoModel model = Models.random(Models.SMALL, 1)) {
      List<List<String>> batch = Models.batch(new Random(1), 30, 4);
      long before = NativeMemory.liveBytes();
      Embeddings embeddings = model.embed(batch, Layer.ELMO);
      float[] values = embeddings.get(Layer.ELMO).toArray();
      FloatBuffer derived = derivedBuffer(embeddings);
      embeddings.close();
      // If the memory were freed too early, these calls would reuse it.
      for (int i = 0; i < 5; i++) {
        System.gc();
        model.embed(Models.batch(new Random(i), 30, 4), Layer.ELMO).close();
      }
      float[] read = new float[values.length - 1];
      derived.get(read);
      assertArrayEquals(Arrays.copyOfRange(values, 1, values.length), read);
      assertEquals(before + Float.BYTES * (long) values.length, NativeMemory.liveBytes());
    }
  }

  /**
   * Reads results in the ways that users do. None of these may delay the release of the memory
   * until a garbage collection.
   */
  @Test
  void resultsThatWereReadAreFreedWhenTheyAreClosed() {
    try (ElmoModel model = Models.random(Models.TINY, 1)) {
      FloatBuffer numbers = FloatBuffer.allocate(10_000);
      long before = NativeMemory.liveBytes();
      for (int i = 0; i < 20; i++) {
        try (Embeddings embeddings = model.embed(BATCH, Layer.ELMO)) {
          Tensor tensor = embeddings.get(Layer.ELMO);
          assertEquals(before + Float.BYTES * tensor.size(), NativeMemory.liveBytes());
          tensor.copyTo(numbers.clear());
          assertEquals(tensor.get(0, 0, 1), numbers.get(1));
          assertEquals(tensor.get(0, 0, 0), tensor.toArray()[0]);
        }
        assertEquals(before, NativeMemory.liveBytes());
      }
    }
  }

  /** Returns a view of a view of the buffer that the embeddings return. */
  private static FloatBuffer derivedBuffer(Embeddings embeddings) {
    FloatBuffer buffer = embeddings.get(Layer.ELMO).floatBuffer();
    return buffer.duplicate().slice(1, buffer.remaining() - 1);
  }

  @Test
  void aRefusedCallLeavesNothingBehind() {
    try (ElmoModel model = Models.random(Models.TINY, 1)) {
      model.embed(BATCH).close();
      long before = NativeMemory.liveBytes();
      for (int i = 0; i < 10; i++) {
        assertThrows(
            ElmoException.class,
            () -> model.embed(BATCH, Layer.ELMO, Layer.elmo(ScalarMix.even(7))));
      }
      assertEquals(before, NativeMemory.liveBytes());
    }
  }

  @Tag("long")
  @RepeatedTest(4)
  void closingTheModelDuringCallsLetsThemEndOrRefusesThem() throws Exception {
    int callers = 8;
    List<List<String>> batch = Models.batch(new Random(2), 40, 10);
    EmbedOptions asked = EmbedOptions.layers(Layer.lstm(2));
    Expected expected = Models.expected(Models.SMALL, 1);
    expected.precompute(batch);
    ElmoModel model = Models.random(Models.SMALL, 1);
    ExecutorService executor = Executors.newFixedThreadPool(callers + 1);
    try {
      CountDownLatch underWay = new CountDownLatch(callers);
      List<Future<Integer>> calls = new ArrayList<>();
      for (int c = 0; c < callers; c++) {
        calls.add(
            executor.submit(
                () -> {
                  for (int done = 0; ; done++) {
                    try (Embeddings embeddings = model.embed(batch, asked)) {
                      expected.assertMatches(embeddings, batch, asked);
                      if (done == 0) { // Each caller counts down once.
                        underWay.countDown();
                      }
                    } catch (IllegalStateException e) {
                      return done;
                    }
                  }
                }));
      }
      assertTrue(underWay.await(60, TimeUnit.SECONDS));
      executor.submit(model::close).get(60, TimeUnit.SECONDS);
      assertThrows(IllegalStateException.class, () -> model.embed(batch));
      for (Future<Integer> call : calls) {
        assertTrue(call.get(60, TimeUnit.SECONDS) >= 1);
      }
    } finally {
      executor.shutdownNow();
      model.close();
    }
    assertEquals(0, NoLeaks.settle(0));
  }

  @RepeatedTest(3)
  void closingEmbeddingsWhileTheyAreReadGivesRightValuesOrRefusals() throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(4);
    try (ElmoModel model = Models.random(Models.SMALL, 1)) {
      Embeddings embeddings = model.embed(Models.batch(new Random(3), 20, 9), Layer.ELMO);
      float[] values = embeddings.get(Layer.ELMO).toArray();
      CountDownLatch underWay = new CountDownLatch(4);
      List<Future<?>> readers = new ArrayList<>();
      for (int r = 0; r < 4; r++) {
        readers.add(
            executor.submit(
                () -> {
                  try {
                    while (true) {
                      assertArrayEquals(values, embeddings.get(Layer.ELMO).toArray());
                      underWay.countDown();
                    }
                  } catch (IllegalStateException e) {
                    return;
                  }
                }));
      }
      assertTrue(underWay.await(60, TimeUnit.SECONDS));
      embeddings.close();
      for (Future<?> reader : readers) {
        reader.get(60, TimeUnit.SECONDS);
      }
    } finally {
      executor.shutdownNow();
    }
  }
}
