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
import java.util.function.IntSupplier;
import org.elmo4j.ElmoException;

/**
 * Has sentences that many threads hand in done together, in one of two ways. Where the work admits
 * sentences to those under way, they begin as soon as it has room. Where it does whole runs, a run
 * begins when enough positions wait, or when the first that waits has waited long enough; while it
 * goes on, the next one gathers, and begins too where several may be under way and it is full. What
 * waits is bounded: who brings more is held up. Any number of threads may use it.
 *
 * @param <K> what a sentence asks for; only sentences that ask for equal things run together
 * @param <R> a result
 */
public final class Merger<K, R extends AutoCloseable> implements AutoCloseable {
  /** Work in whole runs. */
  @FunctionalInterface
  public interface Run<K, R> {
    /** One result a sentence, in order. */
    List<R> run(K kind, List<List<String>> sentences);
  }

  /** Work that sentences join while others are under way. */
  @FunctionalInterface
  public interface Join<K, R> {
    /** Lets sentences join. Throws only if it has told nothing of any. */
    void join(K kind, List<List<String>> sentences, Answers<R> answers);
  }

  /** Takes what became of each sentence: once, from any thread. */
  @FunctionalInterface
  public interface Answers<R> {
    /**
     * The answer to one.
     *
     * @param sentence which of those that began together
     * @param result null where it failed
     * @param failure null where it did not
     */
    void put(int sentence, R result, Throwable failure);
  }

  /** A sentence that was handed in; as a task, it completes its future. */
  private final class Request implements Runnable {
    final K kind;
    final List<String> sentence;
    final CompletableFuture<R> future = new CompletableFuture<>();
    final long arrived = System.nanoTime();
    R result;
    Throwable failure;

    Request(K kind, List<String> sentence) {
      this.kind = kind;
      this.sentence = sentence;
    }

    @Override
    public void run() {
      completing = Thread.currentThread();
      try {
        if (failure != null) {
          future.completeExceptionally(failure);
        } else if (!future.complete(result)) {
          close(result); // It was cancelled meanwhile.
        }
      } catch (Throwable e) {
        future.completeExceptionally(e);
      }
    }

    int positions() {
      return Batches.positions(sentence);
    }
  }

  private final String owner;
  private final Join<K, R> work;
  private final IntSupplier admitted; // how many sentences may join; null for whole runs
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
  private final Deque<Request> queue = new ArrayDeque<>();
  private long queuedPositions;
  private long lastEnd = System.nanoTime() - Long.MAX_VALUE / 2;
  private int expected; // requests that may wait soon after the last run
  private boolean attended; // a runner looks after the queue: one, with a run still to take
  private int underWay; // runs that were taken
  private int unanswered; // requests of these, and of earlier ones
  private boolean closed;

  /**
   * Has sentences join those under way. Nothing waits yet.
   *
   * @param owner what is closed, in messages
   * @param admitted how many had better join now; asked again whenever one is done
   * @param maxPositions positions (tokens and two boundaries a sentence) that join at once, and of
   *     what waits; a single sentence may have more
   */
  public Merger(String owner, Join<K, R> work, IntSupplier admitted, long maxPositions) {
    this.owner = owner;
    this.work = work;
    this.admitted = admitted;
    this.maxPositions = maxPositions;
    delay = 0;
    devices = 1;
    maxRuns = 1;
    runner = threads("elmo4j-merger", 1);
  }

