// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import java.io.Serializable;
import org.apache.spark.SparkContext;
import org.apache.spark.util.LongAccumulator;

/**
 * What a stage has done in this application, as Spark's accumulators, which its web page shows too.
 * As with all accumulators, what a task did that was run again counts again.
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

  /** Rows read. */
  public long rows() {
    return rows.value();
  }

  /** Sentences that went through the model; those without tokens do not. */
  public long sentences() {
    return sentences.value();
  }

  /** Tokens that went through the model. */
  public long tokens() {
    return tokens.value();
  }

  /** Calls of the model. */
  public long batches() {
    return batches.value();
  }

  /**
   * Distinct words of a call, sentence boundaries among them, whose representation the model's word
   * cache had. Where stages use one model at the same time, either may have a word counted.
   */
  public long wordHits() {
    return wordHits.value();
  }

  /** Distinct words of a call that the word cache had not. */
  public long wordMisses() {
    return wordMisses.value();
  }

  /** Seconds that tasks spent in the model, all tasks together. */
  public double modelSeconds() {
    return nanos.value() / 1e9;
  }
}
