// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import java.util.Arrays;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.backend.Memory;

/**
 * Keeps token representations between calls. Caffeine decides which words stay. Their rows are in
 * the slots of one block of device memory. Rows are copied in and out, so that a row that a call
 * uses cannot be overwritten. Thread-safe; the caller of {@link #close} makes sure that no other
 * thread uses it.
 */
final class WordCache implements AutoCloseable {
  /** Bytes of heap for each word: Caffeine's entry, the string and the slot number. */
  private static final int HEAP_BYTES = 160;

  /** Extra slots for rows that arrive while the cache is full. */
  private static final int MAX_SPARE = 32;

  private final Backend backend;
  private final int dim;
  private final int maxWordLength;
  private final int capacity;
  private final Memory rows;
  private final Cache<String, Integer> cache; // the slot of each word

  // Read lock: look up slots and copy from them. Write lock: assign slots and write them. A slot
  // that is freed meanwhile keeps its row until then.
  private final ReadWriteLock lock = new ReentrantReadWriteLock();

  // Free slots: those that were returned, and those from `fresh` on.
  private final Object slots = new Object();
  private int[] returned = new int[16];
  private int returnedCount;
  private int fresh;
  private final int slotCount;

  /**
   * Makes a cache for as many words as fit into {@code bytes}, including the Java heap that they
   * need. The rows are reserved at once, but the operating system provides host memory only as it
   * is written.
   *
   * @param backend the backend that computes the token representations, and whose memory stores
   *     them
   * @param dim the number of elements in a row
   * @param maxWordLength longer words are not kept, so that no text can fill the heap
   */
  WordCache(Backend backend, long bytes, int dim, int maxWordLength) {
    this.backend = backend;
    this.dim = dim;
    this.maxWordLength = maxWordLength;
    int rowBytes = dim * backend.numberBytes();
    slotCount = (int) Math.min(bytes / (rowBytes + HEAP_BYTES), Integer.MAX_VALUE / 2);
    capacity = slotCount < 2 ? 0 : slotCount - Math.min(MAX_SPARE, (slotCount + 7) / 8);
    rows = backend.allocateShared(capacity == 0 ? 0 : (long) slotCount * rowBytes);
    cache =
        Caffeine.newBuilder()
            .maximumSize(capacity)
            .executor(Runnable::run) // Otherwise a slot would be freed at some later time.
            .evictionListener((String word, Integer slot, RemovalCause cause) -> release(slot))
            .build();
  }

  /** The most words that it holds; 0 if it is off. */
  int capacity() {
    return capacity;
  }

  /** The approximate number of words that it holds. */
  long size() {
    return cache.estimatedSize();
  }

  boolean contains(String word) {
    return cache.asMap().containsKey(word);
  }

  /**
   * Copies the rows of cached words to the end of {@code target}. The missing words get the rows at
   * its beginning, which the caller fills. {@link Words#row} is set to the row in {@code target} of
   * each word.
   *
   * @param target [words, dim]
   * @return the number of missing words; their rows are 0 to that number - 1, in order
   */
  int fetch(Words words, Memory target) {
    int count = words.count();
    int missing = 0;
    int found = 0;
    int[] place = words.row();
    int[] from = words.from();
    int[] to = words.to();
    lock.readLock().lock();
    try {
      for (int i = 0; i < count; i++) {
        Integer slot = capacity == 0 ? null : cache.getIfPresent(words.word(i));
        if (slot == null) {
          place[i] = missing++;
        } else {
          from[found] = slot;
          place[i] = - ++found;
        }
      }
      for (int i = 0; i < count; i++) {
        if (place[i] < 0) {
          int k = -place[i] - 1;
          to[k] = missing + k;
          place[i] = to[k];
        }
      }
      backend.copyRows(dim, backend.numberBytes(), found, rows, from, target, to);
      return missing;
    } finally {
      lock.readLock().unlock();
    }
  }

  /**
   * Puts rows of {@code source} into the cache as far as there are slots: those of the words whose
   * {@link Words#row} is below {@code count}.
   */
  void put(Words words, int count, Memory source) {
    if (capacity == 0) {
      return;
    }
    int[] place = words.row();
    int[] from = words.from();
    int[] to = words.to();
    String[] kept = new String[count];
    lock.writeLock().lock();
    try {
      int n = 0;
      for (int i = 0; i < words.count(); i++) {
        String word = words.word(i);
        if (place[i] < count && word.length() <= maxWordLength && !contains(word)) {
          int slot = takeSlot();
          if (slot < 0) {
            flush(kept, from, to, n, source);
            n = 0;
            cache.cleanUp();
            slot = takeSlot();
          }
          if (slot < 0) {
            return;
          }
          kept[n] = word;
          from[n] = place[i];
          to[n++] = slot;
        }
      }
      flush(kept, from, to, n, source);
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Writes rows to their slots, and then makes the words visible to lookups. */
  private void flush(String[] kept, int[] from, int[] to, int count, Memory source) {
    if (count == 0) {
      return;
    }
    try {
      backend.copyRows(dim, backend.numberBytes(), count, source, from, rows, to);
    } catch (Throwable e) {
      for (int i = 0; i < count; i++) {
        release(to[i]);
      }
      throw e;
    }
    for (int i = 0; i < count; i++) {
      cache.put(kept[i], to[i]);
    }
  }

  private int takeSlot() {
    synchronized (slots) {
      if (returnedCount > 0) {
        return returned[--returnedCount];
      }
      return fresh < slotCount ? fresh++ : -1;
    }
  }

  private void release(int slot) {
    synchronized (slots) {
      if (returnedCount == returned.length) {
        returned = Arrays.copyOf(returned, 2 * returnedCount);
      }
      returned[returnedCount++] = slot;
    }
  }

  @Override
  public void close() {
    cache.invalidateAll();
    rows.close();
  }
}
