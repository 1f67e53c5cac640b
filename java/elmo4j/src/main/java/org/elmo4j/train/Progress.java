// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.nio.file.Path;

/** What training tells while it runs, on the thread that runs it. All methods do nothing here. */
public interface Progress {
  /**
   * The layers' file is about to be written: it takes {@code bytes}, and the folder's disk has
   * {@code free} left. Where that is too little, training ends with an error right away.
   */
  default void cache(Path folder, long bytes, long free) {}

  /** Layers are computed: {@code done} sentences of {@code all}. */
  default void layers(int done, int all) {}

  /**
   * An epoch has ended.
   *
   * @param run what is trained: {@code learned mix}, {@code even mix}, {@code word_emb}...
   * @param epoch from 1
   * @param loss mean cross-entropy of the training data in that epoch, in nats
   * @param score share of right labels in the development data, weighted where there are class
   *     weights, or F1 of spans, 0 to 1
   */
  default void epoch(String run, int epoch, double loss, double score) {}
}
