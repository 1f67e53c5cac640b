// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.elmo4j.internal.backend.Backend;

/** Splits the sentences of a call into batches of similar length. */
final class Batches {
  /**
   * A call is split further, down to this many sentences in a batch, so that each thread has work.
   */
  private static final int FEW_SENTENCES = 48;

  private Batches() {}

  /**
   * Returns the sentences of each batch. Sentences are sorted by falling length, within and across
   * batches; those of equal length keep the caller's order.
   *
   * @param maxBytes the limit of the workspace of one batch; a single sentence may need more
   */
  static List<int[]> split(List<? extends List<String>> sentences, Backend backend, long maxBytes) {
    long total = 0;
    // Length in the upper half, index in the lower.
    long[] order = new long[sentences.size()];
    for (int i = 0; i < order.length; i++) {
      int length = positions(sentences.get(i));
      total += length;
      order[i] = (long) (Integer.MAX_VALUE - length) << 32 | i;
    }
    Arrays.sort(order);
    long wanted = (total + backend.batchPositions() - 1) / backend.batchPositions();
    // The two directions of a batch can run at the same time.
    long useful = Math.min((backend.parallelism() + 1) / 2, order.length / FEW_SENTENCES);
    long count = Math.max(1, Math.max(wanted, useful));
    long budget = (total + count - 1) / count;

    List<int[]> batches = new ArrayList<>((int) Math.min(count + 1, order.length));
    int first = 0;
    while (first < order.length) {
      int end = first;
      long positions = 0;
      while (end < order.length && positions < budget) {
        int length = Integer.MAX_VALUE - (int) (order[end] >>> 32);
        if (end > first
            && (positions + length > Integer.MAX_VALUE
                || backend.workspaceBytes(end + 1 - first, (int) positions + length) > maxBytes)) {
          break;
        }
        positions += length;
        end++;
      }
      int[] batch = new int[end - first];
      for (int r = 0; r < batch.length; r++) {
        batch[r] = (int) order[first + r];
      }
      batches.add(batch);
      first = end;
    }
    return batches;
  }

  /** A sentence's positions: its tokens and two boundaries. */
  static int positions(List<String> sentence) {
    return sentence.size() + 2;
  }
}
