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
 * A fixed number of threads that native calls run on, whoever makes them: so at most that many
 * cores and workspaces are in use. Any number of threads may call.
 */
public final class Workers implements AutoCloseable {
  /** How long a worker without work looks for some before it sleeps, in nanoseconds. */
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
   * Whoever takes from it looks for a while before it sleeps: to wake a thread takes long beside
   * the pieces of work of a step, and longer on a virtual machine, whose idle cores sleep too.
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

  /** Whether a task waits for one of them. */
  boolean haveWaiting() {
    return !waiting.isEmpty();
  }

  /** Has a task done that throws nothing, behind those that wait already. */
  void execute(Runnable task) {
    executor.execute(task);
  }

  /**
   * Runs {@code task} for 0 to count - 1 and waits until all have ended, also when the caller is
   * interrupted: native code uses the caller's memory. Once one has failed, those that have not
   * begun are skipped; the first failure is thrown.
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