  /**
   * Merges sentences into runs. Nothing waits yet.
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
    this.work = (kind, sentences, answers) -> runWhole(work, kind, sentences, answers);
    this.admitted = null;
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
      Request request = new Request(kind, sentence);
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
      for (List<Request> run; (run = next()) != null; ) {
        begin(run);
        if (!goOn()) {
          return;
        }
      }
    } catch (Throwable e) {
      // No memory for the next run, or a kind that cannot be compared: no future may wait for ever.
      failAll(e);
    }
  }

  private void begin(List<Request> run) {
    try {
      List<List<String>> sentences = new ArrayList<>(run.size());
      run.forEach(request -> sentences.add(request.sentence));
      work.join(
          run.get(0).kind, sentences, (i, result, failure) -> answer(run.get(i), result, failure));
    } catch (Throwable e) {
      run.forEach(request -> answer(request, null, e));
    }
  }

  private void runWhole(Run<K, R> work, K kind, List<List<String>> sentences, Answers<R> answers) {
    List<R> results;
    try {
      results = work.run(kind, sentences);
    } finally {
      noteEnd(sentences.size());
    }
    for (int i = 0; i < sentences.size(); i++) {
      R result = null;
      Throwable failure = null;
      try {
        result = results.get(i);
      } catch (Throwable e) {
        failure = e;
      }
      answers.put(i, result, failure);
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

  /** After a run began or, whole, ended: whether this runner looks after the queue again. */
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

  /** Completes a future on the thread that is there for it, or here if it cannot be had. */
  private void answer(Request request, R result, Throwable failure) {
    request.result = result;
    request.failure = failure;
    try {
      completer.execute(request);
    } catch (Throwable e) {
      request.run();
    }
    lock.lock();
    try {
      if (--unanswered == 0) {
        idle.signalAll();
      }
      if (admitted != null && admitted.getAsInt() > 0) {
        arrival.signal(); // It has made room.
      }
    } finally {
      lock.unlock();
    }
  }

  private void failAll(Throwable failure) {
    lock.lock();
    try {
      attended = false;
      idle.signalAll();
      room.signalAll();
      for (int left = queue.size(); left > 0; left--) { // An action may submit again.
        Request request = queue.poll();
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
  private List<Request> next() {
    lock.lock();
    try {
      while (true) {
        dropCancelled();
        if (queue.isEmpty()) {
          attended = false;
          idle.signalAll();
          return null;
        }
        int most = Integer.MAX_VALUE;
        long wait;
        if (admitted != null) {
          most = admitted.getAsInt();
          wait = most > 0 ? 0 : Long.MAX_VALUE;
        } else {
          wait = untilDue();
        }
        if (wait <= 0) {
          return take(most);
        }
        try {
          arrival.awaitNanos(wait);
        } catch (InterruptedException e) {
          return take(Math.max(1, most)); // Nobody interrupts this thread; if so, it hurries.
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Nanoseconds until what waits shall begin as a run. */
  private long untilDue() {
    // Those whose results have just gone out get their chance to come again: callers that wait for
    // each result would else fall into two groups that take turns. Once they are all here there is
    // nobody to wait for.
    long sinceEnd = System.nanoTime() - lastEnd;
    long waited = Math.min(sinceEnd, System.nanoTime() - queue.peek().arrived);
    boolean free = underWay < devices;
    if (closed
        || queuedPositions >= maxPositions
        || lock.hasWaiters(room)
        || free && sinceEnd < delay && queue.size() >= expected) {
      return 0;
    }
    return free ? delay - waited : Long.MAX_VALUE;
  }

  private void dropCancelled() {
    for (Iterator<Request> i = queue.iterator(); i.hasNext(); ) {
      Request request = i.next();
      if (request.future.isDone()) {
        i.remove();
        queuedPositions -= request.positions();
        room.signalAll();
      }
    }
  }

  /** The first that waits and others of its kind, so many at most. */
  private List<Request> take(int most) {
    List<Request> run = new ArrayList<>();
    K kind = queue.peek().kind;
    long positions = 0;
    for (Request request : queue) {
      if (!request.kind.equals(kind)) {
        continue;
      }
      if (run.size() == most
          || (!run.isEmpty() && positions + request.positions() > maxPositions)) {
        break;
      }
      run.add(request);
      positions += request.positions();
    }
    // Only now, when nothing can fail any more: what has left the queue must run.
    int taken = 0;
    for (Iterator<Request> i = queue.iterator(); taken < run.size(); ) {
      if (i.next() == run.get(taken)) {
        i.remove();
        taken++;
      }
    }
    queuedPositions -= positions;
    room.signalAll();
    underWay++;
    unanswered += run.size();
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
      while (attended || underWay > 0 || unanswered > 0) {
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
