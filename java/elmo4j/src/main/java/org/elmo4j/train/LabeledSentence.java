// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.util.List;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.Arguments;

/**
 * A sentence with labels. Immutable and thread-safe.
 *
 * @param tokens the tokens of the sentence
 * @param labels one label for each token, or one for the sentence
 */
public record LabeledSentence(List<String> tokens, List<String> labels) {
  /**
   * Copies both lists.
   *
   * @throws ElmoException if a token or label is null
   */
  public LabeledSentence {
    tokens = copy(tokens, "tokens");
    labels = copy(labels, "labels");
  }

  private static List<String> copy(List<String> list, String name) {
    Arguments.require(list, name + " of a sentence");
    try {
      return List.copyOf(list);
    } catch (NullPointerException e) {
      throw new ElmoException(name + " of a sentence: expected no null, found one", e);
    }
  }
}
