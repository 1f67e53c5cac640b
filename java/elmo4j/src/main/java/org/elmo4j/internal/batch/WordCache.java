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
 * Words' representations, kept from call to call. Caffeine decides which words stay; their rows lie
 * in one block of the device's memory, cut into slots. Rows are copied in and out, so that a row
 * that a call uses cannot be overwritten. Any number of threads may use it; whoever closes it sees
 * to it that none does.
 */
final class WordCache implements AutoCloseable {
  /** What a word costs beside its row: Caffeine's entry, the string, the slot. */
  private static final int HEAP_BYTES = 160;

  /** Slots for rows on their way in while the cache is full. */
  private static final int MAX_SPARE = 32;

  private final Backend backend;
  private final int dim;
  private final int maxWordLength;
  private final int capacity;
  private final Memory rows;
  private final Cache<String, Integer> cache; // where a word's row lies

  // Read: slots are looked up and copied from. Write: they are given anew and written. A slot that
  // is given back meanwhile keeps its row until then.
  private final ReadWriteLock lock = new ReentrantReadWriteLock();

  // Slots that nothing uses: those given back, and those from `fresh` on.
  private final Object slots = new Object();
  private int[] returned = new int[16];
  private int returnedCount;
  private int fresh;
  private final int slotCount;

  /**
   * Room for as many words as take {@code bytes}, the Java heap that they need included. Their rows
   * are reserved at once; the system hands host memory out as it fills.
   *
   * @param backend whose token representations it keeps, and in whose memory
   * @param dim numbers of a row
   * @param maxWordLength longer words are not kept: no caller's text shall fill the heap
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
            .executor(Runnable::run) // Else a slot comes back at some later time.
            .evictionListener((String word, Integer slot, RemovalCause cause) -> release(slot))
            .build();
  }

  /** How many words it holds at most; 0 if it is off. */
  int capacity() {
    return capacity;
  }

  /** About how many words it holds. */
  long size() {
    return cache.estimatedSize();
  }

  boolean contains(String word) {
    return cache.asMap().containsKey(word);
  }

  /**
   * Copies the rows of words that are here to the end of {@code target}, and leaves its beginning
   * to the others. {@link Words#row} is set for each word: the row of {@code target} that it has or
   * must get.
   *
   * @param target [words, dim]
   * @return how many are missing; they have rows 0 to that number - 1, in order
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
   * Keeps words' rows, as far as there is room: those whose {@link Words#row} in {@code source} is
   * below {@code count}.
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

  /** Writes rows into their slots, then lets the words be found. */
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
