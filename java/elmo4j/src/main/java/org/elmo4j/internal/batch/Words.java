// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import java.util.Arrays;

/**
 * Distinct words, numbered from 0 as they come: an open hash table without boxes. For one thread.
 */
final class Words {
  private String[] words;
  private int[] table; // word number + 1, or 0; a power of two, at most half full
  private int count;

  /** Room for that many words; more make it grow. */
  Words(int expected) {
    words = new String[Math.max(4, expected)];
    table = new int[Integer.highestOneBit(words.length) * 4];
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
