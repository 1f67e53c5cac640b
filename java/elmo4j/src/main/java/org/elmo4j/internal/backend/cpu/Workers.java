// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;

/**
 * A fixed number of threads on which all native calls run, so that at most that many cores and
 * workspaces are in use. Thread-safe.
 */
public final class Workers implements AutoCloseable {
  /** How long an idle worker polls for tasks before it sleeps, in nanoseconds. */
  private static final long AWAKE = 1_000_000;

  private static final AtomicInteger POOLS = new AtomicInteger();

  private final int threads;
  private final EagerQueue<Runnable> waiting = new EagerQueue<>();
  private final ExecutorService executor;

  /**
   * @param threads 1 or more
   */
  public Workers(int threads) {
    this.threads = threads;
    int pool = POOLS.incrementAndGet();
    AtomicInteger number = new AtomicInteger();
    ThreadFactory factory =
        task -> {
          Thread thread = new Thread(task, "elmo4j-cpu-" + pool + "-" + number.incrementAndGet());
          thread.setDaemon(true);
          return thread;
        };
    executor = new ThreadPoolExecutor(threads, threads, 0, TimeUnit.SECONDS, waiting, factory);
  }

  /**
   * A queue whose consumers poll for a while before they sleep. Waking a thread takes long compared
   * with the tasks of a step, and longer on a virtual machine, whose idle cores sleep too.
   */
  private static final class EagerQueue<T> extends LinkedBlockingQueue<T> {
    private static final long serialVersionUID = 1;

    @Override
    public T take() throws InterruptedException {
      T next;
      long until = System.nanoTime() + AWAKE;
      while ((next = poll()) == null && System.nanoTime() - until < 0) {
        Thread.yield();
      }
      return next != null ? next : super.take();
    }
  }

  int threads() {
    return threads;
  }

  /** Returns whether a task waits for a worker. */
  boolean haveWaiting() {
    return !waiting.isEmpty();
  }

  /** Queues a task behind the waiting ones. The task must not throw. */
  void execute(Runnable task) {
    executor.execute(task);
  }

  /**
   * Runs {@code task} for 0 to count - 1 and waits until all calls have ended, even if the calling
   * thread is interrupted, because native code uses the caller's memory. After a failure, calls
   * that have not begun are skipped, and the first failure is thrown.
   */
  public void run(int count, IntConsumer task) {
    if (count == 0) {
      return;
    }
    CountDownLatch latch = new CountDownLatch(count);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    for (int i = 0; i < count; i++) {
      int index = i;
      executor.execute(
          () -> {
            try {
              if (failure.get() == null) {
                task.accept(index);
              }
            } catch (Throwable e) {
              failure.compareAndSet(null, e);
            } finally {
              latch.countDown();
            }
          });
    }
    boolean interrupted = false;
    while (true) {
      try {
        latch.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    Throwable e = failure.get();
    if (e instanceof RuntimeException) {
      throw (RuntimeException) e;
    }
    if (e instanceof Error) {
      throw (Error) e;
    }
  }

  @Override
  public void close() {
    executor.shutdown();
  }
}
