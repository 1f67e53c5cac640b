// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.IntStream;
import org.elmo4j.Statistics;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.backend.Batch;
import org.elmo4j.internal.backend.ContinuousBatcher;
import org.elmo4j.internal.backend.LstmState;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.internal.text.TokenEncoder;
import org.elmo4j.weights.ModelOptions;

/**
 * Turns tokens into work for a backend. Sentences run in batches of similar length. The token
 * representation of each distinct word is computed once for a call, or taken from the word cache.
 * Calls share a budget of native memory: a large call runs in parts, and a call that does not fit
 * beside the others waits for them. Thread-safe.
 */
public final class Embedder implements AutoCloseable {
  /** The number of words whose character ids are copied to native memory at a time. */
  private static final int IDS_CHUNK = 64;

  /** The number of words that {@link #warm} computes at a time. */
  private static final int WARM_CHUNK = 4096;

  private final Backend backend;
  private final ModelOptions options;
  private final TokenEncoder encoder;
  private final int projectionDim;
  private final boolean stateByLength;
  private final int wordBytes;
  private final long workspaceBytes;
  private final long partPositions;
  private final WordCache cache;

  private final AtomicReference<Words> spareWords = new AtomicReference<>();
  private final Semaphore workspace; // KiB that are free
  private final AtomicLong workspaceUsed = new AtomicLong(); // bytes
  private final AtomicLong workspacePeak = new AtomicLong();
  private final LongAdder calls = new LongAdder();
  private final LongAdder sentenceCount = new LongAdder();
  private final LongAdder tokens = new LongAdder();
  private final LongAdder batchCount = new LongAdder();
  private final LongAdder wordsComputed = new LongAdder();
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();
  private final LongAdder wordNanos = new LongAdder();
  private final LongAdder biLmNanos = new LongAdder();

  /**
   * Makes an embedder that owns the backend and closes it.
   *
   * @param encoder turns a token into character ids
   * @param wordCacheBytes the size of the word cache; 0 for none
   * @param workspaceBytes the memory that running calls may use together, without results; a single
   *     sentence that needs more runs alone
   */
  public Embedder(
      Backend backend,
      ModelOptions options,
      TokenEncoder encoder,
      long wordCacheBytes,
      long workspaceBytes) {
    this.backend = backend;
    this.options = options;
    this.workspaceBytes = workspaceBytes;
    this.encoder = encoder;
    stateByLength = options.dictionary().isPresent(); // like the original programs
    projectionDim = options.projectionDim();
    wordBytes = projectionDim * backend.numberBytes() + encoder.maxCharacters() * Short.BYTES;
    partPositions = workspaceBytes / 4 / wordBytes;
    workspace = new Semaphore(kibibytes(workspaceBytes), true);
    cache = new WordCache(backend, wordCacheBytes, projectionDim, encoder.maxCharacters());
  }

  /** The backend that computes. */
  public Backend backend() {
    return backend;
  }

  /** Makes state for {@link #run} that has no rows yet. The caller closes it. */
  public LstmState newState() {
    return new LstmState(backend, options);
  }

  /** Returns an empty table for about that many words, reusing a returned one if there is one. */
  private Words takeWords(int expected) {
    Words words = spareWords.getAndSet(null);
    return words == null ? new Words(expected) : words;
  }

  private void giveBack(Words words) {
    if (words.clear()) {
      spareWords.set(words);
    }
  }

  private static int kibibytes(long bytes) {
    return (int) Math.min(Integer.MAX_VALUE, (bytes + 1023) / 1024);
  }

  /**
   * The most batches of one call that can run at a time: one for each thread, and one between its
   * two directions.
   */
  private int batchesUnderWay() {
    return backend.parallelism() + 1;
  }

  /**
   * Computes outputs.
   *
   * @param sentences neither they nor their tokens are null
   * @param state is read and updated, one row for each sentence; null to start from zero
   * @param outputs where the results of these sentences are written
   */
  public void run(List<? extends List<String>> sentences, LstmState state, List<Output> outputs) {
    calls.increment();
    List<int[]> batches =
        Batches.split(sentences, backend, workspaceBytes / 4 * 3 / batchesUnderWay());
    int first = 0;
    int rank = 0; // rank of the next sentence among all, the longest first
    while (first < batches.size()) {
      int end = first;
      long positions = 0;
      while (end < batches.size()) {
        for (int sentence : batches.get(end)) {
          positions += Batches.positions(sentences.get(sentence));
        }
        if (end > first && positions > partPositions) {
          break;
        }
        end++;
      }
      part(sentences, batches.subList(first, end), rank, state, outputs);
      for (int[] batch : batches.subList(first, end)) {
        rank += batch.length;
      }
      first = end;
    }
  }

