// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.batch;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.elmo4j.ElmoException;

/**
 * Merges sentences that many threads hand in into runs. A run begins when enough positions wait, or
 * when the first that waits has waited long enough; while it goes on, the next one gathers, and
 * begins too where several may be under way and it is full. What waits is bounded: who brings more
 * is held up. Any number of threads may use it.
 *
 * @param <K> what a sentence asks for; only sentences that ask for equal things run together
 * @param <R> a result
 */
public final class Merger<K, R extends AutoCloseable> implements AutoCloseable {
  /** Does the work. */
  @FunctionalInterface
  public interface Run<K, R> {
    /** One result a sentence, in order. */
    List<R> run(K kind, List<List<String>> sentences);
  }

  private static final class Request<K, R> {
    final K kind;
    final List<String> sentence;
    final CompletableFuture<R> future = new CompletableFuture<>();
    final long arrived = System.nanoTime();

    Request(K kind, List<String> sentence) {
      this.kind = kind;
      this.sentence = sentence;
    }

    int positions() {
      return Batches.positions(sentence);
    }
  }

  private final String owner;
  private final Run<K, R> work;
  private final long delay; // ns
  private final long maxPositions;
  private final int devices;
  private final int maxRuns;

  // Threads that end when there is nothing to do. Futures complete on one of their own: what their
  // users hang on to them holds up no run.
  private final ExecutorService runner;
  private final ExecutorService completer = threads("elmo4j-results", 1);
  private volatile Thread completing;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition arrival = lock.newCondition();
  private final Condition room = lock.newCondition();
  private final Condition idle = lock.newCondition();
  private final Deque<Request<K, R>> queue = new ArrayDeque<>();
  private long queuedPositions;
  private long lastEnd = System.nanoTime() - Long.MAX_VALUE / 2;
  private int expected; // requests that may wait soon after the last run
  private boolean attended; // a runner looks after the queue: one, with a run still to take
  private int underWay; // runs that were taken
  private boolean closed;

  /**
   * Nothing waits yet.
   *
   * @param owner what is closed, in messages
   * @param maxDelay how long a sentence waits for others while nothing runs, unless all are there
   *     that the last run answered
   * @param maxPositions positions (tokens and two boundaries a sentence) of one run, and of what
   *     waits; a single sentence may have more
   * @param devices that runs are spread over: while fewer runs than these are under way, the next
   *     begins as if there were none
   * @param maxRuns how many may be under way at a time; those beyond {@code devices} begin only
   *     when they are full, so that small requests still run together
   */
  public Merger(
      String owner,
      Run<K, R> work,
      Duration maxDelay,
      long maxPositions,
      int devices,
      int maxRuns) {
    this.owner = owner;
    this.work = work;
    this.delay = maxDelay.toNanos();
    this.maxPositions = maxPositions;
    this.devices = devices;
    this.maxRuns = maxRuns;
    runner = threads("elmo4j-merger", maxRuns);
  }

  private static ExecutorService threads(String name, int count) {
    ThreadPoolExecutor executor =
        new ThreadPoolExecutor(
            count,
            count,
            1,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            task -> {
              Thread thread = new Thread(task, name);
              thread.setDaemon(true);
              return thread;
            });
    executor.allowCoreThreadTimeOut(true);
    return executor;
  }

  /**
   * Hands in a sentence. Waits while too much waits already. A future that is cancelled before its
   * run begins is dropped.
   *
   * @throws IllegalStateException once closed
   * @throws ElmoException if the thread is interrupted while it waits; it stays interrupted
   */
  public CompletableFuture<R> submit(K kind, List<String> sentence) {
    lock.lock();
    try {
      int positions = Batches.positions(sentence);
      while (!closed && !queue.isEmpty() && queuedPositions + positions > maxPositions) {
        arrival.signal(); // What waits for more gets no more: it is full.
        room.await();
      }
      if (closed) {
        throw new IllegalStateException(owner + " was closed");
      }
      Request<K, R> request = new Request<>(kind, sentence);
      attend();
      queue.add(request);
      queuedPositions += positions;
      arrival.signal();
      return request.future;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ElmoException("submit: expected room in the queue, found an interrupt", e);
    } finally {
      lock.unlock();
    }
  }

  /** Sees to it that somebody looks after the queue, unless enough is under way. */
  private void attend() {
    if (!attended && underWay < maxRuns) {
      runner.execute(this::runAll); // Waits for the lock. No thread to be had: it throws.
      attended = true;
    }
  }

  private void runAll() {
    try {
      for (List<Request<K, R>> run; (run = next()) != null; ) {
        List<R> results = null;
        Throwable failure = null;
        try {
          List<List<String>> sentences = new ArrayList<>(run.size());
          run.forEach(request -> sentences.add(request.sentence));
          results = work.run(run.get(0).kind, sentences);
        } catch (Throwable e) {
          failure = e;
        }
        noteEnd(run.size());
        hand(run, results, failure);
        if (!goOn()) {
          return;
        }
      }
    } catch (Throwable e) {
      // No memory for the next run, or a kind that cannot be compared: no future may wait for ever.
      failAll(e);
    }
  }

