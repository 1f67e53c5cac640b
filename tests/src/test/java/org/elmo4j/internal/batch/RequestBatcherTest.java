// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.elmo4j.ElmoException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Tests batches of requests that run one after another. The test decides when work begins and ends.
 * {@link SeveralRunsTest} tests batches that run at the same time, {@link
 * ContinuousRequestBatcherTest} requests that join running ones.
 */
@Timeout(60)
class RequestBatcherTest {
  /** A sentence's text, and whether it was closed. */
  static final class Result implements AutoCloseable {
    final String text;
    volatile boolean closed;

    Result(String text) {
      this.text = text;
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  /** Work that records its runs and waits for the test's permits. */
  static final class Work implements RequestBatcher.BatchWork<String, Result> {
    final List<List<String>> runs = Collections.synchronizedList(new ArrayList<>());
    final List<Result> results = Collections.synchronizedList(new ArrayList<>());
    final Semaphore permits = new Semaphore(0);
    final Semaphore begun = new Semaphore(0);

    @Override
    public List<Result> run(String kind, List<List<String>> sentences) {
      List<Result> made = new ArrayList<>();
      List<String> run = new ArrayList<>(List.of(kind));
      for (List<String> sentence : sentences) {
        run.add(String.join(" ", sentence));
        made.add(new Result(kind + " " + String.join(" ", sentence)));
      }
      runs.add(run);
      results.addAll(made);
      begun.release();
      permits.acquireUninterruptibly();
      return made;
    }
  }

  private static RequestBatcher<String, Result> batcher(Work work, long maxPositions) {
    return batcher(work, maxPositions, 1, 1);
  }

  static RequestBatcher<String, Result> batcher(
      Work work, long maxPositions, int devices, int maxRuns) {
    return new RequestBatcher<>(
        "the test's batcher", work, Duration.ZERO, maxPositions, devices, maxRuns);
  }

  @Test
  void whatComesDuringARunRunsTogetherNext() {
    Work work = new Work();
    try (RequestBatcher<String, Result> batcher = batcher(work, 1000)) {
      batcher.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      List<CompletableFuture<Result>> futures = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        futures.add(batcher.submit("k", List.of("s" + i)));
      }
      work.permits.release(2);
      for (int i = 0; i < 5; i++) {
        assertEquals("k s" + i, futures.get(i).join().text);
      }
    }
    assertEquals(
        List.of(List.of("k", "first"), List.of("k", "s0", "s1", "s2", "s3", "s4")), work.runs);
  }

  @Test
  void aRunTakesNoMorePositionsThanAllowedAndOneKindOnly() {
    Work work = new Work();
    try (RequestBatcher<String, Result> batcher = batcher(work, 12)) { // 4 sentences of 3 positions
      batcher.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      batcher.submit("a", List.of("0"));
      batcher.submit("b", List.of("1"));
      batcher.submit("a", List.of("2"));
      batcher.submit("b", List.of("3"));
      Thread more =
          new Thread(
              () -> {
                batcher.submit("b", List.of("4"));
                batcher.submit("b", List.of("5", "is", "long"));
              });
      more.start();
      work.permits.release(9);
      join(more);
    }
    assertEquals(List.of("a", "0", "2"), work.runs.get(1));
    int sentences = 0;
    for (List<String> run : work.runs) {
      int positions = 0;
      for (String sentence : run.subList(1, run.size())) {
        positions += sentence.split(" ").length + 2;
        sentences++;
      }
      assertTrue(positions <= 12, run::toString);
    }
    assertEquals(7, sentences);
  }

  @Test
  void aSentenceBeyondTheBoundRunsAlone() {
    Work work = new Work();
    work.permits.release(10);
    try (RequestBatcher<String, Result> batcher = batcher(work, 3)) {
      List<String> huge = Collections.nCopies(50, "x");
      assertEquals("k " + String.join(" ", huge), batcher.submit("k", huge).join().text);
    }
  }

  @Test
  void submittingIntoAFullQueueWaitsForRoom() throws Exception {
    Work work = new Work();
    try (RequestBatcher<String, Result> batcher = batcher(work, 6)) {
      batcher.submit("k", List.of("running"));
      work.begun.acquireUninterruptibly();
      batcher.submit("k", List.of("queued"));
      batcher.submit("k", List.of("queued"));
      CountDownLatch through = new CountDownLatch(1);
      Thread third =
          new Thread(
              () -> {
                batcher.submit("k", List.of("held up"));
                through.countDown();
              });
      third.start();
      while (third.getState() != Thread.State.WAITING) {
        Thread.onSpinWait();
      }
      assertEquals(1, through.getCount());
      work.permits.release(10);
      assertTrue(through.await(30, TimeUnit.SECONDS));
    }
  }

