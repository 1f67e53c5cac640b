// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.elmo4j.ElmoException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DictionaryEncoderTest {
  // The encoder returns these ids plus one, because id 0 is the masked character's.
  private static final String CHARACTERS =
      "a\t0\nb\t1\n\u65e5\t2\n\ud83d\ude00\t3\n<bos>\t4\n<eos>\t5\n<oov>\t6\n<pad>\t7\n<bow>\t8\n"
          + "<eow>\t9\nab\t10\n";
  private static final int BEGIN = 10; // <eow>: like ELMoForManyLangs, which swaps <bow> and <eow>
  private static final int END = 9;
  private static final int PAD = 8;
  private static final int UNKNOWN = 7;
  private static final String WORDS = "<oov>\t0\n<pad>\t1\nab\t2\nAB\t3\naaaaaa\t4\n<bos>\t5";

  private static DictionaryEncoder encoder(int maxCharacters) {
    return new DictionaryEncoder(maxCharacters, CHARACTERS, 11, WORDS, 6);
  }

  private static void assertIds(DictionaryEncoder encoder, String token, int... used) {
    short[] ids = new short[encoder.maxCharacters() + 2];
    ids[0] = -1;
    ids[ids.length - 1] = -1;
    short[] expected = ids.clone();
    for (int i = 1; i < ids.length - 1; i++) {
      expected[i] = (short) (i <= used.length ? used[i - 1] : PAD);
    }
    assertEquals(used.length, encoder.map(token, ids, 1), token);
    assertArrayEquals(expected, ids, token);
  }

  @Test
  void aTokenIsItsCodePointsBetweenSwappedBoundaries() {
    DictionaryEncoder encoder = encoder(9);
    assertIds(encoder, "ab", BEGIN, 1, 2, END);
    assertIds(encoder, "\u65e5\ud83d\ude00", BEGIN, 3, 4, END);
    assertIds(encoder, "aZ\ud83d\ude01", BEGIN, 1, UNKNOWN, UNKNOWN, END);
    assertIds(encoder, "", BEGIN, END);
    assertIds(encoder, "\ud83d", BEGIN, UNKNOWN, END);
  }

  @Test
  void aTokenIsCutToCodePointsForBothTables() {
    DictionaryEncoder encoder = encoder(8);
    assertIds(encoder, "aaaaaaab", BEGIN, 1, 1, 1, 1, 1, 1, END);
    assertIds(encoder, "\ud83d\ude00".repeat(50), BEGIN, 4, 4, 4, 4, 4, 4, END);
    assertIds(encoder, "\ud83d\ude00".repeat(5), BEGIN, 4, 4, 4, 4, 4, END);
    assertEquals(4, encoder.word("aaaaaaab"));
    assertEquals(4, encoder.word("aaaaaa"));
    assertEquals(0, encoder.word("aaaaa"));
    // Cut to five code points, this is a boundary token.
    assertIds(encoder(7), "<bos>!", BEGIN, 5, END);
    assertEquals(5, encoder(7).word("<bos>!"));
  }

  @Test
  void boundaryTokensHaveIdsOfTheirOwnAndOthersAreSpelledOut() {
    DictionaryEncoder encoder = encoder(9);
    assertIds(encoder, encoder.beginSentence(), BEGIN, 5, END);
    assertIds(encoder, encoder.endSentence(), BEGIN, 6, END);
    int[] spelled = {BEGIN, UNKNOWN, UNKNOWN, 1, UNKNOWN, UNKNOWN, END};
    assertIds(encoder, "<pad>", spelled);
    assertEquals(1, encoder.word("<pad>"));
  }

  @Test
  void wordsAreMatchedExactly() {
    DictionaryEncoder encoder = encoder(9);
    assertEquals(2, encoder.word("ab"));
    assertEquals(3, encoder.word("AB"));
    assertEquals(0, encoder.word("Ab"));
    assertEquals(0, encoder.word("<eos>"));
    assertEquals(0, new DictionaryEncoder(9, CHARACTERS, 11, null, 0).word("ab"));
  }

  /**
   * ELMoForManyLangs strips each line, so that of an entry of white space only the id is left. It
   * reads a line with only an id as the ideographic space.
   */
  @ParameterizedTest
  @ValueSource(strings = {"\u3000", "\u00a0", " ", "\t", "\u2028", "\u0085", ""})
  void anEntryOfWhiteSpaceStandsForTheIdeographicSpace(String entry) {
    String characters = CHARACTERS.replace("a\t0\n", entry + "\t0\r\n");
    DictionaryEncoder encoder = new DictionaryEncoder(9, characters, 11, null, 0);
    assertIds(encoder, "\u3000", BEGIN, 1, END);
    assertIds(encoder, " ", BEGIN, UNKNOWN, END);
  }

  @Test
  void tooFewCharactersForBoundaryTokensAreRefused() {
    ElmoException e = assertThrows(ElmoException.class, () -> encoder(6));
    assertEquals("max_characters_per_token: expected 7 or more, found 6", e.getMessage());
  }
}
