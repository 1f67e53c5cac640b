// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend.cpu;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;

/**
 * A fixed number of threads that native calls run on, whoever makes them: so at most that many
 * cores and workspaces are in use. Any number of threads may call.
 */
final class Workers implements AutoCloseable {
  private static final AtomicInteger POOLS = new AtomicInteger();

  private final int threads;
  private final ExecutorService executor;

  Workers(int threads) {
    this.threads = threads;
    int pool = POOLS.incrementAndGet();
    AtomicInteger number = new AtomicInteger();
    ThreadFactory factory =
        task -> {
          Thread thread = new Thread(task, "elmo4j-cpu-" + pool + "-" + number.incrementAndGet());
          thread.setDaemon(true);
          return thread;
        };
    executor = Executors.newFixedThreadPool(threads, factory);
  }

  int threads() {
    return threads;
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
  void run(int count, IntConsumer task) {
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
