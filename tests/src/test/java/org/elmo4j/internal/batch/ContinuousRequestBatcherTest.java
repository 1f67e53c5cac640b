// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.batch.RequestBatcherTest.Result;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests requests that join running ones. The test decides when work begins and ends. */
@Timeout(60)
class ContinuousRequestBatcherTest {
  /** Work that sentences can join while it runs. The test completes it. */
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
      work.begun.acquireUninterruptibly(); // although no request was completed
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
      // 3 positions each, 12 in all, which is the limit
      for (String kind : List.of("k", "other", "k", "k")) {
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
      // This request wakes the others.
      CompletableFuture<Result> last = batcher.submit("k", List.of());
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
    RequestBatcherTest.join(closer);
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
