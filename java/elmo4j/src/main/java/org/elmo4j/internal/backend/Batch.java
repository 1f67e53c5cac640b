// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Sentences that run together, sorted by falling length. A sentence has one position for each token
 * and for its two boundaries. The sentences' positions follow each other.
 *
 * @param sentence for each sentence, its index in the call
 * @param stateRow for each sentence, the row of the carried state that it starts from
 * @param start for each sentence, its first position
 * @param length for each sentence, its number of positions with boundaries: 2 or more, never rising
 * @param tokenRow for each position, the row of its token representation
 */
public record Batch(int[] sentence, int[] stateRow, int[] start, int[] length, int[] tokenRow) {
  /** The number of sentences. */
  public int sentences() {
    return sentence.length;
  }

  /** The number of positions of all sentences. */
  public int positions() {
    return tokenRow.length;
  }

  /** Makes a batch of the sentences from index {@code from} to {@code to - 1}. */
  public Batch part(int from, int to) {
    int first = start[from];
    int end = start[to - 1] + length[to - 1];
    return new Batch(
        Arrays.copyOfRange(sentence, from, to),
        Arrays.copyOfRange(stateRow, from, to),
        IntStream.range(from, to).map(r -> start[r] - first).toArray(),
        Arrays.copyOfRange(length, from, to),
        Arrays.copyOfRange(tokenRow, first, end));
  }
}
