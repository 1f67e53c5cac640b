// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import org.elmo4j.train.LabeledData.Task;

/** Labels sentences by the mean of their tokens' vectors. Immutable; any thread may use it. */
public final class SentenceClassifier extends Classifier {
  SentenceClassifier(Parts parts) {
    super(parts);
  }

  @Override
  public Task task() {
    return Task.SENTENCES;
  }
}
