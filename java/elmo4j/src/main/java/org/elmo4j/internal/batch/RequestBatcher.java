// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

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
 * Batches sentences that many threads submit (dynamic batching). There are two modes. In continuous
 * mode a sentence joins those that are already running as soon as the work has a free slot. In
 * batch mode sentences wait until enough positions are queued, or until the oldest has waited long
 * enough, and then run together; the next batch collects meanwhile, and starts early if it is full
 * and the work allows several runs at once. The queue is bounded: a thread that submits to a full
 * queue waits. Thread-safe.
 *
 * @param <K> the outputs that a sentence requests; only sentences that request the same outputs run
 *     together
 * @param <R> a result
 */
public final class RequestBatcher<K, R extends AutoCloseable> implements AutoCloseable {
  /** Work that runs whole batches. */
  @FunctionalInterface
  public interface BatchWork<K, R> {
    /** Returns one result for each sentence, in order. */
    List<R> run(K kind, List<List<String>> sentences);
  }

  /** Work that takes new sentences while others are running. */
  @FunctionalInterface
  public interface ContinuousWork<K, R> {
    /** Starts sentences and returns. It may throw only if it has not completed any of them. */
    void start(K kind, List<List<String>> sentences, Completion<R> completion);
  }

  /** Receives the outcome of each sentence: once, on any thread. */
  @FunctionalInterface
  public interface Completion<R> {
    /**
     * Completes one sentence.
     *
     * @param sentence its index among those that started together
     * @param result null if it failed
     * @param failure null if it succeeded
     */
    void complete(int sentence, R result, Throwable failure);
  }

  /** A queued sentence. Run as a task, it completes its future. */
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
      completionThread = Thread.currentThread();
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
  private final ContinuousWork<K, R> work;
  private final IntSupplier freeSlots; // how many sentences may start now; null in batch mode
  private final long delay; // ns
  private final long maxPositions;
  private final int devices;
  private final int maxRuns;

  // Threads that end when there is nothing to do. Futures are completed on a thread of their own,
  // so that the actions that callers attach to them delay no run.
  private final ExecutorService runner;
  private final ExecutorService completer = threads("elmo4j-results", 1);
  private volatile Thread completionThread;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition arrival = lock.newCondition();
  private final Condition notFull = lock.newCondition();
  private final Condition idle = lock.newCondition();
  private final Deque<Request> queue = new ArrayDeque<>();
  private long queuedPositions;
  private long lastEnd = System.nanoTime() - Long.MAX_VALUE / 2;
  private int expected; // requests that may arrive soon after the last run
  private boolean runnerActive; // a runner thread serves the queue; at most one does
  private int underWay; // runs that have started and not ended
  private int incomplete; // requests that have left the queue and are not complete
  private boolean closed;

  /**
   * Creates a batcher in continuous mode.
   *
   * @param owner the name of the owner in the message of a closed one
   * @param freeSlots how many sentences should start now; it is called again whenever one completes
   * @param maxPositions the most positions (tokens and two boundaries of each sentence) that start
   *     at once, and of the queue; a single sentence may have more
   */
  public RequestBatcher(
      String owner, ContinuousWork<K, R> work, IntSupplier freeSlots, long maxPositions) {
    this.owner = owner;
    this.work = work;
    this.freeSlots = freeSlots;
    this.maxPositions = maxPositions;
    delay = 0;
    devices = 1;
    maxRuns = 1;
    runner = threads("elmo4j-requestBatcher", 1);
  }

