// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import org.elmo4j.internal.backend.Batch;

/**
 * The order of a batch's rows on the device: step by step (see {@code kernels.h}). Sentence r reads
 * row {@code offset[t] + r} at step t.
 *
 * @param rows for each step, the number of sentences that have it
 * @param offset for each step, its first row
 * @param words for each direction (0 forward, 1 backward) and row, the row of its token
 *     representation
 */
record PackedOrder(int[] rows, int[] offset, int[][] words) {
  /**
   * Orders a batch's rows.
   *
   * @param unreadSteps the number of steps that are left out at each sentence's end, 0 or 1
   */
  static PackedOrder of(Batch batch, int unreadSteps) {
    int[] length = batch.length();
    int steps = length[0] - unreadSteps; // the longest comes first
    int[] rows = new int[steps];
    int[] offset = new int[steps];
    int[][] words = new int[2][batch.positions() - unreadSteps * batch.sentences()];
    int running = length.length;
    int at = 0;
    for (int t = 0; t < steps; t++) {
      while (length[running - 1] - unreadSteps <= t) {
        running--;
      }
      rows[t] = running;
      offset[t] = at;
      for (int r = 0; r < running; r++) {
        words[0][at] = batch.tokenRow()[batch.start()[r] + t];
        words[1][at++] = batch.tokenRow()[batch.start()[r] + length[r] - 1 - t];
      }
    }
    return new PackedOrder(rows, offset, words);
  }

  /** The number of steps of each sentence, never rising. */
  int[] lengths() {
    int[] lengths = new int[rows[0]];
    for (int running : rows) {
      for (int r = 0; r < running; r++) {
        lengths[r]++;
      }
    }
    return lengths;
  }

  int steps() {
    return rows.length;
  }

  int positions() {
    return words[0].length;
  }
}
