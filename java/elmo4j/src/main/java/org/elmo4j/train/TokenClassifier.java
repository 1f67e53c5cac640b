// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import org.elmo4j.train.LabeledData.Task;

/**
 * Labels each token, for example with parts of speech or named entities. Immutable and thread-safe.
 */
public final class TokenClassifier extends Classifier {
  TokenClassifier(Parts parts) {
    super(parts);
  }

  @Override
  public Task task() {
    return Task.TOKENS;
  }
}
