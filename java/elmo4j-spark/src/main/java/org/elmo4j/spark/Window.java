// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;

/**
 * Embeds the sentences of several successive rows. The results stay in native memory until the
 * window is closed, and are copied when a row needs them. Not thread-safe.
 */
final class Window implements AutoCloseable {
  /**
   * The maximum ratio of positions to tokens in a call. A result is padded to its longest sentence;
   * with more padding than this, a further call is cheaper.
   */
  private static final double MAX_PADDING = 1.5;

  /**
   * A call is ended because of padding only if it has more than one {@code MIN_CALLS}-th of {@code
   * batchTokens}, since smaller calls are slow, or if its positions exceed twice {@code
   * batchTokens}.
   */
  private static final int MIN_CALLS = 4;

  private final ElmoModel model;
  private final List<List<String>> sentences;
  private final List<Embeddings> calls = new ArrayList<>();
  // The call and the row in its result of each sentence; not used for sentences without tokens.
  private final int[] call;
  private final int[] row;
  private long sentencesRun;
  private long tokensRun;
  private long nanos;

  /** Runs the model. If this fails, all results are closed. */
  Window(ElmoModel model, List<List<String>> sentences, Layer[] layers, Plan plan) {
    this.model = model;
    this.sentences = sentences;
    call = new int[sentences.size()];
    row = new int[sentences.size()];
    int[] order =
        IntStream.range(0, sentences.size())
            .filter(i -> !sentences.get(i).isEmpty())
            .boxed()
            .sorted(Comparator.comparingInt((Integer i) -> sentences.get(i).size()).reversed())
            .mapToInt(i -> i)
            .toArray();
    try {
      int first = 0;
      while (first < order.length) {
        int end = end(order, first, plan);
        run(order, first, end, layers);
        first = end;
      }
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /**
   * Returns the end (exclusive) in {@code order} of the call that begins at {@code first}, with its
   * longest sentence.
   */
  private int end(int[] order, int first, Plan plan) {
    long longest = sentences.get(order[first]).size();
    long tokens = longest;
    int end = first + 1;
    while (end < order.length && end - first < plan.batchSize() && tokens < plan.batchTokens()) {
      tokens += sentences.get(order[end]).size();
      long cells = (end + 1 - first) * longest;
      if (cells > MAX_PADDING * tokens
          && (tokens > plan.batchTokens() / MIN_CALLS || cells > 2L * plan.batchTokens())) {
        break;
      }
      end++;
    }
    return end;
  }

  private void run(int[] order, int first, int end, Layer[] layers) {
    List<List<String>> batch = new ArrayList<>(end - first);
    for (int i = first; i < end; i++) {
      List<String> sentence = sentences.get(order[i]);
      call[order[i]] = calls.size();
      row[order[i]] = i - first;
      batch.add(sentence);
      tokensRun += sentence.size();
    }
    long start = System.nanoTime();
    calls.add(model.embed(batch, layers));
    nanos += System.nanoTime() - start;
    sentencesRun += batch.size();
  }

  /** Adds the calls of this window to the metrics. */
  void count(ElmoMetrics metrics) {
    metrics.addBatches(calls.size(), sentencesRun, tokensRun, nanos);
  }

  /** The length of a vector. */
  int dim(Layer layer) {
    return model.dim(layer);
  }

  /** Returns a copy of a sentence's vectors: [length, dim], row-major, or [dim] for a mean. */
  float[] vectors(Layer layer, int sentence) {
    if (sentences.get(sentence).isEmpty()) {
      return new float[layer.kind() == Layer.Kind.MEAN ? dim(layer) : 0];
    }
    return calls.get(call[sentence]).get(layer, row[sentence]).toArray();
  }

  @Override
  public void close() {
    calls.forEach(Embeddings::close);
    calls.clear();
  }
}
