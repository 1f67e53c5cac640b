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

/** Dynamic batching, with work whose begin and end the test decides. */
@Timeout(60)
class RequestBatcherTest {
  /** A sentence's text, and whether it was closed. */
  private static final class Result implements AutoCloseable {
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

  /** Work that notes its runs and waits for the test's permits. */
  private static final class Work implements RequestBatcher.BatchWork<String, Result> {
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

  private static RequestBatcher<String, Result> batcher(
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
      CompletableFuture<Result> a = batcher.submit("k", List.of("a")); // 3 positions each: full
      CompletableFuture<Result> b = batcher.submit("k", List.of("b"));
      a.join();
      b.join();
      CompletableFuture<Result> again = batcher.submit("k", List.of()); // 2: not full any more
      batcher.submit("k", List.of()).join();
      again.join(); // Within the test's minute, not in an hour.
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
      CompletableFuture<Result> b = batcher.submit(kind, List.of("b")); // full
      assertSame(failure, assertThrows(CompletionException.class, a::join).getCause());
      assertSame(failure, assertThrows(CompletionException.class, b::join).getCause());
      CompletableFuture<Result> c = batcher.submit(kind, List.of("c", "d", "e", "f")); // and on
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
      CompletableFuture<AutoCloseable> missing = batcher.submit("k", List.of("c")); // full
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
    batcher.close(); // Does not wait for the hour to pass.
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
      assertEquals("k a b c", first.join().text); // Within the test's minute, not in an hour.
    }
  }

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
      work.begun.acquireUninterruptibly(); // and the first goes on
      for (int i = 4; i < 8; i++) {
        batcher.submit("k", List.of("s" + i));
      }
      assertEquals(2, work.runs.size()); // A third may not be under way.
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
      batcher.submit("k", List.of("c")); // Not full: it waits for one of them to end.
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

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Work that sentences join; the test completion. */
  private static final class Continuous implements RequestBatcher.ContinuousWork<String, Result> {
    final List<List<String>> joined = Collections.synchronizedList(new ArrayList<>());
    final List<RequestBatcher.Completion<Result>> completion =
        Collections.synchronizedList(new ArrayList<>());
    final Semaphore begun = new Semaphore(0);
    volatile int room = 100;

    @Override
    public void start(
        String kind, List<List<String>> sentences, RequestBatcher.Completion<Result> completion) {
      List<String> all = new ArrayList<>(List.of(kind));
      sentences.forEach(sentence -> all.add(String.join(" ", sentence)));
      joined.add(all);
      this.completion.add(completion);
      begun.release();
    }

    RequestBatcher<String, Result> batcher() {
      return new RequestBatcher<>("the test's batcher", this, () -> room, 12);
    }
  }

  @Test
  void whereThereIsRoomASentenceJoinsThoseUnderWay() {
    Continuous work = new Continuous();
    try (RequestBatcher<String, Result> batcher = work.batcher()) {
      CompletableFuture<Result> a = batcher.submit("k", List.of("a"));
      work.begun.acquireUninterruptibly();
      CompletableFuture<Result> b = batcher.submit("other", List.of("b"));
      work.begun.acquireUninterruptibly(); // though nothing was answered
      assertEquals(List.of(List.of("k", "a"), List.of("other", "b")), work.joined);
      work.completion.get(1).complete(0, new Result("second"), null);
      assertEquals("second", b.join().text);
      assertFalse(a.isDone());
      work.completion.get(0).complete(0, new Result("first"), null);
      assertEquals("first", a.join().text);
    }
  }

  @Test
  void whatFindsNoRoomJoinsTogetherOnceThereIsSome() {
    Continuous work = new Continuous();
    try (RequestBatcher<String, Result> batcher = work.batcher()) {
      batcher.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      work.room = 0;
      List<CompletableFuture<Result>> waiting = new ArrayList<>();
      for (String kind : List.of("k", "other", "k", "k")) { // 3 positions each: full
        waiting.add(batcher.submit(kind, List.of("s" + waiting.size())));
      }
      assertTrue(waiting.get(2).cancel(false));
      assertFalse(work.begun.tryAcquire());
      work.room = 1;
      work.completion.get(0).complete(0, new Result("x"), null);
      work.begun.acquireUninterruptibly(3);
      assertEquals(
          List.of(
              List.of("k", "first"),
              List.of("k", "s0"),
              List.of("other", "s1"),
              List.of("k", "s3")),
          work.joined);
      work.completion
          .subList(1, 4)
          .forEach(completion -> completion.complete(0, new Result("x"), null));
    }
  }

  @Test
  void aJoinTakesNoMoreThanThereIsRoomFor() {
    Continuous work = new Continuous();
    work.room = 0;
    try (RequestBatcher<String, Result> batcher = work.batcher()) {
      for (int i = 0; i < 3; i++) {
        batcher.submit("k", List.of("s" + i));
      }
      work.room = 3;
      CompletableFuture<Result> last = batcher.submit("k", List.of()); // It wakes the others.
      work.begun.acquireUninterruptibly(2);
      assertEquals(List.of(List.of("k", "s0", "s1", "s2"), List.of("k", "")), work.joined);
      work.completion.get(1).complete(0, new Result("last"), null);
      assertEquals("last", last.join().text);
      for (int i = 2; i >= 0; i--) { // in any order
        work.completion.get(0).complete(i, new Result("x"), null);
      }
    }
  }

  @Test
  void closingWaitsForAnswersAndClosesThoseThatNobodyWantsAnyMore() {
    Continuous work = new Continuous();
    RequestBatcher<String, Result> batcher = work.batcher();
    CompletableFuture<Result> cancelled = batcher.submit("k", List.of("a"));
    work.begun.acquireUninterruptibly();
    CompletableFuture<Result> failed = batcher.submit("k", List.of("b"));
    work.begun.acquireUninterruptibly();
    assertTrue(cancelled.cancel(false));
    Thread closer = new Thread(batcher::close);
    closer.start();
    while (closer.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    Result late = new Result("late");
    ElmoException failure = new ElmoException("no luck");
    work.completion.get(0).complete(0, late, null);
    work.completion.get(1).complete(0, null, failure);
    join(closer);
    assertTrue(late.closed);
    assertSame(failure, assertThrows(CompletionException.class, failed::join).getCause());
  }

  @Test
  void aJoinThatThrowsFailsItsSentencesAndNoOther() {
    ElmoException failure = new ElmoException("no luck");
    AtomicInteger joins = new AtomicInteger();
    try (RequestBatcher<String, Result> batcher =
        new RequestBatcher<>(
            "m",
            (kind, sentences, completion) -> {
              if (joins.incrementAndGet() == 1) {
                throw failure;
              }
              completion.complete(0, new Result(sentences.get(0).get(0)), null);
            },
            () -> 1,
            12)) {
      CompletableFuture<Result> first = batcher.submit("k", List.of("a"));
      assertSame(failure, assertThrows(CompletionException.class, first::join).getCause());
      assertEquals("b", batcher.submit("k", List.of("b")).join().text);
    }
  }
}
