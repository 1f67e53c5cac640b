// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.batch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.elmo4j.backend.Batch;

/** Splits a call's sentences into batches of like length. */
final class Batches {
  /**
   * Positions of one batch: enough that most steps have more than 128 rows, where products run at full speed, at 25 tokens a
   * sentence; few enough that a batch's workspace stays near 100 MB with the published model.
   */
  private static final int POSITIONS = 6144;

  /** A call is split further to give each thread work, down to this many sentences a batch. */
  private static final int FEW_SENTENCES = 48;

  private Batches() {}

  /**
   * @param sentences word rows of each sentence, boundaries included
   * @param parallelism pieces of work that can run at once; a batch is two of them, its directions
   * @param stateByLength whether row k of a carried state is the k-th longest sentence's, rather than
   *     sentence k's
   */
  static List<Batch> split(int[][] sentences, int parallelism, boolean stateByLength) {
    long total = 0;
    // Longest first, equal ones in the caller's order: length in the upper half, index in the lower.
    long[] order = new long[sentences.length];
    for (int i = 0; i < sentences.length; i++) {
      total += sentences[i].length;
      order[i] = ((long) (Integer.MAX_VALUE - sentences[i].length) << 32) | i;
    }
    Arrays.sort(order);
    long wanted = (total + POSITIONS - 1) / POSITIONS;
    long useful = Math.min((parallelism + 1) / 2, sentences.length / FEW_SENTENCES);
    long budget = (total + Math.max(1, Math.max(wanted, useful)) - 1) / Math.max(1, Math.max(wanted, useful));

    List<Batch> batches = new ArrayList<>();
    int first = 0;
    while (first < order.length) {
      int end = first;
      long positions = 0;
      while (end < order.length && positions < budget) {
        positions += sentences[(int) order[end]].length;
        end++;
      }
      batches.add(batch(sentences, order, first, end, Math.toIntExact(positions), stateByLength));
      first = end;
    }
    return batches;
  }

  private static Batch batch(
      int[][] sentences, long[] order, int first, int end, int positions, boolean stateByLength) {
    int n = end - first;
    int[] sentence = new int[n];
    int[] stateRow = new int[n];
    int[] start = new int[n];
    int[] length = new int[n];
    int[] word = new int[positions];
    int at = 0;
    for (int r = 0; r < n; r++) {
      sentence[r] = (int) order[first + r];
      stateRow[r] = stateByLength ? first + r : sentence[r];
      int[] words = sentences[sentence[r]];
      start[r] = at;
      length[r] = words.length;
      System.arraycopy(words, 0, word, at, words.length);
      at += words.length;
    }
    return new Batch(sentence, stateRow, start, length, word);
  }
}
