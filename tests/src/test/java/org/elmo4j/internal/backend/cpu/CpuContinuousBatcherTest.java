// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.elmo4j.Models;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.Batch;
import org.elmo4j.internal.backend.ContinuousBatcher;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.internal.weights.RandomWeights;
import org.elmo4j.internal.weights.StoredWeights;
import org.elmo4j.weights.ModelOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests that sentences that run together get the same bits as each sentence alone. */
@Timeout(120)
class CpuContinuousBatcherTest {
  private static final int WORDS = 40;
  private static final ModelOptions OPTIONS = Models.SMALL;
  private static final int P = OPTIONS.projectionDim();

  private static CpuBackend backend(int threads) {
    return new CpuBackend(
        new StoredWeights(new RandomWeights(OPTIONS, 7)), Precision.FP32, threads);
  }

  private static Memory words() {
    return CpuBatchRunTest.words(WORDS, P);
  }

  private static Batch batch(Random random, int... lengths) {
    int n = lengths.length;
    int[] all = IntStream.range(0, n).toArray();
    int[] start = new int[n];
    for (int r = 1; r < n; r++) {
      start[r] = start[r - 1] + lengths[r - 1];
    }
    int[] word = random.ints(Arrays.stream(lengths).sum(), 0, WORDS).toArray();
    return new Batch(all, all, start, lengths, word);
  }

  private static int[] lengths(Random random, int n, int most) {
    return random.ints(n, 2, most + 1).toArray();
  }

  /**
   * Returns an output of layer {@code k}, or of its mean, with separate memory for each sentence.
   */
  private static Output layer(int k, Batch batch, boolean mean) {
    float[] scales = new float[3];
    scales[k] = 1;
    int halves = k == 0 ? 1 : 2;
    List<Memory> targets = new ArrayList<>();
    for (int length : batch.length()) {
      targets.add(NativeMemory.allocate((long) (mean ? 1 : length) * halves * P * Float.BYTES));
    }
    return new Output(halves, scales, mean, !mean, batch.length()[0], targets);
  }

  /** A listener for one batch that records what it is called with. */
  private static final class Added implements ContinuousBatcher.Listener {
    final Batch batch;
    final List<Output> outputs;
    final Throwable[] failures;
    final int[] told;
    final CountDownLatch left;

    Added(Batch batch, List<Output> outputs) {
      this.batch = batch;
      this.outputs = outputs;
      failures = new Throwable[batch.sentences()];
      told = new int[batch.sentences()];
      left = new CountDownLatch(batch.sentences());
    }

    @Override
    public void complete(int row, Throwable failure) {
      synchronized (this) {
        failures[row] = failure;
        told[row]++;
      }
      left.countDown();
    }

    Added await() throws InterruptedException {
      assertTrue(left.await(60, TimeUnit.SECONDS), () -> left.getCount() + " were never told");
      synchronized (this) {
        for (int each : told) {
          assertEquals(1, each);
        }
      }
      return this;
    }

    /**
     * Asserts that each sentence's outputs equal those of the sentence run alone, and closes the
     * outputs.
     */
    void assertRight(CpuBackend backend, Memory words) {
      for (Throwable failure : failures) {
        assertNull(failure);
      }
      for (int r = 0; r < batch.sentences(); r++) {
        int first = batch.start()[r];
        int n = batch.length()[r];
        int[] zero = {0};
        Batch alone =
            new Batch(
                zero,
                zero,
                zero,
                new int[] {n},
                Arrays.copyOfRange(batch.tokenRow(), first, first + n));
        for (Output output : outputs) {
          Memory got = output.targets().get(r);
          try (Memory wanted = NativeMemory.allocate(got.bytes())) {
            backend.run(
                List.of(alone),
                words,
                null,
                List.of(
                    new Output(
                        output.halves(),
                        output.scales(),
                        output.mean(),
                        output.boundaries(),
                        n,
                        List.of(wanted))));
            assertSame(r, floats(wanted), floats(got));
          }
        }
      }
      close();
    }

    void close() {
      outputs.forEach(output -> output.targets().forEach(Memory::close));
    }

    private static float[] floats(Memory memory) {
      float[] values = new float[(int) (memory.bytes() / Float.BYTES)];
      memory.copyTo(0, values);
      return values;
    }

