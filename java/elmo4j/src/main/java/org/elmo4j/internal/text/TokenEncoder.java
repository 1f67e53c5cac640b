// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.text;

/**
 * Turns tokens into the ids that index a model's tables. Models of bilm-tf and AllenNLP use {@link
 * CharacterMapper}, those of ELMoForManyLangs {@link DictionaryEncoder}. Immutable; any thread may
 * use it.
 */
public interface TokenEncoder {
  /**
   * The token that stands for the beginning of a sentence. A token of the user with this text means
   * the same.
   */
  String beginSentence();

  /**
   * The token that stands for the end of a sentence. A token of the user with this text means the
   * same.
   */
  String endSentence();

  /** The number of character ids of each token, including padding. */
  int maxCharacters();

  /** The character id that fills the slots after a token. */
  short pad();

  /**
   * Writes the {@link #maxCharacters} character ids of one token. Id k is row k - 1 of {@code
   * char_embed}; id 0 is reserved for masked positions.
   *
   * @param ids the array to write to
   * @param offset index of the first id
   * @return how many of the ids come before the padding
   * @throws IndexOutOfBoundsException if the ids do not fit there
   */
  int map(CharSequence token, short[] ids, int offset);

  /** The row of {@code word_embed} for a token, from 0; 0 if the model has no such table. */
  default int word(String token) {
    return 0;
  }
}
