// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Sentences of similar length that run through the layers together. Their positions are ordered by
 * step and, in each step, by sentence, with the longest sentence first. A packed batch has in each
 * step only the sentences that are long enough for it; a padded batch has all sentences in each
 * step. Immutable.
 *
 * @param sentences the numbers of the sentences, longest first
 * @param starts the position where each step starts, and then the number of positions
 * @param forward the word at each position for the forward direction; 0 at padding
 * @param backward the same with the words of each sentence reversed
 * @param tokensForward the position of each real token, sentence after sentence
 * @param tokensBackward the same for the backward direction
 */
record Batch(
    int[] sentences,
    int[] starts,
    long[] forward,
    long[] backward,
    long[] tokensForward,
    long[] tokensBackward) {
  /** The number of steps, which is the length of the longest sentence. */
  int steps() {
    return starts.length - 1;
  }

  /** The number of sentences in a step. */
  int rows(int step) {
    return starts[step + 1] - starts[step];
  }

  /** Cuts a text into batches, longest sentences first. */
  static List<Batch> of(int[][] words, int size, boolean packed) {
    Integer[] order = IntStream.range(0, words.length).boxed().toArray(Integer[]::new);
    Arrays.sort(order, Comparator.comparingInt((Integer s) -> -words[s].length));
    List<Batch> batches = new ArrayList<>();
    for (int from = 0; from < order.length; from += size) {
      Integer[] some = Arrays.copyOfRange(order, from, Math.min(from + size, order.length));
      batches.add(of(words, Arrays.stream(some).mapToInt(s -> s).toArray(), packed));
    }
    return batches;
  }

  private static Batch of(int[][] words, int[] sentences, boolean packed) {
    int steps = words[sentences[0]].length;
    int[] starts = new int[steps + 1];
    for (int t = 0; t < steps; t++) {
      int step = t;
      int rows =
          packed
              ? (int) Arrays.stream(sentences).filter(s -> words[s].length > step).count()
              : sentences.length;
      starts[t + 1] = starts[t] + rows;
    }
    long[] forward = new long[starts[steps]];
    long[] backward = new long[starts[steps]];
    int tokens = Arrays.stream(sentences).map(s -> words[s].length - 2).sum();
    long[] tokensForward = new long[tokens];
    long[] tokensBackward = new long[tokens];
    int token = 0;
    for (int row = 0; row < sentences.length; row++) {
      int[] sentence = words[sentences[row]];
      for (int t = 0; t < sentence.length; t++) {
        int other = sentence.length - 1 - t;
        forward[starts[t] + row] = sentence[t];
        backward[starts[t] + row] = sentence[other];
        if (t > 0 && other > 0) {
          tokensForward[token] = starts[t] + row;
          tokensBackward[token++] = starts[other] + row;
        }
      }
    }
    return new Batch(sentences, starts, forward, backward, tokensForward, tokensBackward);
  }
}