  /** Runs some batches of a call: as many as the memory budget allows at a time. */
  private void part(
      List<? extends List<String>> sentences,
      List<int[]> order,
      int rank,
      LstmState state,
      List<Output> outputs) {
    Words words = takeWords(16);
    List<NumberedBatch> numbered = new ArrayList<>(order.size());
    long largest = 0;
    long positions = 0;
    long rows = 0;
    for (int[] sentence : order) {
      int[] stateRow = sentence;
      if (stateByLength) {
        int firstRank = rank;
        stateRow = IntStream.range(0, sentence.length).map(r -> firstRank + r).toArray();
        rank += sentence.length;
      }
      NumberedBatch batch = number(sentences, sentence, stateRow, words);
      numbered.add(batch);
      largest = Math.max(largest, backend.workspaceBytes(batch.sentences(), batch.positions()));
      positions += batch.positions();
      rows += sentence.length;
    }
    long needed =
        (long) words.count() * wordBytes + Math.min(numbered.size(), batchesUnderWay()) * largest;
    reserve(needed);
    try (Memory representations = rows(words.count())) {
      represent(words, representations);
      List<Batch> batches = numbered.stream().map(batch -> batch.located(words.row())).toList();
      giveBack(words);
      long before = System.nanoTime();
      backend.run(batches, representations, state, outputs);
      biLmNanos.add(System.nanoTime() - before);
    } finally {
      release(needed);
    }
    sentenceCount.add(rows);
    tokens.add(positions - 2 * rows);
    batchCount.add(numbered.size());
  }

  /**
   * Adds sentences to those that are running and returns. Only for a backend that has a {@link
   * ContinuousBatcher}. Never throws: failures go to the listener.
   *
   * @param sentences neither they nor their tokens are null
   * @param outputs where the results of these sentences are written
   * @param listener is called once for each sentence
   */
  public void add(
      List<List<String>> sentences, List<Output> outputs, ContinuousBatcher.Listener listener) {
    calls.increment();
    ContinuousBatcher batcher = backend.continuousBatcher();
    int first = 0;
    while (first < sentences.size()) {
      int end = first;
      long needed = 0;
      for (int positions = 0; end < sentences.size(); end++) {
        positions += Batches.positions(sentences.get(end));
        long all =
            batcher.workspaceBytes(end + 1 - first, positions) + (long) positions * wordBytes;
        if (end > first && all > workspaceBytes / 4) {
          break;
        }
        needed = all;
      }
      int[] chosen = new int[end - first]; // No stream: often it is one sentence.
      for (int i = 0; i < chosen.length; i++) {
        chosen[i] = first + i;
      }
      add(sentences, chosen, needed, outputs, listener);
      first = end;
    }
  }

  /** Adds as many sentences at once as the memory budget allows. */
  private void add(
      List<List<String>> sentences,
      int[] chosen,
      long needed,
      List<Output> outputs,
      ContinuousBatcher.Listener listener) {
    int n = chosen.length;
    reserve(needed);
    Memory representations = null;
    Batch batch;
    try {
      Words words = takeWords(10 * n + 16); // Enough for sentences that share few words.
      NumberedBatch numbered = number(sentences, chosen, chosen, words);
      representations = rows(words.count());
      represent(words, representations);
      batch = numbered.located(words.row());
      giveBack(words);
    } catch (Throwable e) {
      if (representations != null) {
        representations.close();
      }
      release(needed);
      for (int sentence : chosen) {
        listener.complete(sentence, e);
      }
      return;
    }
    Memory rows = representations;
    long before = System.nanoTime();
    AtomicInteger left = new AtomicInteger(n);
    backend
        .continuousBatcher()
        .add(
            batch,
            rows,
            outputs,
            (row, failure) -> {
              if (left.decrementAndGet() == 0) {
                rows.close();
                release(needed);
                biLmNanos.add(System.nanoTime() - before);
                sentenceCount.add(n);
                tokens.add(batch.positions() - 2L * n);
                batchCount.increment();
              }
              listener.complete(chosen[row], failure);
            });
  }

  /**
   * A batch whose words have no rows yet. {@code word} holds the number in {@link Words} of each
   * position's word.
   */
  private record NumberedBatch(
      int[] sentence, int[] stateRow, int[] start, int[] length, int[] word) {
    int sentences() {
      return sentence.length;
    }

    int positions() {
      return word.length;
    }

    /** Makes the batch. It reuses the array of word numbers for the words' rows. */
    Batch located(int[] rowOfWord) {
      for (int i = 0; i < word.length; i++) {
        word[i] = rowOfWord[word[i]];
      }
      return new Batch(sentence, stateRow, start, length, word);
    }
  }

