// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import org.elmo4j.train.LabeledData.Task;

/** Labels a sentence by the mean of its tokens' vectors. Immutable and thread-safe. */
public final class SentenceClassifier extends Classifier {
  SentenceClassifier(Parts parts) {
    super(parts);
  }

  @Override
  public Task task() {
    return Task.SENTENCES;
  }
}
