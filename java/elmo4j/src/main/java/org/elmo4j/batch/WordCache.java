// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.batch;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import java.util.Arrays;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.backend.NativeMemory;

/**
 * Words' representations, kept from call to call. Caffeine decides which words stay; their rows lie
 * in one block of native memory, cut into slots. Rows are copied in and out, so that a row that a
 * call uses cannot be overwritten. Any number of threads may use it; whoever closes it sees to it
 * that none does.
 */
final class WordCache implements AutoCloseable {
  /** What a word costs beside its row: Caffeine's entry, the string, the slot. */
  private static final int HEAP_BYTES = 160;

  /** Slots for rows on their way in while the cache is full. */
  private static final int MAX_SPARE = 32;

  private final int rowBytes;
  private final int maxWordLength;
  private final int capacity;
  private final NativeMemory rows;
  private final Cache<String, Row> cache;

  // Slots that nothing uses: those given back, and those from `fresh` on.
  private final Object slots = new Object();
  private int[] returned = new int[16];
  private int returnedCount;
  private int fresh;
  private final int slotCount;

  /** Where a word's row lies. Guarded by itself. */
  private static final class Row {
    int slot;

    Row(int slot) {
      this.slot = slot;
    }
  }

  /**
   * Room for as many words as take {@code bytes}, the Java heap that they need included. The native
   * part is reserved at once; the system hands it out as it fills.
   *
   * @param dim floats of a row
   * @param maxWordLength longer words are not kept: no caller's text shall fill the heap
   */
  WordCache(long bytes, int dim, int maxWordLength) {
    rowBytes = dim * Float.BYTES;
    this.maxWordLength = maxWordLength;
    slotCount = (int) Math.min(bytes / (rowBytes + HEAP_BYTES), Integer.MAX_VALUE / 2);
    capacity = slotCount < 2 ? 0 : slotCount - Math.min(MAX_SPARE, (slotCount + 7) / 8);
    rows = NativeMemory.allocate(capacity == 0 ? 0 : (long) slotCount * rowBytes);
    cache =
        Caffeine.newBuilder()
            .maximumSize(capacity)
            .executor(Runnable::run) // Else a slot comes back at some later time.
            .evictionListener((String word, Row row, RemovalCause cause) -> release(row))
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
   * Copies the rows of words that are here to the end of {@code target}, the last first, and leaves
   * its beginning to the others.
   *
   * @param target [words, dim]
   * @param place set for each word: the row of {@code target} that it has or must get
   * @return how many are missing; they have rows 0 to that number - 1, in order
   */
  int fetch(Words words, NativeMemory target, int[] place) {
    int missing = 0;
    int found = words.count();
    BytePointer to = target.bytePointer(0);
    BytePointer from = rows.bytePointer(0);
    for (int i = 0; i < words.count(); i++) {
      Row row = capacity == 0 ? null : cache.getIfPresent(words.word(i));
      if (row != null && copy(row, from, to.position((found - 1L) * rowBytes))) {
        place[i] = --found;
      } else {
        place[i] = missing++;
      }
    }
    return missing;
  }

  private boolean copy(Row row, BytePointer from, BytePointer to) {
    synchronized (row) {
      if (row.slot < 0) {
        return false; // It left the cache meanwhile.
      }
      Pointer.memcpy(to, from.position((long) row.slot * rowBytes), rowBytes);
      return true;
    }
  }

  /**
   * Keeps a word's row, if there is room.
   *
   * @param source where the row begins
   */
  void put(String word, BytePointer source) {
    if (capacity == 0 || word.length() > maxWordLength) {
      return;
    }
    int slot = takeSlot();
    if (slot < 0) {
      cache.cleanUp();
      slot = takeSlot();
      if (slot < 0) {
        return;
      }
    }
    Pointer.memcpy(rows.bytePointer((long) slot * rowBytes), source, rowBytes);
    Row row = new Row(slot);
    if (cache.asMap().putIfAbsent(word, row) != null) {
      release(row); // Another call was faster.
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

  private void release(Row row) {
    int slot;
    synchronized (row) {
      slot = row.slot;
      row.slot = -1;
    }
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
