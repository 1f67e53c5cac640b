// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.text;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.elmo4j.ElmoException;

/**
 * Turns a token into the ids of an ELMoForManyLangs model (Che et al. 2018): one id for each
 * Unicode code point and one for the word, from the two dictionaries of the model. A token is cut
 * to {@code maxCharacters - 2} code points before it is looked up. Words must match exactly,
 * including case. Code points and words that are not in the dictionary are {@code <oov>}.
 *
 * <p>As in the original, which swaps the two, a token begins with the id of {@code <eow>} and ends
 * with that of {@code <bow>}. Immutable and thread-safe.
 */
public final class DictionaryEncoder extends TokenEncoder {
  private static final String BEGIN_SENTENCE = "<bos>";
  private static final String END_SENTENCE = "<eos>";
  private static final String UNKNOWN = "<oov>";
  private static final String PAD = "<pad>";

  /** The entry that the original program reads from a line whose entry is white space. */
  private static final String WHITE_SPACE = "\u3000";

  /** Enough ids for the boundary tokens, which are never cut. */
  private static final int MIN_CHARACTERS = BEGIN_SENTENCE.length() + 2;

  private final String characters;
  private final String words;
  private final Map<Integer, Short> codePoints = new HashMap<>();
  private final Map<String, Integer> wordIds;
  private final short first;
  private final short last;
  private final short beginSentence;
  private final short endSentence;
  private final short unknown;
  private final short pad;
  private final int unknownWord;

  /**
   * Reads dictionaries. A line is {@code entry TAB id}, and each id occurs once. White space around
   * a line is dropped; an entry that consists of white space is read as U+3000. If an entry occurs
   * several times, its last id counts.
   *
   * @param maxCharacters ids of each token, 7 or more
   * @param characters the dictionary of characters, with {@code <bos> <eos> <bow> <eow> <oov>
   *     <pad>}
   * @param characterCount the number of ids, less than 32767
   * @param words the dictionary of words, with {@code <oov>} and {@code <pad>}; null for none
   * @param wordCount the number of ids
   * @throws ElmoException if a line has another format, an id is missing, out of range or repeated,
   *     or one of the named entries is missing; the message begins with {@code char.dic} or {@code
   *     word.dic}
   */
  public DictionaryEncoder(
      int maxCharacters, String characters, int characterCount, String words, int wordCount) {
    super(BEGIN_SENTENCE, END_SENTENCE, maxCharacters);
    if (maxCharacters < MIN_CHARACTERS) {
      throw new ElmoException(
          "max_characters_per_token: expected "
              + MIN_CHARACTERS
              + " or more, found "
              + maxCharacters);
    }
    this.characters = characters;
    this.words = words;
    Map<String, Integer> ids = parse("char.dic", characters, characterCount);
    first = special(ids, "<eow>");
    last = special(ids, "<bow>");
    beginSentence = special(ids, BEGIN_SENTENCE);
    endSentence = special(ids, END_SENTENCE);
    unknown = special(ids, UNKNOWN);
    pad = special(ids, PAD);
    ids.forEach(
        (entry, id) -> {
          if (entry.codePointCount(0, entry.length()) == 1) {
            codePoints.put(entry.codePointAt(0), (short) (id + 1));
          }
        });
    wordIds = words == null ? Map.of() : parse("word.dic", words, wordCount);
    unknownWord = words == null ? 0 : required("word.dic", wordIds, UNKNOWN);
    if (words != null) {
      required("word.dic", wordIds, PAD);
    }
  }

  private static Map<String, Integer> parse(String file, String text, int count) {
    if (count > text.length()) { // Each line has at least one character.
      throw new ElmoException(
          file + ": expected " + count + " lines, the rows of its table, found fewer");
    }
    Map<String, Integer> ids = new HashMap<>();
    BitSet seen = new BitSet(count);
    int line = 0;
    for (int from = 0; from < text.length(); ) {
      int end = text.indexOf('\n', from);
      end = end < 0 ? text.length() : end;
      String at = file + " line " + ++line + ": ";
      String stripped = strip(text, from, end);
      from = end + 1;
      int tab = stripped.indexOf('\t');
      String entry = tab < 0 ? WHITE_SPACE : stripped.substring(0, tab);
      String id = stripped.substring(tab + 1);
      if (id.isEmpty() || id.length() > 9 || !id.chars().allMatch(c -> c >= '0' && c <= '9')) {
        throw new ElmoException(at + "expected an entry, a tab and a number, found another form");
      }
      int value = Integer.parseInt(id);
      if (value >= count) {
        throw new ElmoException(
            at + "expected an id less than " + count + ", the rows of its table, found " + value);
      }
      if (seen.get(value)) {
        throw new ElmoException(at + "expected each id once, found " + value + " again");
      }
      seen.set(value);
      ids.put(entry, value);
    }
    if (line != count) {
      throw new ElmoException(
          file + ": expected " + count + " lines, the rows of its table, found " + line);
    }
    return ids;
  }

  /** Like Python's {@code str.strip}. */
  private static String strip(String text, int from, int end) {
    int first = from;
    int last = end;
    while (first < last && isSpace(text.charAt(first))) {
      first++;
    }
    while (first < last && isSpace(text.charAt(last - 1))) {
      last--;
    }
    return text.substring(first, last);
  }

  /** Like Python's {@code str.isspace}: Java's white space, NEXT LINE and the no-break spaces. */
  private static boolean isSpace(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
  }

  private static int required(String file, Map<String, Integer> ids, String entry) {
    Integer id = ids.get(entry);
    if (id == null) {
      throw new ElmoException(file + ": expected an entry " + entry + ", found none");
    }
    return id;
  }

  private static short special(Map<String, Integer> ids, String entry) {
    return (short) (required("char.dic", ids, entry) + 1);
  }

  @Override
  public short pad() {
    return pad;
  }

  /** The text of the dictionary of characters. */
  public String characters() {
    return characters;
  }

  /** The text of the dictionary of words; null if the model has none. */
  public String words() {
    return words;
  }

  @Override
  public int map(CharSequence token, short[] ids, int offset) {
    String text = cut(token.toString());
    int at = offset;
    ids[at++] = first;
    if (text.equals(BEGIN_SENTENCE)) {
      ids[at++] = beginSentence;
    } else if (text.equals(END_SENTENCE)) {
      ids[at++] = endSentence;
    } else {
      for (int i = 0, c; i < text.length(); i += Character.charCount(c)) {
        c = text.codePointAt(i);
        ids[at++] = codePoints.getOrDefault(c, unknown);
      }
    }
    ids[at++] = last;
    return padFrom(ids, offset, at);
  }

  @Override
  public int word(String token) {
    return wordIds.getOrDefault(cut(token), unknownWord);
  }

  private String cut(String token) {
    int limit = maxCharacters() - 2;
    return token.length() > limit && token.codePointCount(0, token.length()) > limit
        ? token.substring(0, token.offsetByCodePoints(0, limit))
        : token;
  }
}
