// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import static org.elmo4j.internal.batch.RequestBatcherTest.batcher;
import static org.elmo4j.internal.batch.RequestBatcherTest.join;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.elmo4j.internal.batch.RequestBatcherTest.Result;
import org.elmo4j.internal.batch.RequestBatcherTest.Work;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests batches of requests that run at the same time. */
@Timeout(60)
class SeveralRunsTest {
  @Test
  void aSecondRunOfADeviceBeginsOnceItIsFull() {
    Work work = new Work();
    try (RequestBatcher<String, Result> batcher =
        batcher(work, 12, 1, 2)) { // 4 sentences of 3 positions
      batcher.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      for (int i = 0; i < 4; i++) {
        batcher.submit("k", List.of("s" + i));
      }
      work.begun.acquireUninterruptibly(); // while the first still runs
      for (int i = 4; i < 8; i++) {
        batcher.submit("k", List.of("s" + i));
      }
      assertEquals(2, work.runs.size()); // A third run may not begin.
      work.permits.release();
      work.begun.acquireUninterruptibly();
      work.permits.release(2);
    }
    assertEquals(
        List.of(
            List.of("k", "first"),
            List.of("k", "s0", "s1", "s2", "s3"),
            List.of("k", "s4", "s5", "s6", "s7")),
        work.runs);
  }

  @Test
  void whatIsNotFullBeginsWhenAnEarlierRunEnds() {
    Work work = new Work();
    try (RequestBatcher<String, Result> batcher = batcher(work, 100, 1, 2)) {
      batcher.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      CompletableFuture<Result> a = batcher.submit("k", List.of("a"));
      CompletableFuture<Result> b = batcher.submit("k", List.of("b"));
      work.permits.release(2);
      assertEquals("k a", a.join().text);
      assertEquals("k b", b.join().text);
    }
    assertEquals(List.of(List.of("k", "first"), List.of("k", "a", "b")), work.runs);
  }

  @Test
  void onSeveralDevicesRunsBeginSideBySide() {
    Work work = new Work();
    try (RequestBatcher<String, Result> batcher = batcher(work, 100, 2, 4)) {
      batcher.submit("k", List.of("a"));
      work.begun.acquireUninterruptibly();
      batcher.submit("k", List.of("b"));
      work.begun.acquireUninterruptibly();
      batcher.submit("k", List.of("c")); // The batch is not full, so it waits for a run to end.
      batcher.submit("k", List.of("d"));
      work.permits.release(3);
    }
    assertEquals(List.of(List.of("k", "a"), List.of("k", "b"), List.of("k", "c", "d")), work.runs);
  }

  @Test
  void closingWaitsForAllRunsUnderWay() {
    Work work = new Work();
    RequestBatcher<String, Result> batcher = batcher(work, 3, 1, 3);
    List<CompletableFuture<Result>> futures = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      futures.add(batcher.submit("k", List.of("s" + i)));
      work.begun.acquireUninterruptibly();
    }
    futures.add(batcher.submit("k", List.of("s3")));
    Thread closer = new Thread(batcher::close);
    closer.start();
    while (closer.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    assertTrue(futures.stream().noneMatch(CompletableFuture::isDone));
    work.permits.release(4);
    join(closer);
    for (int i = 0; i < 4; i++) {
      assertEquals("k s" + i, futures.get(i).getNow(null).text);
    }
  }

  @Test
  void severalRunsOfManyThreadsAnswerEachSentenceOnce() throws Exception {
    AtomicInteger underWay = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    AtomicInteger answered = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    try (RequestBatcher<String, Result> batcher =
        new RequestBatcher<>(
            "m",
            (kind, sentences) -> {
              most.accumulateAndGet(underWay.incrementAndGet(), Math::max);
              List<Result> results = sentences.stream().map(s -> new Result(s.get(0))).toList();
              answered.addAndGet(results.size());
              Thread.yield();
              underWay.decrementAndGet();
              return results;
            },
            Duration.ofNanos(1000),
            30,
            2,
            3)) {
      AtomicInteger wrong = new AtomicInteger();
      for (int t = 0; t < 8; t++) {
        String name = "t" + t + " ";
        threads.add(
            new Thread(
                () -> {
                  for (int i = 0; i < 500; i++) {
                    CompletableFuture<Result> one = batcher.submit(name, List.of(name + i));
                    CompletableFuture<Result> two = batcher.submit("all", List.of(name + i));
                    if (!one.join().text.equals(name + i) || !two.join().text.equals(name + i)) {
                      wrong.incrementAndGet();
                    }
                  }
                }));
      }
      threads.forEach(Thread::start);
      threads.forEach(RequestBatcherTest::join);
      assertEquals(0, wrong.get());
    }
    assertEquals(8 * 2 * 500, answered.get());
    assertTrue(most.get() <= 3, () -> most + " runs under way");
  }
}
