// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.elmo4j.Device;
import org.elmo4j.ElmoModel;
import org.elmo4j.Precision;
import org.elmo4j.Statistics;

/**
 * The loaded models of this JVM: one for each content, device and precision, shared by all tasks.
 * The first task loads a model. It is closed after no task has used it for a while. Thread-safe.
 */
final class SharedModels {
  private record Key(String content, Device device, Precision precision) {}

  private static final class Entry {
    int users;
    Future<?> closing;
    // Written under the entry's own lock, so that other models do not wait for a load.
    volatile ElmoModel model;
    // The word cache hits and misses already counted. Guarded by the entry's own lock.
    long hits;
    long misses;
  }

  private static final Map<Key, Entry> ENTRIES = new HashMap<>();
  private static final ScheduledThreadPoolExecutor TIMER =
      new ScheduledThreadPoolExecutor(
          1,
          task -> {
            Thread thread = new Thread(task, "elmo4j-idle-models");
            thread.setDaemon(true);
            return thread;
          });

  static {
    TIMER.setRemoveOnCancelPolicy(true);
    TIMER.setKeepAliveTime(10, TimeUnit.SECONDS);
    TIMER.allowCoreThreadTimeOut(true);
  }

  private SharedModels() {}

  /** A model in use by one task. Not thread-safe. */
  static final class Lease implements AutoCloseable {
    private final Key key;
    private final Entry entry;
    private final int keepAlive;
    private boolean closed;

    private Lease(Key key, Entry entry, int keepAlive) {
      this.key = key;
      this.entry = entry;
      this.keepAlive = keepAlive;
    }

    ElmoModel model() {
      return entry.model;
    }

    /**
     * Adds the hits and misses of the model's word cache since the last call by any task, so that
     * each is counted once. The model does not know which of several running tasks they belong to.
     */
    void countWords(ElmoMetrics metrics) {
      synchronized (entry) {
        Statistics now = entry.model.statistics();
        metrics.addWords(now.wordHits() - entry.hits, now.wordMisses() - entry.misses);
        entry.hits = now.wordHits();
        entry.misses = now.wordMisses();
      }
    }

    /**
     * Returns the model; it stays loaded for the {@code keepAlive} seconds. Further calls have no
     * effect.
     */
    @Override
    public void close() {
      if (!closed) {
        closed = true;
        release(key, entry, keepAlive);
      }
    }
  }

  /**
   * Returns a loaded model. Loads it, or waits if another task is loading it.
   *
   * @param threads the CPU threads of the model, used only if this call loads it
   * @param keepAlive the seconds for which it stays loaded after its last user
   * @throws org.elmo4j.ElmoException if it cannot be loaded
   */
  static Lease acquire(
      ModelRef model, Device device, Precision precision, int threads, int keepAlive) {
    Key key = new Key(model.content(), device, precision);
    Entry entry;
    synchronized (ENTRIES) {
      entry = ENTRIES.computeIfAbsent(key, k -> new Entry());
      entry.users++;
      if (entry.closing != null) {
        entry.closing.cancel(false);
        entry.closing = null;
      }
    }
    Lease lease = new Lease(key, entry, keepAlive);
    try {
      synchronized (entry) {
        if (entry.model == null) {
          entry.model = model.open(key.content(), device, precision, threads);
        }
      }
    } catch (Throwable e) {
      lease.close();
      throw e;
    }
    return lease;
  }

  private static void release(Key key, Entry entry, int keepAlive) {
    synchronized (ENTRIES) {
      if (--entry.users > 0) {
        return;
      }
      if (keepAlive == 0 || entry.model == null) {
        close(key, entry);
      } else {
        entry.closing = TIMER.schedule(() -> closeIdle(key, entry), keepAlive, TimeUnit.SECONDS);
      }
    }
  }

  private static void closeIdle(Key key, Entry entry) {
    synchronized (ENTRIES) {
      if (entry.users == 0) {
        close(key, entry);
      }
    }
  }

  private static void close(Key key, Entry entry) {
    ENTRIES.remove(key, entry);
    if (entry.model != null) {
      entry.model.close();
      entry.model = null;
    }
  }
}
