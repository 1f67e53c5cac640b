// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.elmo4j.internal.text.CharacterMapper;
import org.elmo4j.weights.ModelOptions;

/**
 * The distinct words of a text, including the sentence boundaries, sorted by length, so that a
 * group of words needs only about as many character slots as its longest word. Immutable.
 *
 * @param groups the character ids of the words
 * @param sentences for each sentence the numbers of its words, including the boundaries
 */
record Words(List<Group> groups, int[][] sentences) {
  /**
   * A group of words that are computed together.
   *
   * @param ids [words, slots]
   */
  record Group(int[] ids, int words, int slots) {}

  private record Word(int number, short[] ids, int used) {}

  static Words of(List<List<String>> text, ModelOptions options, int groupSize) {
    CharacterMapper mapper = new CharacterMapper(options.maxCharactersPerToken());
    Map<String, Integer> numbers = new HashMap<>();
    List<Word> words = new ArrayList<>();
    int[][] sentences = new int[text.size()][];
    for (int s = 0; s < sentences.length; s++) {
      List<String> sentence = text.get(s);
      int last = sentence.size() + 1;
      sentences[s] = new int[last + 1];
      for (int i = 0; i <= last; i++) {
        String word =
            i == 0
                ? mapper.beginSentence()
                : i == last ? mapper.endSentence() : sentence.get(i - 1);
        Integer number = numbers.get(word);
        if (number == null) {
          number = words.size();
          numbers.put(word, number);
          short[] ids = new short[mapper.maxCharacters()];
          words.add(new Word(number, ids, mapper.map(word, ids, 0)));
        }
        sentences[s][i] = number;
      }
    }
    words.sort(Comparator.comparingInt(Word::used));
    int[] rank = new int[words.size()];
    for (int i = 0; i < rank.length; i++) {
      rank[words.get(i).number] = i;
    }
    for (int[] sentence : sentences) {
      Arrays.setAll(sentence, i -> rank[sentence[i]]);
    }
    return new Words(groups(words, options, groupSize), sentences);
  }

  private static List<Group> groups(List<Word> words, ModelOptions options, int groupSize) {
    // All windows that lie in the padding are equal, so one of the widest filter's is enough.
    int widest =
        options.filters().stream().mapToInt(ModelOptions.Filter::width).max().orElseThrow();
    List<Group> groups = new ArrayList<>();
    for (int from = 0; from < words.size(); from += groupSize) {
      List<Word> some = words.subList(from, Math.min(from + groupSize, words.size()));
      int longest = some.get(some.size() - 1).used;
      int slots = Math.min(options.maxCharactersPerToken(), longest + widest);
      int[] ids = new int[some.size() * slots];
      for (int w = 0; w < some.size(); w++) {
        for (int i = 0; i < slots; i++) {
          ids[w * slots + i] = some.get(w).ids[i];
        }
      }
      groups.add(new Group(ids, some.size(), slots));
    }
    return groups;
  }

  /** The number of distinct words. */
  int count() {
    return groups.stream().mapToInt(Group::words).sum();
  }
}
