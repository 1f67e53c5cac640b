// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.Serializable;
import org.apache.spark.SparkContext;
import org.apache.spark.util.LongAccumulator;

/**
 * Counts of the work that a stage has done in this application. They are Spark accumulators, so
 * Spark's web page shows them too. As with all accumulators, the work of a task that runs again is
 * counted again.
 */
public final class ElmoMetrics implements Serializable {
  private final String applicationId;
  private final LongAccumulator rows;
  private final LongAccumulator sentences;
  private final LongAccumulator tokens;
  private final LongAccumulator batches;
  private final LongAccumulator nanos;
  private final LongAccumulator wordHits;
  private final LongAccumulator wordMisses;

  ElmoMetrics(SparkContext context, String uid) {
    applicationId = context.applicationId();
    rows = context.longAccumulator(uid + " rows");
    sentences = context.longAccumulator(uid + " sentences");
    tokens = context.longAccumulator(uid + " tokens");
    batches = context.longAccumulator(uid + " batches");
    nanos = context.longAccumulator(uid + " nanoseconds in the model");
    wordHits = context.longAccumulator(uid + " word cache hits");
    wordMisses = context.longAccumulator(uid + " word cache misses");
  }

  boolean isOf(SparkContext context) {
    return context.applicationId().equals(applicationId);
  }

  void addRows(long count) {
    rows.add(count);
  }

  void addBatches(long batchCount, long sentenceCount, long tokenCount, long duration) {
    batches.add(batchCount);
    sentences.add(sentenceCount);
    tokens.add(tokenCount);
    nanos.add(duration);
  }

  void addWords(long hits, long misses) {
    wordHits.add(hits);
    wordMisses.add(misses);
  }

  /** The number of rows read. */
  public long rows() {
    return rows.value();
  }

  /** The number of sentences that the model embedded. Sentences without tokens are not counted. */
  public long sentences() {
    return sentences.value();
  }

  /** The number of tokens that the model embedded. */
  public long tokens() {
    return tokens.value();
  }

  /** The number of calls of the model. */
  public long batches() {
    return batches.value();
  }

  /**
   * The number of distinct words, summed over all calls, whose representation was in the model's
   * word cache. Sentence boundaries count as words. If several stages use the same model at the
   * same time, a word may be counted for any of them.
   */
  public long wordHits() {
    return wordHits.value();
  }

  /** The number of distinct words, summed over all calls, that were not in the word cache. */
  public long wordMisses() {
    return wordMisses.value();
  }

  /** The seconds spent in the model, summed over all tasks. */
  public double modelSeconds() {
    return nanos.value() / 1e9;
  }
}
