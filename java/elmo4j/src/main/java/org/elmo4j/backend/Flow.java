// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend;

import java.util.List;

/**
 * Sentences under way together, each at a step of its own: who joins finds the others under way,
 * and who ends makes room at once. Any number of threads may use it.
 */
public interface Flow {
  /** What is told of each sentence once, from any thread. */
  @FunctionalInterface
  interface Done {
    /**
     * A sentence has its outputs, or never will.
     *
     * @param row which of the batch
     * @param failure what went wrong; null where nothing did
     */
    void done(int row, Throwable failure);
  }

  /**
   * How many sentences had better join now. None while there is room for a few beside many, since
   * new words are best represented many at a time.
   */
  int room();

  /** Bytes of memory that so many sentences take until all are done, outputs not counted. */
  long workspaceBytes(int sentences, int positions);

  /**
   * Lets sentences join, from zero state. Never throws: what goes wrong is told.
   *
   * @param batch in any order
   * @param words token representations, [., P], that stay until all are done
   * @param outputs written when a sentence is done: its own target, or its rows of a shared one
   */
  void join(Batch batch, Memory words, List<Output> outputs, Done done);
}
