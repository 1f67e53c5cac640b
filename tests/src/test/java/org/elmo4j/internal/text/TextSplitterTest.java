// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TextSplitterTest {
  private static final String TEXT =
      "Mr. Smith went to Washington, D.C., by train. He stayed home!\n\"Why?\" It costs $3.50.";

  @Test
  void textIsSplitIntoSentencesAndTokens() {
    assertEquals(
        List.of(
            List.of(
                "Mr.", "Smith", "went", "to", "Washington", ",", "D.C.", ",", "by", "train", "."),
            List.of("He", "stayed", "home", "!"),
            List.of("\"", "Why", "?", "\""),
            List.of("It", "costs", "$", "3.50", ".")),
        TextSplitter.split(TEXT));
  }

  @Test
  void aBlankLineEndsASentenceAndASingleLineEndDoesNot() {
    List<List<String>> wanted = List.of(List.of("A", "heading"), List.of("Some", "text", "."));
    assertEquals(wanted, TextSplitter.split("A heading\n\nSome text."));
    assertEquals(wanted, TextSplitter.split("\r\nA\r\nheading\r\n \t\r\nSome\r\ntext."));
    assertEquals(
        List.of(List.of("A", "heading", "Some", "text", ".")),
        TextSplitter.split("A heading\r\nSome text."));
  }

  @Test
  void emptyAndWhiteTextHasNoSentences() {
    for (String text :
        new String[] {"", " ", "\n\n\t\r\n ", "\u00a0\u2003\u3000", " ".repeat(100_000)}) {
      assertEquals(List.of(), TextSplitter.split(text));
    }
  }

  @Test
  void loneSurrogatesAndEmojiStayInTheirTokens() {
    assertEquals(
        "\ud83da\ude00b\ud83d\ude00",
        String.join("", TextSplitter.split("\ud83d a\ude00b \ud83d\ude00").get(0)));
  }

  @Test
  void aVeryLongRunIsOneTokenInASentenceOfItsOwn() {
    String run = "x.".repeat(500_000);
    assertEquals(
        List.of(List.of("Before", "."), List.of(run), List.of("After", ".")),
        TextSplitter.split("Before. " + run + " After."));
    assertEquals(List.of(List.of(run)), TextSplitter.split(run));
    assertEquals(List.of(List.of(run), List.of(run)), TextSplitter.split(run + "\n\n" + run));
  }

  @Test
  void aVeryLongLineKeepsAllItsWords() {
    List<List<String>> sentences = TextSplitter.split("word ".repeat(50_000));
    assertEquals(50_000, sentences.stream().mapToInt(List::size).sum());
  }

  @Test
  void anyTextLosesNothingButWhiteSpace() {
    Random random = new Random(2);
    String alphabet = "ab .!?\n\r\t'\"\u00a0\u00e9\ud83d\ude00\u2028\u0000";
    for (int n = 0; n < 500; n++) {
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(300); i > 0; i--) {
        text.append(alphabet.charAt(random.nextInt(alphabet.length())));
      }
      StringBuilder got = new StringBuilder();
      for (List<String> sentence : TextSplitter.split(text.toString())) {
        assertFalse(sentence.isEmpty());
        for (String token : sentence) {
          assertFalse(token.isEmpty());
          got.append(token);
        }
      }
      assertEquals(text.toString().replaceAll("[\\s\u00a0\u2028]", ""), got.toString());
    }
  }

  @Test
  void threadsGetWhatOneThreadGets() throws Exception {
    List<List<String>> wanted = TextSplitter.split(TEXT.repeat(20));
    ExecutorService pool = Executors.newFixedThreadPool(8);
    try {
      Callable<List<List<String>>> task = () -> TextSplitter.split(TEXT.repeat(20));
      for (Future<List<List<String>>> got :
          pool.invokeAll(new ArrayList<>(Collections.nCopies(64, task)))) {
        assertEquals(wanted, got.get());
      }
    } finally {
      pool.shutdown();
    }
  }

  @Test
  void onSpacesSplitsAtSpacesAloneAndDropsEmptyPieces() {
    assertEquals(List.of("a", "b\tc", "\u00a0d\n"), TextSplitter.onSpaces("  a  b\tc \u00a0d\n "));
    assertEquals(List.of(), TextSplitter.onSpaces(""));
    assertEquals(List.of(), TextSplitter.onSpaces("   "));
    assertEquals(List.of("word"), TextSplitter.onSpaces("word"));
    assertTrue(TextSplitter.onSpaces("x ".repeat(100_000)).size() == 100_000);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "He didn't know.|He did n't know .",
        "We shouldn\u2019t\u2019ve gone.|We should n\u2019t \u2019ve gone .",
        "Ann's dog and I'll see they're here.|Ann 's dog and I 'll see they 're here .",
        "DON'T!|DO N'T !",
      })
  void cliticsAreTokensOfTheirOwn(String text, String tokens) {
    assertEquals(List.of(List.of(tokens.split(" "))), TextSplitter.split(text));
  }
}
