// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.text;

import org.elmo4j.ElmoException;

/**
 * Turns a token into the character ids that the char-CNN reads: {@link #BOW}, the UTF-8 bytes of
 * the token, {@link #EOW}, then {@link #PAD} up to a fixed count. Byte b has the id b + 1; id 0 is
 * reserved for masked positions. bilm-tf's UnicodeCharsVocabulary and AllenNLP's
 * ELMoCharacterMapper map in the same way. Immutable and thread-safe.
 */
public final class CharacterMapper extends TokenEncoder {
  /** Stands for the beginning of a sentence, inside its boundary word. */
  public static final short BOS = 257;

  /** Stands for the end of a sentence, inside its boundary word. */
  public static final short EOS = 258;

  /** Begins each word. */
  public static final short BOW = 259;

  /** Ends each word. */
  public static final short EOW = 260;

  /** Fills the slots after a word. */
  public static final short PAD = 261;

  /** The token that stands for the beginning of a sentence. */
  public static final String BEGIN_SENTENCE = "<S>";

  /** The token that stands for the end of a sentence. */
  public static final String END_SENTENCE = "</S>";

  /**
   * @param maxCharacters ids of each token, 3 or more; 50 in the published models
   * @throws ElmoException if {@code maxCharacters} is less than 3
   */
  public CharacterMapper(int maxCharacters) {
    super(BEGIN_SENTENCE, END_SENTENCE, maxCharacters);
    if (maxCharacters < 3) {
      throw new ElmoException("max characters: expected 3 or more, found " + maxCharacters);
    }
  }

  @Override
  public short pad() {
    return PAD;
  }

  /**
   * Writes the {@link #maxCharacters} ids of one token. A longer token is cut to its first {@code
   * maxCharacters - 2} bytes, even if that splits a character. Lone surrogates are dropped. An
   * empty token is valid. The tokens {@code <S>} and {@code </S>} are the boundary words, as in the
   * original tools.
   *
   * @param ids the array to write to
   * @param offset index of the first id
   * @return how many of the ids are not {@link #PAD}
   * @throws IndexOutOfBoundsException if the ids do not fit there
   */
  @Override
  public int map(CharSequence token, short[] ids, int offset) {
    if (BEGIN_SENTENCE.contentEquals(token)) {
      return mapBoundary(false, ids, offset);
    }
    if (END_SENTENCE.contentEquals(token)) {
      return mapBoundary(true, ids, offset);
    }
    int at = offset;
    ids[at++] = BOW;
    int limit = offset + maxCharacters() - 1;
    int length = token.length();
    for (int i = 0; i < length && at < limit; i++) {
      char c = token.charAt(i);
      if (c < 0x80) {
        ids[at++] = (short) (c + 1);
      } else if (c < 0x800) {
        ids[at++] = (short) ((0xC0 | c >> 6) + 1);
        at = continuation(c, ids, at, limit);
      } else if (!Character.isSurrogate(c)) {
        ids[at++] = (short) ((0xE0 | c >> 12) + 1);
        at = continuation(c >> 6, ids, at, limit);
        at = continuation(c, ids, at, limit);
      } else if (Character.isHighSurrogate(c)
          && i + 1 < length
          && Character.isLowSurrogate(token.charAt(i + 1))) {
        int codePoint = Character.toCodePoint(c, token.charAt(++i));
        ids[at++] = (short) ((0xF0 | codePoint >> 18) + 1);
        at = continuation(codePoint >> 12, ids, at, limit);
        at = continuation(codePoint >> 6, ids, at, limit);
        at = continuation(codePoint, ids, at, limit);
      }
    }
    ids[at++] = EOW;
    return padFrom(ids, offset, at);
  }

  /**
   * Writes the {@link #maxCharacters} ids of a boundary word.
   *
   * @param end true for the word after the sentence ({@code </S>}), false for the one before it
   *     ({@code <S>})
   * @param ids the array to write to
   * @param offset index of the first id
   * @return how many of the ids are not {@link #PAD}: 3
   * @throws IndexOutOfBoundsException if the ids do not fit there
   */
  public int mapBoundary(boolean end, short[] ids, int offset) {
    ids[offset] = BOW;
    ids[offset + 1] = end ? EOS : BOS;
    ids[offset + 2] = EOW;
    return padFrom(ids, offset, offset + 3);
  }

  private static int continuation(int bits, short[] ids, int at, int limit) {
    if (at < limit) {
      ids[at++] = (short) ((0x80 | bits & 0x3F) + 1);
    }
    return at;
  }
}