  /** Those whose results go out now may come again, and those that wait already are there. */
  private void noteEnd(int handedOut) {
    lock.lock();
    try {
      lastEnd = System.nanoTime();
      expected = queue.size() + handedOut;
    } finally {
      lock.unlock();
    }
  }

  /** After a run: whether this runner shall look after the queue, or another one does. */
  private boolean goOn() {
    lock.lock();
    try {
      underWay--;
      arrival.signal(); // What waited for a run to end may begin.
      boolean mine = !attended;
      attended = true;
      return mine;
    } finally {
      lock.unlock();
    }
  }

  /** Completes futures on the thread that is there for it, or here if it cannot be had. */
  private void hand(List<Request<K, R>> run, List<R> results, Throwable failure) {
    try {
      completer.execute(() -> complete(run, results, failure));
    } catch (Throwable e) {
      complete(run, results, failure);
    }
  }

  private void complete(List<Request<K, R>> run, List<R> results, Throwable failure) {
    completing = Thread.currentThread();
    for (int i = 0; i < run.size(); i++) {
      CompletableFuture<R> future = run.get(i).future;
      try {
        if (results == null) {
          future.completeExceptionally(failure);
        } else if (!future.complete(results.get(i))) {
          close(results.get(i)); // It was cancelled meanwhile.
        }
      } catch (Throwable e) {
        future.completeExceptionally(e); // The others still get theirs.
      }
    }
  }

  private void failAll(Throwable failure) {
    lock.lock();
    try {
      attended = false;
      idle.signalAll();
      room.signalAll();
      for (int left = queue.size(); left > 0; left--) { // An action may submit again.
        Request<K, R> request = queue.poll();
        queuedPositions -= request.positions();
        request.future.completeExceptionally(failure);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Closes a result that nobody waits for. */
  static void close(AutoCloseable result) {
    try {
      result.close();
    } catch (Exception e) {
      throw new ElmoException("result: expected it to close, found " + e, e);
    }
  }

  /** Waits for enough, or for long enough; null once the queue is empty. */
  private List<Request<K, R>> next() {
    lock.lock();
    try {
      while (true) {
        dropCancelled();
        if (queue.isEmpty()) {
          attended = false;
          idle.signalAll();
          return null;
        }
        // Those whose results have just gone out get their chance to come again: callers that wait
        // for each result would else fall into two groups that take turns. Once they are all here
        // there is nobody to wait for.
        long sinceEnd = System.nanoTime() - lastEnd;
        long waited = Math.min(sinceEnd, System.nanoTime() - queue.peek().arrived);
        boolean free = underWay < devices;
        if (closed
            || queuedPositions >= maxPositions
            || lock.hasWaiters(room)
            || free && (waited >= delay || sinceEnd < delay && queue.size() >= expected)) {
          return take();
        }
        try {
          arrival.awaitNanos(free ? delay - waited : Long.MAX_VALUE);
        } catch (InterruptedException e) {
          return take(); // Nobody interrupts this thread; if somebody does, it hurries.
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void dropCancelled() {
    for (Iterator<Request<K, R>> i = queue.iterator(); i.hasNext(); ) {
      Request<K, R> request = i.next();
      if (request.future.isDone()) {
        i.remove();
        queuedPositions -= request.positions();
        room.signalAll();
      }
    }
  }

  /** The first that waits and others of its kind. */
  private List<Request<K, R>> take() {
    List<Request<K, R>> run = new ArrayList<>();
    K kind = queue.peek().kind;
    long positions = 0;
    for (Request<K, R> request : queue) {
      if (!request.kind.equals(kind)) {
        continue;
      }
      if (!run.isEmpty() && positions + request.positions() > maxPositions) {
        break;
      }
      run.add(request);
      positions += request.positions();
    }
    // Only now, when nothing can fail any more: what has left the queue must run.
    int taken = 0;
    for (Iterator<Request<K, R>> i = queue.iterator(); taken < run.size(); ) {
      if (i.next() == run.get(taken)) {
        i.remove();
        taken++;
      }
    }
    queuedPositions -= positions;
    room.signalAll();
    underWay++;
    attended = false;
    if (!queue.isEmpty()) {
      try {
        attend();
      } catch (Throwable e) {
        // Without a thread more the rest waits for the end of this run.
      }
    }
    return run;
  }

  /**
   * Takes nothing more, and waits until all that was handed in is done. From within a future's own
   * actions it does not wait for these. Harmless when repeated.
   */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      arrival.signal();
      room.signalAll();
      while (attended || underWay > 0) {
        idle.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
    runner.shutdown();
    completer.shutdown();
    boolean interrupted = false;
    while (Thread.currentThread() != completing) {
      try {
        if (completer.awaitTermination(1, TimeUnit.HOURS)) {
          break;
        }
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
