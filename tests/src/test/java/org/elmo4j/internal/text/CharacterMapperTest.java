// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.elmo4j.ElmoException;
import org.junit.jupiter.api.Test;

class CharacterMapperTest {
  private static final CharacterMapper MAPPER = new CharacterMapper(50);

  /** Returns the ids by the oracle's rules, computed with the JDK's UTF-8 encoder. */
  private static short[] expected(String token, int maxCharacters) {
    StringBuilder kept = new StringBuilder();
    token
        .codePoints()
        .filter(c -> c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE)
        .forEach(kept::appendCodePoint);
    byte[] bytes = kept.toString().getBytes(StandardCharsets.UTF_8);
    int n = Math.min(bytes.length, maxCharacters - 2);
    short[] ids = new short[maxCharacters];
    Arrays.fill(ids, (short) 261);
    ids[0] = 259;
    for (int i = 0; i < n; i++) {
      ids[i + 1] = (short) ((bytes[i] & 0xFF) + 1);
    }
    ids[n + 1] = 260;
    return ids;
  }

  private static short[] map(String token) {
    short[] ids = new short[50];
    MAPPER.map(token, ids, 0);
    return ids;
  }

  private static short[] word(int... head) {
    short[] ids = new short[50];
    Arrays.fill(ids, (short) 261);
    for (int i = 0; i < head.length; i++) {
      ids[i] = (short) head[i];
    }
    return ids;
  }

  @Test
  void asciiTokenIsItsBytesBetweenWordMarks() {
    assertArrayEquals(word(259, 'c' + 1, 'a' + 1, 't' + 1, 260), map("cat"));
  }

  @Test
  void emptyTokenIsATokenAndNotPadding() {
    assertArrayEquals(word(259, 260), map(""));
    assertEquals(2, MAPPER.map("", new short[50], 0));
  }

  @Test
  void charactersOfTwoThreeAndFourBytesAreUtf8() {
    assertArrayEquals(word(259, 0xC3 + 1, 0xA9 + 1, 260), map("\u00e9"));
    assertArrayEquals(word(259, 0xE2 + 1, 0x82 + 1, 0xAC + 1, 260), map("\u20ac"));
    assertArrayEquals(word(259, 0xF0 + 1, 0x9F + 1, 0x98 + 1, 0x80 + 1, 260), map("\ud83d\ude00"));
  }

  @Test
  void nulAndTheLastByteKeepTheirIds() {
    assertArrayEquals(word(259, 1, 128, 260), map("\u0000\u007f"));
  }

  @Test
  void loneSurrogatesAreDropped() {
    assertArrayEquals(word(259, 'a' + 1, 'b' + 1, 260), map("a\ud83db"));
    assertArrayEquals(word(259, 'a' + 1, 'b' + 1, 260), map("\ude00ab\ud83d"));
    assertArrayEquals(word(259, 260), map("\ude00\ud83d"));
    assertArrayEquals(
        word(259, 0xF0 + 1, 0x9F + 1, 0x98 + 1, 0x80 + 1, 260), map("\ud83d\ud83d\ude00"));
  }

  @Test
  void boundaryTokensAreTheBoundaryWords() {
    short[] begin = new short[50];
    short[] end = new short[50];
    assertEquals(3, MAPPER.mapBoundary(false, begin, 0));
    assertEquals(3, MAPPER.mapBoundary(true, end, 0));
    assertArrayEquals(word(259, 257, 260), begin);
    assertArrayEquals(word(259, 258, 260), end);
    assertArrayEquals(begin, map("<S>"));
    assertArrayEquals(end, map("</S>"));
    assertArrayEquals(expected("<s>", 50), map("<s>"));
    assertArrayEquals(expected("<S> ", 50), map("<S> "));
  }

  @Test
  void wordsAreCutTo48BytesEvenInsideACharacter() {
    assertArrayEquals(expected("x".repeat(48), 50), map("x".repeat(48)));
    assertArrayEquals(expected("x".repeat(48), 50), map("x".repeat(49)));
    for (String wide : new String[] {"\u00e9", "\u20ac", "\ud83d\ude00"}) {
      for (int before = 44; before < 49; before++) {
        String token = "x".repeat(before) + wide + "yy";
        short[] ids = map(token);
        assertArrayEquals(expected(token, 50), ids, token);
        assertEquals(260, ids[49], token);
      }
    }
  }

  @Test
  void aVeryLongTokenIsCut() {
    assertArrayEquals(expected("\u20ac".repeat(16), 50), map("\u20ac".repeat(1_000_000)));
  }

  @Test
  void manyWordsGoIntoOneArrayAndNothingElseIsTouched() {
    short[] ids = new short[152];
    Arrays.fill(ids, (short) -7);
    assertEquals(5, MAPPER.map("one", ids, 1));
    assertEquals(50, MAPPER.map("w".repeat(60), ids, 51));
    assertEquals(4, MAPPER.map(new StringBuilder("\u00fc"), ids, 101));
    assertEquals(-7, ids[0]);
    assertEquals(-7, ids[151]);
    assertArrayEquals(expected("one", 50), Arrays.copyOfRange(ids, 1, 51));
    assertArrayEquals(expected("w".repeat(60), 50), Arrays.copyOfRange(ids, 51, 101));
    assertArrayEquals(expected("\u00fc", 50), Arrays.copyOfRange(ids, 101, 151));
  }

  @Test
  void randomStringsMapLikeTheOracle() {
    Random random = new Random(1);
    for (int n = 0; n < 20_000; n++) {
      int max = 3 + random.nextInt(60);
      StringBuilder token = new StringBuilder();
      for (int i = random.nextInt(70); i > 0; i--) {
        switch (random.nextInt(4)) {
          case 0 -> token.append((char) random.nextInt(0x80));
          case 1 -> token.append((char) random.nextInt(0x10000));
          case 2 -> token.append((char) (0xD800 + random.nextInt(0x800)));
          default -> token.appendCodePoint(random.nextInt(0x110000));
        }
      }
      short[] ids = new short[max];
      int count = new CharacterMapper(max).map(token, ids, 0);
      short[] wanted = expected(token.toString(), max);
      assertArrayEquals(wanted, ids);
      int last = max;
      while (wanted[last - 1] == 261) {
        last--;
      }
      assertEquals(last, count);
    }
  }

  @Test
  void fewerThanThreeCharactersAreRefused() {
    ElmoException e = assertThrows(ElmoException.class, () -> new CharacterMapper(2));
    assertEquals("max characters: expected 3 or more, found 2", e.getMessage());
    assertEquals(3, new CharacterMapper(3).maxCharacters());
  }
}