    private static void assertSame(int sentence, float[] wanted, float[] got) {
      for (int i = 0; i < wanted.length; i++) {
        assertEquals(wanted[i], got[i], 0f, "sentence " + sentence + ", " + i);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void sentencesOfManyThreadsGetTheBitsOfABatchOfTheirOwn(int threads) throws Exception {
    long before = Memory.liveBytes();
    try (CpuBackend backend = backend(threads);
        Memory words = words()) {
      ContinuousBatcher batcher = backend.continuousBatcher();
      int free = batcher.freeSlots();
      List<List<Added>> added = new ArrayList<>();
      List<Thread> callers = new ArrayList<>();
      for (int t = 0; t < 6; t++) {
        List<Added> own = new ArrayList<>();
        added.add(own);
        Random random = new Random(t);
        Thread caller =
            new Thread(
                () -> {
                  for (int i = 0; i < 12; i++) {
                    // Some outputs need only the lower layers, and some are means.
                    int n = random.nextInt(4) == 0 ? 40 : 1 + random.nextInt(3);
                    Batch batch = batch(random, lengths(random, n, 35));
                    List<Output> outputs = new ArrayList<>();
                    for (int k = 0; k <= random.nextInt(3); k++) {
                      outputs.add(layer(k, batch, random.nextInt(4) == 0));
                    }
                    Added one = new Added(batch, outputs);
                    batcher.add(batch, words, outputs, one);
                    own.add(one);
                    if (random.nextBoolean()) {
                      try {
                        one.await();
                      } catch (InterruptedException e) {
                        return;
                      }
                    }
                  }
                });
        caller.start();
        callers.add(caller);
      }
      for (Thread caller : callers) {
        caller.join();
      }
      for (List<Added> own : added) {
        assertEquals(12, own.size());
        for (Added one : own) {
          one.await().assertRight(backend, words);
        }
      }
      assertEquals(free, batcher.freeSlots());
    }
    assertEquals(before, Memory.liveBytes());
  }

  @Test
  void aShortSentenceOvertakesALongOneThatJoinedBeforeIt() throws Exception {
    try (CpuBackend backend = backend(2);
        Memory words = words()) {
      ContinuousBatcher batcher = backend.continuousBatcher();
      CountDownLatch added = new CountDownLatch(1);
      CountDownLatch ended = new CountDownLatch(3);
      List<String> order = Collections.synchronizedList(new ArrayList<>());
      List<Added> all = new ArrayList<>();
      List<String> names = List.of("first", "long", "short");
      int[] lengths = {2, 200, 5};
      for (int i = 0; i < 3; i++) {
        String name = names.get(i);
        Batch batch = batch(new Random(i), lengths[i]);
        Added one = new Added(batch, List.of(layer(2, batch, false)));
        all.add(one);
        batcher.add(
            batch,
            words,
            one.outputs,
            (row, failure) -> {
              if (name.equals("first")) {
                // Blocks the lane until the other two are added; it then runs both.
                awaitUninterruptibly(added);
              }
              order.add(name);
              one.complete(row, failure);
              ended.countDown();
            });
      }
      added.countDown();
      awaitUninterruptibly(ended);
      assertEquals(List.of("first", "short", "long"), order);
      for (Added one : all) {
        one.await().assertRight(backend, words);
      }
    }
  }

  @Test
  void sentencesWriteTheirRowsOfASharedTarget() throws Exception {
    try (CpuBackend backend = backend(2);
        Memory words = words()) {
      Batch batch = batch(new Random(9), 4, 9, 2, 7);
      int rows = 9;
      long bytes = 4L * rows * 2 * P * Float.BYTES;
      try (Memory got = NativeMemory.allocate(bytes);
          Memory wanted = NativeMemory.allocate(bytes)) {
        float[] scales = {0.5f, 0.25f, 0.25f};
        Output output = new Output(2, scales, false, true, rows, List.of(got));
        Added added = new Added(batch, List.of());
        backend.continuousBatcher().add(batch, words, List.of(output), added);
        added.await();
        // Backend.run takes sentences by falling length.
        int[] order = {1, 3, 0, 2};
        int[] length = Arrays.stream(order).map(r -> batch.length()[r]).toArray();
        int[] start = Arrays.stream(order).map(r -> batch.start()[r]).toArray();
        Batch sorted = new Batch(order, order, start, length, batch.tokenRow());
        backend.run(
            List.of(sorted),
            words,
            null,
            List.of(new Output(2, scales, false, true, rows, List.of(wanted))));
        Added.assertSame(0, Added.floats(wanted), Added.floats(got));
      }
    }
  }

  @Test
  void rowsOfTokensHaveTheSameBitsWithoutBoundaries() throws Exception {
    try (CpuBackend backend = backend(2);
        Memory words = words()) {
      Batch batch = batch(new Random(5), 4, 9, 2, 7, 3); // one is empty
      Added all = new Added(batch, List.of(layer(2, batch, false)));
      List<Memory> targets = new ArrayList<>();
      for (int length : batch.length()) {
        targets.add(NativeMemory.allocate((length - 2L) * 2 * P * Float.BYTES));
      }
      float[] scales = {0, 0, 1};
      Added tokens = new Added(batch, List.of(new Output(2, scales, false, false, 7, targets)));
      for (Added each : List.of(all, tokens)) {
        backend.continuousBatcher().add(batch, words, each.outputs, each);
      }
      all.await();
      tokens.await();
      for (int r = 0; r < batch.sentences(); r++) {
        assertNull(tokens.failures[r]);
        float[] wanted = Added.floats(all.outputs.get(0).targets().get(r));
        float[] got = Added.floats(targets.get(r));
        Added.assertSame(r, Arrays.copyOfRange(wanted, 2 * P, wanted.length - 2 * P), got);
        assertEquals(wanted.length - 4 * P, got.length);
      }
      all.close();
      tokens.close();
    }
  }

  @Test
  void whatIsNewHadBetterWaitWhileALaneIsNearlyFull() throws Exception {
    try (CpuBackend backend = backend(2);
        Memory words = words()) {
      ContinuousBatcher batcher = backend.continuousBatcher();
      assertEquals(192, batcher.freeSlots());
      int[] lengths = new int[150];
      Arrays.fill(lengths, 3);
      Batch batch = batch(new Random(1), lengths);
      CountDownLatch looked = new CountDownLatch(1);
      CountDownLatch first = new CountDownLatch(1);
      Added added = new Added(batch, List.of(layer(1, batch, true)));
      batcher.add(
          batch,
          words,
          added.outputs,
          (row, failure) -> {
            first.countDown(); // one sentence has ended
            awaitUninterruptibly(looked);
            added.complete(row, failure);
          });
      awaitUninterruptibly(first);
      assertEquals(0, batcher.freeSlots());
      looked.countDown();
      added.await().close();
      assertEquals(192, batcher.freeSlots());
    }
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void whatGoesWrongIsToldOfThatSentenceAlone() throws Exception {
    long before = Memory.liveBytes();
    try (CpuBackend backend = backend(2);
        Memory words = words()) {
      ContinuousBatcher batcher = backend.continuousBatcher();
      Random random = new Random(2);
      Batch fine = batch(random, lengths(random, 30, 60));
      Added others = new Added(fine, List.of(layer(2, fine, false)));
      batcher.add(fine, words, others.outputs, others);

      Batch batch = batch(random, 5, 6, 7);
      Output all = layer(2, batch, false);
      Output twoTargets = new Output(2, all.scales(), false, true, 5, all.targets().subList(0, 2));
      Added one = new Added(batch, List.of(all));
      batcher.add(batch, words, List.of(twoTargets), one);
      one.await();
      assertNull(one.failures[0]);
      assertNull(one.failures[1]);
      assertInstanceOf(IndexOutOfBoundsException.class, one.failures[2]);
      one.close();

      // No sentence of a batch with an invalid output can begin.
      Added none = new Added(batch, List.of());
      Output wrong = new Output(2, new float[0], false, true, 5, List.of());
      batcher.add(batch, words, List.of(wrong), none);
      none.await();
      assertInstanceOf(IndexOutOfBoundsException.class, none.failures[0]);
      assertSame(none.failures[0], none.failures[2]);

      others.await().assertRight(backend, words);
    }
    assertEquals(before, Memory.liveBytes());
  }

  @Test
  void closingWaitsForWhatIsUnderWay() throws Exception {
    long before = Memory.liveBytes();
    Added added;
    try (Memory words = words()) {
      try (CpuBackend backend = backend(2)) {
        Batch batch = batch(new Random(1), 300, 2, 90);
        added = new Added(batch, List.of(layer(2, batch, true)));
        backend.continuousBatcher().add(batch, words, added.outputs, added);
      }
      assertEquals(0, added.left.getCount());
    }
    added.await().close();
    assertEquals(before, Memory.liveBytes());
  }
}
