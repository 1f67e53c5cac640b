// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.nio.file.Path;

/**
 * Receives the progress of training. Its methods are called on the training thread; by default they
 * do nothing.
 */
public interface Progress {
  /**
   * Called before the layers are written to a file of {@code bytes} bytes. The folder's disk has
   * {@code free} bytes left. If the space is not sufficient, training fails before this call.
   */
  default void cache(Path folder, long bytes, long free) {}

  /** Called when the layers of {@code done} out of {@code all} sentences have been computed. */
  default void layers(int done, int all) {}

  /**
   * Called when an epoch has ended.
   *
   * @param run the name of the run: {@code learned mix}, {@code even mix}, {@code word_emb}...
   * @param epoch the number of the epoch, from 1
   * @param loss the mean cross-entropy of the training data during the epoch, in nats per label
   * @param score the F1 of spans, or the share of correct labels, in the development data, 0 to 1;
   *     the share is weighted if there are class weights
   */
  default void epoch(String run, int epoch, double loss, double score) {}
}
