// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.batch;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import org.elmo4j.backend.Backend;
import org.elmo4j.backend.LstmState;
import org.elmo4j.backend.NativeMemory;
import org.elmo4j.backend.Output;
import org.elmo4j.text.TokenEncoder;
import org.elmo4j.weights.ModelOptions;

/**
 * The way from tokens to a backend: each distinct word of a call is represented once, and sentences run in batches of like
 * length. Any number of threads may use it.
 */
public final class Embedder {
  private final Backend backend;
  private final TokenEncoder encoder;
  private final int projectionDim;
  private final boolean stateByLength;

  /** Feeds this backend, which stays the caller's to close. */
  public Embedder(Backend backend, ModelOptions options, TokenEncoder encoder) {
    this.backend = backend;
    this.encoder = encoder;
    this.projectionDim = options.projectionDim();
    this.stateByLength = options.dictionary() != null; // as the originals do
  }

  /**
   * Computes outputs.
   *
   * @param sentences neither they nor their tokens are null
   * @param state carried on, with a row for each sentence; null to start from zero
   * @param outputs made for these sentences
   */
  public void run(List<? extends List<String>> sentences, LstmState state, List<Output> outputs) {
    Words words = new Words();
    int[][] rows = new int[sentences.size()][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = words.rows(sentences.get(i));
    }
    if (rows.length == 0) {
      return;
    }
    try (NativeMemory representations =
        NativeMemory.allocate((long) words.count() * projectionDim * Float.BYTES)) {
      try (NativeMemory ids = words.ids()) {
        backend.tokenRepresentations(words.count(), ids, words.wordIds(), representations);
      }
      backend.run(
          Batches.split(rows, backend.parallelism(), stateByLength),
          representations,
          state,
          outputs);
    }
  }

  /** The distinct words of a call. */
  private final class Words {
    private static final int BEGIN = 0;
    private static final int END = 1;

    private final HashMap<String, Integer> index = new HashMap<>();
    private final List<String> words = new ArrayList<>();

    Words() {
      // A token with a boundary word's text is that word, as in the original tools.
      row(encoder.beginSentence());
      row(encoder.endSentence());
    }

    int count() {
      return words.size();
    }

    private int row(String word) {
      Integer row = index.putIfAbsent(word, words.size());
      if (row != null) {
        return row;
      }
      words.add(word);
      return words.size() - 1;
    }

    /** A sentence's words, its boundaries around them. */
    int[] rows(List<String> tokens) {
      int[] rows = new int[tokens.size() + 2];
      rows[0] = BEGIN;
      int at = 1;
      for (String token : tokens) {
        rows[at++] = row(token);
      }
      rows[at] = END;
      return rows;
    }

    int[] wordIds() {
      return words.stream().mapToInt(encoder::word).toArray();
    }

    /** [words, slots]. */
    NativeMemory ids() {
      int slots = encoder.maxCharacters();
      int chunk = 1024;
      short[] buffer = new short[Math.min(chunk, count()) * slots];
      NativeMemory ids = NativeMemory.allocate((long) count() * slots * Short.BYTES);
      for (int first = 0; first < count(); first += chunk) {
        int n = Math.min(chunk, count() - first);
        for (int i = 0; i < n; i++) {
          encoder.map(words.get(first + i), buffer, i * slots);
        }
        ids.shortPointer((long) first * slots).put(buffer, 0, n * slots);
      }
      return ids;
    }
  }
}
