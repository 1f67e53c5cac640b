// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.time.Duration;

/**
 * What a model has done since it was loaded: {@link ElmoModel#statistics}. Immutable. Counts of a
 * call that is under way may be there in part. Of a model on several devices it is the sum over
 * them.
 *
 * @param calls calls that embedded; requests that began together are one
 * @param sentences sentences embedded
 * @param tokens tokens embedded, without boundaries
 * @param batches batches of like length that the sentences ran in; requests that began together on
 *     the CPU, where they join others under way, are one
 * @param wordsComputed token representations computed, those of warming included
 * @param wordHits distinct words of a call that the word cache had
 * @param wordMisses distinct words of a call that it had not
 * @param wordsCached about how many words it holds now
 * @param wordTime time in token representations, the sum over calls
 * @param biLmTime time in the biLM and in writing results, the sum over calls, those side by side
 *     each counted
 * @param peakWorkspaceBytes the most native memory reserved at a time for calls under way, their
 *     results not counted; of several devices the sum of each one's most
 * @param nativeBytes memory that this process holds now, on the host and on CUDA devices: weights,
 *     word caches, workspace and results of all models
 * @param cudnnWholeRuns layers and directions that cuDNN ran over all steps at once, where it runs
 *     the biLM
 * @param cudnnStepwiseRuns those that it ran step by step, since the projection's clip was binding
 */
public record Statistics(
    long calls,
    long sentences,
    long tokens,
    long batches,
    long wordsComputed,
    long wordHits,
    long wordMisses,
    long wordsCached,
    Duration wordTime,
    Duration biLmTime,
    long peakWorkspaceBytes,
    long nativeBytes,
    long cudnnWholeRuns,
    long cudnnStepwiseRuns) {

  /** Of two devices together. */
  Statistics plus(Statistics other) {
    return new Statistics(
        calls + other.calls,
        sentences + other.sentences,
        tokens + other.tokens,
        batches + other.batches,
        wordsComputed + other.wordsComputed,
        wordHits + other.wordHits,
        wordMisses + other.wordMisses,
        wordsCached + other.wordsCached,
        wordTime.plus(other.wordTime),
        biLmTime.plus(other.biLmTime),
        peakWorkspaceBytes + other.peakWorkspaceBytes,
        other.nativeBytes, // of the process
        cudnnWholeRuns + other.cudnnWholeRuns,
        cudnnStepwiseRuns + other.cudnnStepwiseRuns);
  }

  /** The share of {@code wordHits}, 0 to 1; 0 before the first word. */
  public double hitRate() {
    return wordHits == 0 ? 0 : (double) wordHits / (wordHits + wordMisses);
  }
}
