// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.text;

import java.util.Arrays;

/**
 * Turns tokens into the ids that index a model's tables. Models of bilm-tf and AllenNLP use {@link
 * CharacterMapper}, those of ELMoForManyLangs {@link DictionaryEncoder}. Immutable and thread-safe.
 */
public abstract class TokenEncoder {
  private final String beginSentence;
  private final String endSentence;
  private final int maxCharacters;

  TokenEncoder(String beginSentence, String endSentence, int maxCharacters) {
    this.beginSentence = beginSentence;
    this.endSentence = endSentence;
    this.maxCharacters = maxCharacters;
  }

  /**
   * The token that stands for the beginning of a sentence. A token of the user with this text means
   * the same.
   */
  public final String beginSentence() {
    return beginSentence;
  }

  /**
   * The token that stands for the end of a sentence. A token of the user with this text means the
   * same.
   */
  public final String endSentence() {
    return endSentence;
  }

  /** The number of character ids of each token, including padding. */
  public final int maxCharacters() {
    return maxCharacters;
  }

  /** The character id that fills the slots after a token. */
  public abstract short pad();

  /**
   * Writes the {@link #maxCharacters} character ids of one token. Id k is row k - 1 of {@code
   * char_embed}; id 0 is reserved for masked positions.
   *
   * @param ids the array to write to
   * @param offset index of the first id
   * @return the number of ids before the padding
   * @throws IndexOutOfBoundsException if the ids do not fit there
   */
  public abstract int map(CharSequence token, short[] ids, int offset);

  /**
   * Fills the slots after a token with padding.
   *
   * @param offset the index of the token's first id
   * @param at the index after the token's last id
   * @return how many of the ids come before the padding
   */
  final int padFrom(short[] ids, int offset, int at) {
    Arrays.fill(ids, at, offset + maxCharacters, pad());
    return at - offset;
  }

  /** The row of {@code word_embed} for a token, from 0; 0 if the model has no such table. */
  public int word(String token) {
    return 0;
  }
}