  @Test
  void anInterruptEndsTheWaitForRoom() {
    Work work = new Work();
    try (RequestBatcher<String, Result> batcher = batcher(work, 3)) {
      batcher.submit("k", List.of("running"));
      work.begun.acquireUninterruptibly();
      batcher.submit("k", List.of("queued"));
      Thread.currentThread().interrupt();
      assertThrows(ElmoException.class, () -> batcher.submit("k", List.of("held up")));
      assertTrue(Thread.interrupted());
      work.permits.release(10);
    }
    assertEquals(2, work.runs.size());
  }

  @Test
  void aFutureCancelledBeforeItsRunIsDropped() {
    Work work = new Work();
    try (RequestBatcher<String, Result> batcher = batcher(work, 100)) {
      batcher.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      CompletableFuture<Result> dropped = batcher.submit("k", List.of("dropped"));
      CompletableFuture<Result> kept = batcher.submit("k", List.of("kept"));
      assertTrue(dropped.cancel(true));
      work.permits.release(10);
      kept.join();
    }
    assertEquals(List.of("k", "kept"), work.runs.get(1));
  }

  @Test
  void theResultOfAFutureCancelledDuringItsRunIsClosed() {
    Work work = new Work();
    try (RequestBatcher<String, Result> batcher = batcher(work, 100)) {
      CompletableFuture<Result> future = batcher.submit("k", List.of("late"));
      work.begun.acquireUninterruptibly();
      assertTrue(future.cancel(true));
      work.permits.release();
    }
    assertTrue(work.results.get(0).closed);
  }

  @Test
  void aFailureReachesEachFutureOfTheRunAndNoOther() {
    ElmoException failure = new ElmoException("no luck");
    AtomicInteger runs = new AtomicInteger();
    try (RequestBatcher<String, Result> batcher =
        new RequestBatcher<>(
            "m",
            (kind, sentences) -> {
              if (runs.incrementAndGet() == 1) {
                throw failure;
              }
              return sentences.stream().map(s -> new Result(s.get(0))).toList();
            },
            Duration.ZERO,
            100,
            1,
            1)) {
      CompletableFuture<Result> failed = batcher.submit("k", List.of("a"));
      assertSame(failure, assertThrows(CompletionException.class, failed::join).getCause());
      assertEquals("b", batcher.submit("k", List.of("b")).join().text);
    }
  }

  @Test
  void noCallerWaitsOnceAllAreBackThatTheLastRunAnswered() {
    Work work = new Work();
    work.permits.release(10);
    try (RequestBatcher<String, Result> batcher =
        new RequestBatcher<>("the test's batcher", work, Duration.ofHours(1), 6, 1, 1)) {
      // 3 positions each, so two fill a run
      CompletableFuture<Result> a = batcher.submit("k", List.of("a"));
      CompletableFuture<Result> b = batcher.submit("k", List.of("b"));
      a.join();
      b.join();
      // 2 positions each, so two do not fill it
      CompletableFuture<Result> again = batcher.submit("k", List.of());
      batcher.submit("k", List.of()).join();
      again.join(); // This ends within the test's minute, not after an hour.
    }
    assertEquals(List.of(List.of("k", "a", "b"), List.of("k", "", "")), work.runs);
  }

  @Test
  void anErrorBetweenRunsReachesAllThatWaitAndClosingEnds() {
    Error failure = new Error("kinds that cannot be compared");
    Object kind =
        new Object() {
          @Override
          public boolean equals(Object other) {
            throw failure;
          }

          @Override
          public int hashCode() {
            return 0;
          }
        };
    try (RequestBatcher<Object, Result> batcher =
        new RequestBatcher<>("m", (k, sentences) -> List.of(), Duration.ofDays(1), 6, 1, 1)) {
      CompletableFuture<Result> a = batcher.submit(kind, List.of("a"));
      CompletableFuture<Result> b = batcher.submit(kind, List.of("b")); // The run is full.
      assertSame(failure, assertThrows(CompletionException.class, a::join).getCause());
      assertSame(failure, assertThrows(CompletionException.class, b::join).getCause());
      // 6 positions: the next run is full
      CompletableFuture<Result> c = batcher.submit(kind, List.of("c", "d", "e", "f"));
      assertSame(failure, assertThrows(CompletionException.class, c::join).getCause());
    }
  }