  /** Makes a batch of the chosen sentences and numbers their words. */
  private NumberedBatch number(
      List<? extends List<String>> sentences, int[] chosen, int[] stateRow, Words words) {
    int[] start = new int[chosen.length];
    int[] length = new int[chosen.length];
    int size = 0;
    for (int r = 0; r < chosen.length; r++) {
      start[r] = size;
      length[r] = Batches.positions(sentences.get(chosen[r]));
      size += length[r];
    }
    // A token whose text is that of a boundary word is that word, as in the original tools.
    int begin = words.number(encoder.beginSentence());
    int end = words.number(encoder.endSentence());
    int[] word = new int[size];
    int at = 0;
    for (int s : chosen) {
      List<String> tokens = sentences.get(s);
      word[at++] = begin;
      for (int t = 0; t < tokens.size(); t++) {
        word[at++] = words.number(tokens.get(t));
      }
      word[at++] = end;
    }
    return new NumberedBatch(chosen, stateRow, start, length, word);
  }

  private Memory rows(int count) {
    return backend.allocate((long) count * projectionDim * backend.numberBytes());
  }

  private void reserve(long bytes) {
    workspace.acquireUninterruptibly(Math.min(kibibytes(bytes), kibibytes(workspaceBytes)));
    workspacePeak.accumulateAndGet(workspaceUsed.addAndGet(bytes), Math::max);
  }

  private void release(long bytes) {
    workspaceUsed.addAndGet(-bytes);
    workspace.release(Math.min(kibibytes(bytes), kibibytes(workspaceBytes)));
  }

  /** Fills the words' rows from the cache and the backend, and sets {@link Words#row}. */
  private void represent(Words words, Memory rows) {
    long before = System.nanoTime();
    int missing = cache.fetch(words, rows);
    hits.add(words.count() - missing);
    misses.add(missing);
    compute(words, missing, rows);
    wordNanos.add(System.nanoTime() - before);
  }

  /** Computes the words whose row is below {@code missing}, in order, and caches them. */
  private void compute(Words words, int missing, Memory rows) {
    if (missing == 0) {
      return;
    }
    int[] row = words.row();
    int slots = encoder.maxCharacters();
    try (NativeMemory ids = NativeMemory.allocate((long) missing * slots * Short.BYTES)) {
      short[] buffer = new short[Math.min(IDS_CHUNK, missing) * slots];
      int[] wordIds = new int[missing];
      int next = 0;
      for (int i = 0; next < missing; i++) {
        if (row[i] == next) {
          encoder.map(words.word(i), buffer, next % IDS_CHUNK * slots);
          wordIds[next] = encoder.word(words.word(i));
          next++;
          if (next % IDS_CHUNK == 0 || next == missing) {
            int first = (next - 1) / IDS_CHUNK * IDS_CHUNK;
            ids.shortPointer((long) first * slots).put(buffer, 0, (next - first) * slots);
          }
        }
      }
      backend.tokenRepresentations(missing, ids, wordIds, rows);
    }
    wordsComputed.add(missing);
    cache.put(words, missing, rows);
  }

  /**
   * Puts words into the word cache, in order, until it is full. Words that are already there are
   * not computed again.
   *
   * @param vocabulary words, none of them null
   */
  public void warm(Collection<String> vocabulary) {
    long free = cache.capacity() - cache.size();
    Words words = new Words(16);
    for (String word : vocabulary) {
      if (free <= 0) {
        break;
      }
      if (!cache.contains(word)) {
        int count = words.count();
        words.number(word);
        free -= words.count() - count;
      }
      if (words.count() == WARM_CHUNK) {
        warm(words);
        words = new Words(16);
      }
    }
    warm(words);
  }

  private void warm(Words words) {
    int count = words.count();
    if (count == 0) {
      return;
    }
    for (int i = 0; i < count; i++) {
      words.row()[i] = i;
    }
    long needed = (long) count * wordBytes;
    reserve(needed);
    try (Memory rows = rows(count)) {
      compute(words, count, rows);
    } finally {
      release(needed);
    }
  }

  /**
   * Puts a known row into the word cache. It is used in place of a computed one as long as it stays
   * there.
   *
   * @param row [P]
   */
  public void put(String word, float[] row) {
    Words words = new Words(1);
    words.row()[words.number(word)] = 0;
    try (Memory memory = rows(1)) {
      backend.write(row, memory);
      cache.put(words, 1, memory);
    }
  }

  /** Whether the word cache can take another word without evicting one. */
  public boolean hasFreeRows() {
    return cache.size() < cache.capacity();
  }

  /** Returns counts since the start. */
  public Statistics statistics() {
    return new Statistics.Builder()
        .calls(calls.sum())
        .sentences(sentenceCount.sum())
        .tokens(tokens.sum())
        .batches(batchCount.sum())
        .wordsComputed(wordsComputed.sum())
        .wordHits(hits.sum())
        .wordMisses(misses.sum())
        .wordsCached(cache.size())
        .wordTime(Duration.ofNanos(wordNanos.sum()))
        .biLmTime(Duration.ofNanos(biLmNanos.sum()))
        .peakWorkspaceBytes(workspacePeak.get())
        .nativeBytes(Memory.liveBytes())
        .deviceCounts(backend.counts())
        .build();
  }

  /** Frees the word cache and closes the backend. No call may be running. */
  @Override
  public void close() {
    cache.close();
    backend.close();
  }
}
