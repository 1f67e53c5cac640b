// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.batch;

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

/** Merging, with work whose begin and end the test decides. */
@Timeout(60)
class MergerTest {
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
  private static final class Work implements Merger.Run<String, Result> {
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

  private static Merger<String, Result> merger(Work work, long maxPositions) {
    return merger(work, maxPositions, 1, 1);
  }

  private static Merger<String, Result> merger(
      Work work, long maxPositions, int devices, int maxRuns) {
    return new Merger<>("the test's merger", work, Duration.ZERO, maxPositions, devices, maxRuns);
  }

  @Test
  void whatComesDuringARunRunsTogetherNext() {
    Work work = new Work();
    try (Merger<String, Result> merger = merger(work, 1000)) {
      merger.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      List<CompletableFuture<Result>> futures = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        futures.add(merger.submit("k", List.of("s" + i)));
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
    try (Merger<String, Result> merger = merger(work, 12)) { // 4 sentences of 3 positions
      merger.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      merger.submit("a", List.of("0"));
      merger.submit("b", List.of("1"));
      merger.submit("a", List.of("2"));
      merger.submit("b", List.of("3"));
      Thread more =
          new Thread(
              () -> {
                merger.submit("b", List.of("4"));
                merger.submit("b", List.of("5", "is", "long"));
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
    try (Merger<String, Result> merger = merger(work, 3)) {
      List<String> huge = Collections.nCopies(50, "x");
      assertEquals("k " + String.join(" ", huge), merger.submit("k", huge).join().text);
    }
  }

  @Test
  void submittingIntoAFullQueueWaitsForRoom() throws Exception {
    Work work = new Work();
    try (Merger<String, Result> merger = merger(work, 6)) {
      merger.submit("k", List.of("running"));
      work.begun.acquireUninterruptibly();
      merger.submit("k", List.of("queued"));
      merger.submit("k", List.of("queued"));
      CountDownLatch through = new CountDownLatch(1);
      Thread third =
          new Thread(
              () -> {
                merger.submit("k", List.of("held up"));
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
    try (Merger<String, Result> merger = merger(work, 3)) {
      merger.submit("k", List.of("running"));
      work.begun.acquireUninterruptibly();
      merger.submit("k", List.of("queued"));
      Thread.currentThread().interrupt();
      assertThrows(ElmoException.class, () -> merger.submit("k", List.of("held up")));
      assertTrue(Thread.interrupted());
      work.permits.release(10);
    }
    assertEquals(2, work.runs.size());
  }

  @Test
  void aFutureCancelledBeforeItsRunIsDropped() {
    Work work = new Work();
    try (Merger<String, Result> merger = merger(work, 100)) {
      merger.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      CompletableFuture<Result> dropped = merger.submit("k", List.of("dropped"));
      CompletableFuture<Result> kept = merger.submit("k", List.of("kept"));
      assertTrue(dropped.cancel(true));
      work.permits.release(10);
      kept.join();
    }
    assertEquals(List.of("k", "kept"), work.runs.get(1));
  }

  @Test
  void theResultOfAFutureCancelledDuringItsRunIsClosed() {
    Work work = new Work();
    try (Merger<String, Result> merger = merger(work, 100)) {
      CompletableFuture<Result> future = merger.submit("k", List.of("late"));
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
    try (Merger<String, Result> merger =
        new Merger<>(
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
      CompletableFuture<Result> failed = merger.submit("k", List.of("a"));
      assertSame(failure, assertThrows(CompletionException.class, failed::join).getCause());
      assertEquals("b", merger.submit("k", List.of("b")).join().text);
    }
  }

  @Test
  void noCallerWaitsOnceAllAreBackThatTheLastRunAnswered() {
    Work work = new Work();
    work.permits.release(10);
    try (Merger<String, Result> merger =
        new Merger<>("the test's merger", work, Duration.ofHours(1), 6, 1, 1)) {
      CompletableFuture<Result> a = merger.submit("k", List.of("a")); // 3 positions each: full
      CompletableFuture<Result> b = merger.submit("k", List.of("b"));
      a.join();
      b.join();
      CompletableFuture<Result> again = merger.submit("k", List.of()); // 2: not full any more
      merger.submit("k", List.of()).join();
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
    try (Merger<Object, Result> merger =
        new Merger<>("m", (k, sentences) -> List.of(), Duration.ofDays(1), 6, 1, 1)) {
      CompletableFuture<Result> a = merger.submit(kind, List.of("a"));
      CompletableFuture<Result> b = merger.submit(kind, List.of("b")); // full
      assertSame(failure, assertThrows(CompletionException.class, a::join).getCause());
      assertSame(failure, assertThrows(CompletionException.class, b::join).getCause());
      CompletableFuture<Result> c = merger.submit(kind, List.of("c", "d", "e", "f")); // and on
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
    try (Merger<String, AutoCloseable> merger =
        new Merger<>(
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
      CompletableFuture<AutoCloseable> cancelled = merger.submit("k", List.of("a"));
      CompletableFuture<AutoCloseable> answered = merger.submit("k", List.of("b"));
      CompletableFuture<AutoCloseable> missing = merger.submit("k", List.of("c")); // full
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
    Merger<String, Result> merger =
        new Merger<>("the test's merger", work, Duration.ofHours(1), 100, 1, 1);
    List<CompletableFuture<Result>> futures = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      futures.add(merger.submit("k", List.of("s" + i)));
    }
    work.permits.release(10);
    merger.close(); // Does not wait for the hour to pass.
    for (int i = 0; i < 10; i++) {
      assertEquals("k s" + i, futures.get(i).getNow(null).text);
    }
    assertEquals(
        "the test's merger was closed",
        assertThrows(IllegalStateException.class, () -> merger.submit("k", List.of("x")))
            .getMessage());
    merger.close();
  }

  @Test
  void closingRefusesThoseThatWaitForRoom() throws Exception {
    Work work = new Work();
    Merger<String, Result> merger = merger(work, 3);
    merger.submit("k", List.of("running"));
    work.begun.acquireUninterruptibly();
    merger.submit("k", List.of("queued"));
    CompletableFuture<Throwable> refused = new CompletableFuture<>();
    Thread waiting =
        new Thread(
            () -> {
              try {
                merger.submit("k", List.of("held up"));
                refused.complete(null);
              } catch (Throwable e) {
                refused.complete(e);
              }
            });
    waiting.start();
    while (waiting.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    Thread closer = new Thread(merger::close);
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
    Merger<String, Result> merger = merger(work, 3);
    CompletableFuture<Result> second =
        merger
            .submit("k", List.of("a"))
            .thenCompose(first -> merger.submit("k", List.of("after", first.text)));
    assertEquals("k after k a", second.join().text);
    CompletableFuture<Void> closed =
        merger.submit("k", List.of("b")).thenAccept(result -> merger.close());
    assertNull(closed.join());
    assertThrows(IllegalStateException.class, () -> merger.submit("k", List.of("x")));
    assertFalse(work.runs.isEmpty());
  }

  @Test
  void whoFindsTheQueueFullIsNotHeldUpUntilTheDelayIsOver() {
    Work work = new Work();
    work.permits.release(10);
    try (Merger<String, Result> merger =
        new Merger<>("the test's merger", work, Duration.ofHours(1), 7, 1, 1)) {
      CompletableFuture<Result> first = merger.submit("k", List.of("a", "b", "c")); // 5 positions
      merger.submit("k", List.of("d")); // 3
      assertEquals("k a b c", first.join().text); // Within the test's minute, not in an hour.
    }
  }

  @Test
  void aSecondRunOfADeviceBeginsOnceItIsFull() {
    Work work = new Work();
    try (Merger<String, Result> merger = merger(work, 12, 1, 2)) { // 4 sentences of 3 positions
      merger.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      for (int i = 0; i < 4; i++) {
        merger.submit("k", List.of("s" + i));
      }
      work.begun.acquireUninterruptibly(); // and the first goes on
      for (int i = 4; i < 8; i++) {
        merger.submit("k", List.of("s" + i));
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
    try (Merger<String, Result> merger = merger(work, 100, 1, 2)) {
      merger.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      CompletableFuture<Result> a = merger.submit("k", List.of("a"));
      CompletableFuture<Result> b = merger.submit("k", List.of("b"));
      work.permits.release(2);
      assertEquals("k a", a.join().text);
      assertEquals("k b", b.join().text);
    }
    assertEquals(List.of(List.of("k", "first"), List.of("k", "a", "b")), work.runs);
  }

  @Test
  void onSeveralDevicesRunsBeginSideBySide() {
    Work work = new Work();
    try (Merger<String, Result> merger = merger(work, 100, 2, 4)) {
      merger.submit("k", List.of("a"));
      work.begun.acquireUninterruptibly();
      merger.submit("k", List.of("b"));
      work.begun.acquireUninterruptibly();
      merger.submit("k", List.of("c")); // Not full: it waits for one of them to end.
      merger.submit("k", List.of("d"));
      work.permits.release(3);
    }
    assertEquals(List.of(List.of("k", "a"), List.of("k", "b"), List.of("k", "c", "d")), work.runs);
  }

  @Test
  void closingWaitsForAllRunsUnderWay() {
    Work work = new Work();
    Merger<String, Result> merger = merger(work, 3, 1, 3);
    List<CompletableFuture<Result>> futures = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      futures.add(merger.submit("k", List.of("s" + i)));
      work.begun.acquireUninterruptibly();
    }
    futures.add(merger.submit("k", List.of("s3")));
    Thread closer = new Thread(merger::close);
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
    try (Merger<String, Result> merger =
        new Merger<>(
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
                    CompletableFuture<Result> one = merger.submit(name, List.of(name + i));
                    CompletableFuture<Result> two = merger.submit("all", List.of(name + i));
                    if (!one.join().text.equals(name + i) || !two.join().text.equals(name + i)) {
                      wrong.incrementAndGet();
                    }
                  }
                }));
      }
      threads.forEach(Thread::start);
      threads.forEach(MergerTest::join);
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

  /** Work that sentences join; the test answers. */
  private static final class Joining implements Merger.Join<String, Result> {
    final List<List<String>> joined = Collections.synchronizedList(new ArrayList<>());
    final List<Merger.Answers<Result>> answers = Collections.synchronizedList(new ArrayList<>());
    final Semaphore begun = new Semaphore(0);
    volatile int room = 100;

    @Override
    public void join(String kind, List<List<String>> sentences, Merger.Answers<Result> answers) {
      List<String> all = new ArrayList<>(List.of(kind));
      sentences.forEach(sentence -> all.add(String.join(" ", sentence)));
      joined.add(all);
      this.answers.add(answers);
      begun.release();
    }

    Merger<String, Result> merger() {
      return new Merger<>("the test's merger", this, () -> room, 12);
    }
  }

  @Test
  void whereThereIsRoomASentenceJoinsThoseUnderWay() {
    Joining work = new Joining();
    try (Merger<String, Result> merger = work.merger()) {
      CompletableFuture<Result> a = merger.submit("k", List.of("a"));
      work.begun.acquireUninterruptibly();
      CompletableFuture<Result> b = merger.submit("other", List.of("b"));
      work.begun.acquireUninterruptibly(); // though nothing was answered
      assertEquals(List.of(List.of("k", "a"), List.of("other", "b")), work.joined);
      work.answers.get(1).put(0, new Result("second"), null);
      assertEquals("second", b.join().text);
      assertFalse(a.isDone());
      work.answers.get(0).put(0, new Result("first"), null);
      assertEquals("first", a.join().text);
    }
  }

  @Test
  void whatFindsNoRoomJoinsTogetherOnceThereIsSome() {
    Joining work = new Joining();
    try (Merger<String, Result> merger = work.merger()) {
      merger.submit("k", List.of("first"));
      work.begun.acquireUninterruptibly();
      work.room = 0;
      List<CompletableFuture<Result>> waiting = new ArrayList<>();
      for (String kind : List.of("k", "other", "k", "k")) { // 3 positions each: full
        waiting.add(merger.submit(kind, List.of("s" + waiting.size())));
      }
      assertTrue(waiting.get(2).cancel(false));
      assertFalse(work.begun.tryAcquire());
      work.room = 1;
      work.answers.get(0).put(0, new Result("x"), null);
      work.begun.acquireUninterruptibly(3);
      assertEquals(
          List.of(
              List.of("k", "first"),
              List.of("k", "s0"),
              List.of("other", "s1"),
              List.of("k", "s3")),
          work.joined);
      work.answers.subList(1, 4).forEach(answers -> answers.put(0, new Result("x"), null));
    }
  }

  @Test
  void aJoinTakesNoMoreThanThereIsRoomFor() {
    Joining work = new Joining();
    work.room = 0;
    try (Merger<String, Result> merger = work.merger()) {
      for (int i = 0; i < 3; i++) {
        merger.submit("k", List.of("s" + i));
      }
      work.room = 3;
      CompletableFuture<Result> last = merger.submit("k", List.of()); // It wakes the others.
      work.begun.acquireUninterruptibly(2);
      assertEquals(List.of(List.of("k", "s0", "s1", "s2"), List.of("k", "")), work.joined);
      work.answers.get(1).put(0, new Result("last"), null);
      assertEquals("last", last.join().text);
      for (int i = 2; i >= 0; i--) { // in any order
        work.answers.get(0).put(i, new Result("x"), null);
      }
    }
  }

  @Test
  void closingWaitsForAnswersAndClosesThoseThatNobodyWantsAnyMore() {
    Joining work = new Joining();
    Merger<String, Result> merger = work.merger();
    CompletableFuture<Result> cancelled = merger.submit("k", List.of("a"));
    work.begun.acquireUninterruptibly();
    CompletableFuture<Result> failed = merger.submit("k", List.of("b"));
    work.begun.acquireUninterruptibly();
    assertTrue(cancelled.cancel(false));
    Thread closer = new Thread(merger::close);
    closer.start();
    while (closer.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    Result late = new Result("late");
    ElmoException failure = new ElmoException("no luck");
    work.answers.get(0).put(0, late, null);
    work.answers.get(1).put(0, null, failure);
    join(closer);
    assertTrue(late.closed);
    assertSame(failure, assertThrows(CompletionException.class, failed::join).getCause());
  }

  @Test
  void aJoinThatThrowsFailsItsSentencesAndNoOther() {
    ElmoException failure = new ElmoException("no luck");
    AtomicInteger joins = new AtomicInteger();
    try (Merger<String, Result> merger =
        new Merger<>(
            "m",
            (kind, sentences, answers) -> {
              if (joins.incrementAndGet() == 1) {
                throw failure;
              }
              answers.put(0, new Result(sentences.get(0).get(0)), null);
            },
            () -> 1,
            12)) {
      CompletableFuture<Result> first = merger.submit("k", List.of("a"));
      assertSame(failure, assertThrows(CompletionException.class, first::join).getCause());
      assertEquals("b", merger.submit("k", List.of("b")).join().text);
    }
  }
}