  /**
   * Creates a batcher in batch mode.
   *
   * @param owner the name of the owner in the message of a closed one
   * @param maxDelay how long a sentence waits for others while nothing runs; the wait ends when all
   *     callers that got a result from the last run have submitted again
   * @param maxPositions the most positions (tokens and two boundaries of each sentence) of one run,
   *     and of the queue; a single sentence may have more
   * @param devices the number of devices; while fewer runs than this are active, the next run
   *     starts as if none were
   * @param maxRuns the most runs that may be active at a time; those beyond {@code devices} start
   *     only when they are full, so that small requests still run together
   */
  public RequestBatcher(
      String owner,
      BatchWork<K, R> work,
      Duration maxDelay,
      long maxPositions,
      int devices,
      int maxRuns) {
    this.owner = owner;
    this.work = (kind, sentences, completion) -> runWhole(work, kind, sentences, completion);
    this.freeSlots = null;
    this.delay = maxDelay.toNanos();
    this.maxPositions = maxPositions;
    this.devices = devices;
    this.maxRuns = maxRuns;
    runner = threads("elmo4j-requestBatcher", maxRuns);
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
   * Queues a sentence. Waits while the queue is full. A future that is cancelled before its run
   * starts is dropped.
   *
   * @throws IllegalStateException once closed
   * @throws ElmoException if the thread is interrupted while it waits; it stays interrupted
   */
  public CompletableFuture<R> submit(K kind, List<String> sentence) {
    lock.lock();
    try {
      int positions = Batches.positions(sentence);
      while (!closed && !queue.isEmpty() && queuedPositions + positions > maxPositions) {
        arrival.signal(); // The queue is full, so waiting for more is useless.
        notFull.await();
      }
      if (closed) {
        throw new IllegalStateException(owner + " was closed");
      }
      Request request = new Request(kind, sentence);
      ensureRunner();
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

  /** Starts a runner for the queue if there is none and another run may start. */
  private void ensureRunner() {
    if (!runnerActive && underWay < maxRuns) {
      runner.execute(
          this::runAll); // The runner waits for the lock. This throws if no thread can be started.
      runnerActive = true;
    }
  }

  private void runAll() {
    try {
      for (List<Request> run; (run = awaitRun()) != null; ) {
        startRun(run);
        if (!keepsRunning()) {
          return;
        }
      }
    } catch (Throwable e) {
      // There is no memory for the next run, or the kinds cannot be compared. No future may wait
      // forever.
      failAll(e);
    }
  }

  private void startRun(List<Request> run) {
    try {
      List<List<String>> sentences = new ArrayList<>(run.size());
      run.forEach(request -> sentences.add(request.sentence));
      work.start(
          run.get(0).kind,
          sentences,
          (i, result, failure) -> complete(run.get(i), result, failure));
    } catch (Throwable e) {
      run.forEach(request -> complete(request, null, e));
    }
  }

  private void runWhole(
      BatchWork<K, R> work, K kind, List<List<String>> sentences, Completion<R> completion) {
    List<R> results;
    try {
      results = work.run(kind, sentences);
    } finally {
      recordEnd(sentences.size());
    }
    for (int i = 0; i < sentences.size(); i++) {
      R result = null;
      Throwable failure = null;
      try {
        result = results.get(i);
      } catch (Throwable e) {
        failure = e;
      }
      completion.complete(i, result, failure);
    }
  }

  /**
   * Callers that get a result now may submit again soon. Those in the queue have already done so.
   */
  private void recordEnd(int handedOut) {
    lock.lock();
    try {
      lastEnd = System.nanoTime();
      expected = queue.size() + handedOut;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Called after a run has started (continuous mode) or ended (batch mode). Returns whether this
   * thread continues to serve the queue.
   */
  private boolean keepsRunning() {
    lock.lock();
    try {
      underWay--;
      arrival.signal(); // A run that waited for this one to end may start.
      boolean mine = !runnerActive;
      runnerActive = true;
      return mine;
    } finally {
      lock.unlock();
    }
  }

  /** Completes a future on the completion thread, or on this thread if there is none. */
  private void complete(Request request, R result, Throwable failure) {
    request.result = result;
    request.failure = failure;
    try {
      completer.execute(request);
    } catch (Throwable e) {
      request.run();
    }
    lock.lock();
    try {
      if (--incomplete == 0) {
        idle.signalAll();
      }
      if (freeSlots != null && freeSlots.getAsInt() > 0) {
        arrival.signal(); // This has made the queue shorter, so it is no longer full.
      }
    } finally {
      lock.unlock();
    }
  }

  private void failAll(Throwable failure) {
    lock.lock();
    try {
      runnerActive = false;
      idle.signalAll();
      notFull.signalAll();
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
      throw new ElmoException("result: expected it to close, found " + e.getMessage(), e);
    }
  }

  /** Waits until a run may start and dequeues it; null once the queue is empty. */
  private List<Request> awaitRun() {
    lock.lock();
    try {
      while (true) {
        dropCancelled();
        if (queue.isEmpty()) {
          runnerActive = false;
          idle.signalAll();
          return null;
        }
        int most = Integer.MAX_VALUE;
        long wait;
        if (freeSlots != null) {
          most = freeSlots.getAsInt();
          wait = most > 0 ? 0 : Long.MAX_VALUE;
        } else {
          wait = untilDue();
        }
        if (wait <= 0) {
          return dequeue(most);
        }
        try {
          arrival.awaitNanos(wait);
        } catch (InterruptedException e) {
          return dequeue(
              Math.max(
                  1,
                  most)); // Nobody interrupts this thread. If somebody did, the run would start at
          // once.
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Nanoseconds until the queued sentences start as a run. */
  private long untilDue() {
    // Callers whose results were just delivered get a moment to submit again. Otherwise callers
    // that wait for each result would split into two groups that take turns. Once all of them are
    // here, there is nobody to wait for.
    long sinceEnd = System.nanoTime() - lastEnd;
    long waited = Math.min(sinceEnd, System.nanoTime() - queue.peek().arrived);
    boolean free = underWay < devices;
    if (closed
        || queuedPositions >= maxPositions
        || lock.hasWaiters(notFull)
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
        notFull.signalAll();
      }
    }
  }

  /** Removes the oldest request and others of its kind from the queue, at most {@code most}. */
  private List<Request> dequeue(int most) {
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
    // Only now, when nothing can fail any more, since every request that has left the queue must
    // run.
    int taken = 0;
    for (Iterator<Request> i = queue.iterator(); taken < run.size(); ) {
      if (i.next() == run.get(taken)) {
        i.remove();
        taken++;
      }
    }
    queuedPositions -= positions;
    notFull.signalAll();
    underWay++;
    incomplete += run.size();
    runnerActive = false;
    if (!queue.isEmpty()) {
      try {
        ensureRunner();
      } catch (Throwable e) {
        // If no further thread can be started, the rest waits for the end of this run.
      }
    }
    return run;
  }

  /**
   * Accepts no more sentences and waits until all submitted ones are complete. If an action of a
   * future calls it, it does not wait for that action. Further calls have no effect.
   */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      arrival.signal();
      notFull.signalAll();
      while (runnerActive || underWay > 0 || incomplete > 0) {
        idle.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
    runner.shutdown();
    completer.shutdown();
    boolean interrupted = false;
    while (Thread.currentThread() != completionThread) {
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