  @Test
  void aResultThatIsMissingOrCannotBeClosedHarmsNoOtherFuture() {
    Work work = new Work();
    class Stubborn implements AutoCloseable {
      @Override
      public void close() {
        throw new IllegalStateException("stays open");
      }
    }
    try (RequestBatcher<String, AutoCloseable> batcher =
        new RequestBatcher<>(
            "m",
            (kind, sentences) -> {
              work.begun.release();
              work.permits.acquireUninterruptibly();
              return List.of(new Stubborn(), new Stubborn());
            },
            Duration.ofDays(1),
            9,
            1,
            1)) {
      CompletableFuture<AutoCloseable> cancelled = batcher.submit("k", List.of("a"));
      CompletableFuture<AutoCloseable> answered = batcher.submit("k", List.of("b"));
      // The run is full.
      CompletableFuture<AutoCloseable> missing = batcher.submit("k", List.of("c"));
      work.begun.acquireUninterruptibly();
      assertTrue(cancelled.cancel(false));
      work.permits.release();
      assertEquals(Stubborn.class, answered.join().getClass());
      assertInstanceOf(
          IndexOutOfBoundsException.class,
          assertThrows(CompletionException.class, missing::join).getCause());
    }
  }

  @Test
  void closingCompletesWhatWasSubmittedAndRefusesMore() {
    Work work = new Work();
    RequestBatcher<String, Result> batcher =
        new RequestBatcher<>("the test's batcher", work, Duration.ofHours(1), 100, 1, 1);
    List<CompletableFuture<Result>> futures = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      futures.add(batcher.submit("k", List.of("s" + i)));
    }
    work.permits.release(10);
    batcher.close(); // Closing does not wait for the hour to pass.
    for (int i = 0; i < 10; i++) {
      assertEquals("k s" + i, futures.get(i).getNow(null).text);
    }
    assertEquals(
        "the test's batcher was closed",
        assertThrows(IllegalStateException.class, () -> batcher.submit("k", List.of("x")))
            .getMessage());
    batcher.close();
  }

  @Test
  void closingRefusesThoseThatWaitForRoom() throws Exception {
    Work work = new Work();
    RequestBatcher<String, Result> batcher = batcher(work, 3);
    batcher.submit("k", List.of("running"));
    work.begun.acquireUninterruptibly();
    batcher.submit("k", List.of("queued"));
    CompletableFuture<Throwable> refused = new CompletableFuture<>();
    Thread waiting =
        new Thread(
            () -> {
              try {
                batcher.submit("k", List.of("held up"));
                refused.complete(null);
              } catch (Throwable e) {
                refused.complete(e);
              }
            });
    waiting.start();
    while (waiting.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    Thread closer = new Thread(batcher::close);
    closer.start();
    assertEquals(IllegalStateException.class, refused.get(30, TimeUnit.SECONDS).getClass());
    work.permits.release(10);
    join(closer);
    assertEquals(2, work.runs.size());
  }

  @Test
  void anActionOfAFutureMaySubmitAndClose() {
    Work work = new Work();
    work.permits.release(10);
    RequestBatcher<String, Result> batcher = batcher(work, 3);
    CompletableFuture<Result> second =
        batcher
            .submit("k", List.of("a"))
            .thenCompose(first -> batcher.submit("k", List.of("after", first.text)));
    assertEquals("k after k a", second.join().text);
    CompletableFuture<Void> closed =
        batcher.submit("k", List.of("b")).thenAccept(result -> batcher.close());
    assertNull(closed.join());
    assertThrows(IllegalStateException.class, () -> batcher.submit("k", List.of("x")));
    assertFalse(work.runs.isEmpty());
  }

  @Test
  void whoFindsTheQueueFullIsNotHeldUpUntilTheDelayIsOver() {
    Work work = new Work();
    work.permits.release(10);
    try (RequestBatcher<String, Result> batcher =
        new RequestBatcher<>("the test's batcher", work, Duration.ofHours(1), 7, 1, 1)) {
      CompletableFuture<Result> first = batcher.submit("k", List.of("a", "b", "c")); // 5 positions
      batcher.submit("k", List.of("d")); // 3
      // This ends within the test's minute, not after an hour.
      assertEquals("k a b c", first.join().text);
    }
  }

  static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
