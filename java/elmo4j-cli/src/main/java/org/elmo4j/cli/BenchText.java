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

/** The text that {@code elmo bench} embeds: that of the box, or more words made of it. */
final class BenchText {
  /** The box's text lasts 20 ms on a large GPU; this many words last half a second. */
  static final long GPU_WORDS = 1_000_000;

  private static final String PROSE = "/org/elmo4j/cli/prose.txt";

  // A million words of English prose hold some 40,000 different ones, the box's 39,000 about 6,000.
  private static final int NEW_WORDS = 60_000;
  private static final int ONE_IN = 12;

  private BenchText() {}

  /** 1,700 sentences of two novels. */
  static List<List<String>> box() throws IOException {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                BenchText.class.getResourceAsStream(PROSE), StandardCharsets.UTF_8))) {
      return lines.lines().map(TextSplitter::onSpaces).collect(Collectors.toList());
    }
  }

  /**
   * Sentences of these in random order, until they have so many words. One word in twelve is
   * replaced by a new one, so that new words keep coming as they do in running text; some of those
   * come often, most come seldom. The same arguments give the same text.
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

  /** A word that is the front of one and the back of another. */
  private static String made(int number, List<String> known) {
    Random random = new Random(number);
    String front = known.get(random.nextInt(known.size()));
    String back = known.get(random.nextInt(known.size()));
    return front.substring(0, (front.length() + 1) / 2) + back.substring(back.length() / 2);
  }
}
