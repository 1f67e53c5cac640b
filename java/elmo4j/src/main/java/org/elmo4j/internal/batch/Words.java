// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import java.util.Arrays;

/**
 * Distinct words, numbered from 0 as they come: an open hash table without boxes. Numbers that go
 * with each word have room in it too, so that calls that use it in turn allocate nothing. For one
 * thread.
 */
final class Words {
  private static final int MOST_KEPT = 8192;

  private String[] words;
  private int[] table; // word number + 1, or 0; a power of two, at most half full
  private int[] row;
  private int[] from;
  private int[] to;
  private int count;

  /** Room for that many words; more make it grow. */
  Words(int expected) {
    words = new String[Math.max(4, expected)];
    table = new int[Integer.highestOneBit(words.length) * 4];
    makeNumbers();
  }

  private void makeNumbers() {
    row = new int[words.length];
    from = new int[words.length];
    to = new int[words.length];
  }

  /** Forgets the words; false if it has grown too large to be worth keeping. */
  boolean clear() {
    if (words.length > MOST_KEPT) {
      return false;
    }
    Arrays.fill(words, 0, count, null);
    Arrays.fill(table, 0);
    count = 0;
    return true;
  }

  /** For the row of each word, an entry a word or more; new ones hold anything. */
  int[] row() {
    return row;
  }

  /** For the rows that are copied from, as {@link #row}. */
  int[] from() {
    return from;
  }

  /** For the rows that are copied to, as {@link #row}. */
  int[] to() {
    return to;
  }

  int count() {
    return count;
  }

  String word(int number) {
    return words[number];
  }

  /** The word's number, a new one if it is new. */
  int number(String word) {
    int mask = table.length - 1;
    int at = slot(word, mask);
    for (; table[at] != 0; at = at + 1 & mask) {
      if (words[table[at] - 1].equals(word)) {
        return table[at] - 1;
      }
    }
    if (count == words.length) {
      words = Arrays.copyOf(words, 2 * count);
      makeNumbers();
    }
    words[count++] = word;
    table[at] = count;
    if (2 * count > table.length) {
      grow();
    }
    return count - 1;
  }

  private void grow() {
    table = new int[2 * table.length];
    int mask = table.length - 1;
    for (int i = 0; i < count; i++) {
      int at = slot(words[i], mask);
      while (table[at] != 0) {
        at = at + 1 & mask;
      }
      table[at] = i + 1;
    }
  }

  private static int slot(String word, int mask) {
    int hash = word.hashCode() * 0x9E3779B9;
    return (hash ^ hash >>> 16) & mask;
  }
}
