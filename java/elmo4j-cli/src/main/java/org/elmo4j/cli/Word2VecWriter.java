// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.TemporaryFolder;

/**
 * Writes the text format of word2vec: a line with the number of words and of numbers in a vector,
 * then a line for each distinct word with the word and the mean of its vectors, separated by single
 * spaces. Upper and lower case make different words. The words with the most uses come first; of
 * equally frequent ones, the word that was used first.
 *
 * <p>The words are kept in memory. The sums of their vectors, in double precision, are kept in
 * mapped temporary files ({@code java.io.tmpdir}), so they may be larger than memory. Not
 * thread-safe.
 */
final class Word2VecWriter implements SentenceWriter {
  /** The number of words whose sums are in one file. */
  private static final int CHUNK = 1 << 12;

  /** A distinct word. */
  private static final class Word {
    private final int number;
    private long uses;

    Word(int number) {
      this.number = number;
    }
  }

  private final AtomicFile file;
  private final TemporaryFolder folder;
  private final Map<String, Word> words = new LinkedHashMap<>();
  private final List<NativeMemory> memory = new ArrayList<>();
  private final List<DoubleBuffer> sums = new ArrayList<>();
  private int dim;

  /**
   * @param file the output; closing this closes it
   */
  Word2VecWriter(AtomicFile file) throws IOException {
    this.file = file;
    try {
      folder = TemporaryFolder.create();
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  @Override
  public void write(Sentence sentence) throws IOException {
    dim = (int) sentence.shape()[1];
    int[] token = {0};
    DoubleBuffer[] sum = {DoubleBuffer.allocate(0)}; // the rest of the sum for the current token
    sentence
        .values()
        .writeTo(
            piece -> {
              while (piece.hasRemaining()) {
                if (!sum[0].hasRemaining()) {
                  sum[0] = use(sentence.tokens().get(token[0]++), sentence.index());
                }
                sum[0].put(sum[0].get(sum[0].position()) + piece.get());
              }
            });
  }

  /** Counts a use of a word and returns the sum of its vectors, {@code dim} numbers. */
  private DoubleBuffer use(String token, long sentence) {
    if (token.isEmpty() || token.chars().anyMatch(Character::isWhitespace)) {
      throw new ElmoException(
          "sentence "
              + sentence
              + ": expected tokens without white space, which separates them from their numbers in"
              + " word2vec's form, found \""
              + token
              + "\"");
    }
    Word word = words.computeIfAbsent(token, t -> new Word(words.size()));
    word.uses++;
    if (word.number == CHUNK * sums.size()) {
      memory.add(map((long) CHUNK * dim * Double.BYTES));
      sums.add(
          memory
              .get(memory.size() - 1)
              .bytePointer(0)
              .capacity((long) CHUNK * dim * Double.BYTES)
              .asByteBuffer()
              .order(ByteOrder.nativeOrder())
              .asDoubleBuffer());
    }
    return of(word);
  }

  private NativeMemory map(long bytes) {
    try {
      return NativeMemory.map(folder.path(), bytes);
    } catch (ElmoException e) {
      throw TemporaryFolder.full("a temporary file of " + bytes + " bytes", "less", e);
    }
  }

  private DoubleBuffer of(Word word) {
    return sums.get(word.number / CHUNK).slice(word.number % CHUNK * dim, dim);
  }

  @Override
  public void finish() throws IOException {
    List<Map.Entry<String, Word>> order = new ArrayList<>(words.entrySet());
    order.sort(Comparator.comparingLong(entry -> -entry.getValue().uses)); // stable
    Writer out =
        new BufferedWriter(new OutputStreamWriter(file.stream(), StandardCharsets.UTF_8), 1 << 16);
    out.write(words.size() + " " + dim + "\n");
    for (Map.Entry<String, Word> entry : order) {
      out.write(entry.getKey());
      DoubleBuffer sum = of(entry.getValue());
      for (int i = 0; i < dim; i++) {
        out.write(" " + (float) (sum.get() / entry.getValue().uses));
      }
      out.write('\n');
    }
    out.flush();
    file.commit();
  }

  @Override
  public void close() throws IOException {
    sums.clear();
    memory.forEach(NativeMemory::close);
    folder.close();
    file.close();
  }
}
