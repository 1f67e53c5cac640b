// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import java.util.Arrays;

/**
 * Numbers distinct words from 0 in the order in which they come: an open hash table without boxed
 * numbers. It also has arrays for values of each word, so that calls that reuse the table allocate
 * nothing. Not thread-safe.
 */
final class Words {
  private static final int MOST_KEPT = 8192;

  private String[] words;
  private int[] table; // word number + 1, or 0; a power of two, at most half full
  private int[] row;
  private int[] from;
  private int[] to;
  private int count;

  /** Makes a table for that many words. It grows if there are more. */
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

  /** Removes all words. Returns false if the table has grown too large to be worth keeping. */
  boolean clear() {
    if (words.length > MOST_KEPT) {
      return false;
    }
    Arrays.fill(words, 0, count, null);
    Arrays.fill(table, 0);
    count = 0;
    return true;
  }

  /**
   * An array for the row of each word, with at least one entry for each word. Entries of new words
   * are undefined.
   */
  int[] row() {
    return row;
  }

  /** An array for the rows to copy from, like {@link #row}. */
  int[] from() {
    return from;
  }

  /** An array for the rows to copy to, like {@link #row}. */
  int[] to() {
    return to;
  }

  int count() {
    return count;
  }

  String word(int number) {
    return words[number];
  }

  /** The number of the word. A new word gets the next number. */
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
