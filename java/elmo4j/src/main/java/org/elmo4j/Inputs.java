// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.text.TextSplitter;

/** Checks and copies the arguments of callers. Thread-safe. */
final class Inputs {
  private Inputs() {}

  /** Returns a checked copy, so that later changes by the caller have no effect. */
  static List<List<String>> sentences(List<? extends List<String>> sentences) {
    Arguments.require(sentences, "sentences");
    List<List<String>> copy = new ArrayList<>(sentences.size());
    for (List<String> sentence : sentences) {
      copy.add(sentence(sentence, copy.size()));
    }
    return Collections.unmodifiableList(copy);
  }

  static List<String> sentence(List<String> sentence, int index) {
    if (sentence == null) {
      throw new ElmoException("sentence " + index + ": expected a list of tokens, found null");
    }
    String[] tokens = sentence.toArray(new String[0]);
    for (int j = 0; j < tokens.length; j++) {
      if (tokens[j] == null) {
        throw new ElmoException(
            "sentence " + index + ", token " + j + ": expected a string, found null");
      }
    }
    return Collections.unmodifiableList(Arrays.asList(tokens));
  }

  /** Returns the tokens of padded rows, without the padding. */
  static List<List<String>> padded(String[][] tokens, int[] sequenceLengths) {
    Arguments.require(tokens, "tokens");
    Arguments.require(sequenceLengths, "sequence lengths");
    if (tokens.length != sequenceLengths.length) {
      throw new ElmoException(
          "sequence lengths: expected one a row, "
              + tokens.length
              + ", found "
              + sequenceLengths.length);
    }
    List<List<String>> sentences = new ArrayList<>(tokens.length);
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] == null) {
        throw new ElmoException("sentence " + i + ": expected a row of tokens, found null");
      }
      if (sequenceLengths[i] < 0 || sequenceLengths[i] > tokens[i].length) {
        throw new ElmoException(
            "sequence length of sentence "
                + i
                + ": expected 0 to "
                + tokens[i].length
                + ", found "
                + sequenceLengths[i]);
      }
      sentences.add(Arrays.asList(tokens[i]).subList(0, sequenceLengths[i]));
    }
    return sentences;
  }

  /** Splits sentences into tokens with {@link TextSplitter#onSpaces}. */
  static List<List<String>> splitOnSpaces(List<String> sentences) {
    Arguments.require(sentences, "sentences");
    List<List<String>> tokens = new ArrayList<>(sentences.size());
    for (int i = 0; i < sentences.size(); i++) {
      if (sentences.get(i) == null) {
        throw new ElmoException("sentence " + i + ": expected a string, found null");
      }
      tokens.add(TextSplitter.onSpaces(sentences.get(i)));
    }
    return tokens;
  }

  /** Returns a checked copy of words. */
  static List<String> words(Collection<String> words) {
    Arguments.require(words, "words");
    List<String> copy = new ArrayList<>(words);
    for (int i = 0; i < copy.size(); i++) {
      if (copy.get(i) == null) {
        throw new ElmoException("word " + i + ": expected a string, found null");
      }
    }
    return copy;
  }
}
