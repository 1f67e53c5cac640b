// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.util.List;

/**
 * Runs sentences that arrive one by one (continuous batching). Running sentences share each LSTM
 * step although each is at a step of its own: a new sentence joins the running ones, and a finished
 * one frees its slot at once. Any number of threads may use it.
 */
public interface ContinuousBatcher {
  /** Told once of each sentence, on any thread. */
  @FunctionalInterface
  interface Listener {
    /**
     * A sentence is complete.
     *
     * @param row its index in the batch that was added
     * @param failure what went wrong; null if its outputs are written
     */
    void complete(int row, Throwable failure);
  }

  /**
   * How many sentences should be added now. It is 0 while only a few slots are free, because new
   * words are computed faster many at a time.
   */
  int freeSlots();

  /** Bytes of memory that so many sentences take until all are complete, outputs not counted. */
  long workspaceBytes(int sentences, int positions);

  /**
   * Adds sentences, which start from zero state. Never throws: failures go to the listener.
   *
   * @param batch in any order
   * @param tokenRepresentations [., P], kept by the caller until all sentences are complete
   * @param outputs written when a sentence completes: its own target, or its rows of a shared one
   */
  void add(Batch batch, Memory tokenRepresentations, List<Output> outputs, Listener listener);
}
