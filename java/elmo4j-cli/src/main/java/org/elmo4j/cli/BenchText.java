// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.elmo4j.internal.text.TextSplitter;

/**
 * The default text of {@code elmo bench}: the bundled prose, or for a GPU a longer text made of it.
 */
final class BenchText {
  /** A large GPU embeds the bundled text in 20 ms, and this many words in half a second. */
  static final long GPU_WORDS = 1_000_000;

  private static final String PROSE = "/org/elmo4j/cli/prose.txt";

  // A million words of English prose contain about 40,000 distinct ones; the 39,000 words of the
  // bundled text contain about 6,000.
  private static final int NEW_WORDS = 60_000;
  private static final int ONE_IN = 12;

  private BenchText() {}

  /** Returns the bundled text: 1,700 sentences of two novels. */
  static List<List<String>> box() throws IOException {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                BenchText.class.getResourceAsStream(PROSE), StandardCharsets.UTF_8))) {
      return lines.lines().map(TextSplitter::onSpaces).collect(Collectors.toList());
    }
  }

  /**
   * Draws sentences at random until they have this many words. On average one word in twelve is
   * replaced by an invented one, so that new words keep appearing, as in running text. A few
   * invented words are frequent; most are rare. The same arguments give the same text.
   */
  static List<List<String>> lengthened(List<List<String>> sentences, long words) {
    List<String> known =
        new ArrayList<>(
            new TreeSet<>(sentences.stream().flatMap(List::stream).collect(Collectors.toList())));
    Random random = new Random(20180610);
    List<List<String>> text = new ArrayList<>();
    for (long count = 0; count < words; ) {
      List<String> sentence = new ArrayList<>(sentences.get(random.nextInt(sentences.size())));
      for (int i = 0; i < sentence.size(); i++) {
        if (random.nextInt(ONE_IN) == 0) {
          double skewed = random.nextDouble() * random.nextDouble();
          sentence.set(i, made((int) (skewed * NEW_WORDS), known));
        }
      }
      text.add(sentence);
      count += sentence.size();
    }
    return text;
  }

  /** Makes a word from the first half of one known word and the second half of another. */
  private static String made(int number, List<String> known) {
    Random random = new Random(number);
    String front = known.get(random.nextInt(known.size()));
    String back = known.get(random.nextInt(known.size()));
    return front.substring(0, (front.length() + 1) / 2) + back.substring(back.length() / 2);
  }
}
