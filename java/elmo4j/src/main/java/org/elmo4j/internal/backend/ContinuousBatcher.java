// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.util.List;

/**
 * Runs sentences that arrive one by one (continuous batching). Running sentences share each LSTM
 * step although each is at a different position: a new sentence joins the running ones, and a
 * finished one frees its slot at once. Thread-safe.
 */
public interface ContinuousBatcher {
  /** Receives the outcome of each sentence: once, on any thread. */
  @FunctionalInterface
  interface Listener {
    /**
     * A sentence is complete.
     *
     * @param row its index in the batch that was added
     * @param failure null if its outputs were written
     */
    void complete(int row, Throwable failure);
  }

  /**
   * How many sentences should be added now. It is 0 while only a few slots are free, because new
   * words are computed faster many at a time.
   */
  int freeSlots();

  /** Bytes of memory that sentences take until all are complete, without their outputs. */
  long workspaceBytes(int sentences, int positions);

  /**
   * Adds sentences, which start from zero state. Never throws: failures go to the listener.
   *
   * @param batch in any order
   * @param tokenRepresentations [., P]; the caller keeps it open until all sentences are complete
   * @param outputs written when a sentence completes: its own target, or its rows of a shared one
   */
  void add(Batch batch, Memory tokenRepresentations, List<Output> outputs, Listener listener);
}
