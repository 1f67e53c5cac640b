// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Sentences that run together, by falling length. Each has a row of positions for every token and
 * its two boundaries, one sentence behind the other.
 *
 * @param sentence which of the call's sentences each is
 * @param stateRow which row of the carried state each goes on from
 * @param start the first position of each
 * @param length positions of each, boundaries included: 2 or more, never rising
 * @param tokenRow for each position, the row of its token representation
 */
public record Batch(int[] sentence, int[] stateRow, int[] start, int[] length, int[] tokenRow) {
  /** How many sentences there are. */
  public int sentences() {
    return sentence.length;
  }

  /** Positions of all sentences together. */
  public int positions() {
    return tokenRow.length;
  }

  /** Its sentences from one to before another, as a batch of their own. */
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
