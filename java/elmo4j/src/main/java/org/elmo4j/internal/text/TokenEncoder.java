// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.text;

/**
 * Turns tokens into the ids that a model's tables are indexed by. Each family of models has its
 * own: {@link CharacterMapper} for bilm-tf's and AllenNLP's, {@link DictionaryEncoder} for
 * ELMoForManyLangs'. Immutable; any thread may use it.
 */
public interface TokenEncoder {
  /**
   * The token that stands for the beginning of a sentence. A user's token spelled so is taken for
   * it.
   */
  String beginSentence();

  /** The token that stands for the end of a sentence. A user's token spelled so is taken for it. */
  String endSentence();

  /** Character ids a token has, padding included. */
  int maxCharacters();

  /** The character id that fills the slots after a token. */
  short pad();

  /**
   * Writes the {@link #maxCharacters} character ids of one token: rows of {@code char_embed}, from
   * 1; 0 is left for masked positions.
   *
   * @param ids where to
   * @param offset index of the first id
   * @return how many of the ids come before the padding
   * @throws IndexOutOfBoundsException if the ids do not fit there
   */
  int map(CharSequence token, short[] ids, int offset);

  /**
   * The row of {@code word_embed} that a token has, from 0; 0 where the model has no such table.
   */
  default int word(String token) {
    return 0;
  }
}
