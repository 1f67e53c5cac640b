// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/**
 * Counts of a model since it was loaded, from {@link ElmoModel#statistics}. For a model on several
 * devices each count is the sum over the devices. A call that is still running may be counted in
 * part. Immutable.
 */
public final class Statistics {
  private final long calls;
  private final long sentences;
  private final long tokens;
  private final long batches;
  private final long wordsComputed;
  private final long wordHits;
  private final long wordMisses;
  private final long wordsCached;
  private final Duration wordTime;
  private final Duration biLmTime;
  private final long peakWorkspaceBytes;
  private final long nativeBytes;
  private final Map<String, Long> deviceCounts;

  private Statistics(Builder builder) {
    calls = builder.calls;
    sentences = builder.sentences;
    tokens = builder.tokens;
    batches = builder.batches;
    wordsComputed = builder.wordsComputed;
    wordHits = builder.wordHits;
    wordMisses = builder.wordMisses;
    wordsCached = builder.wordsCached;
    wordTime = builder.wordTime;
    biLmTime = builder.biLmTime;
    peakWorkspaceBytes = builder.peakWorkspaceBytes;
    nativeBytes = builder.nativeBytes;
    deviceCounts = Map.copyOf(builder.deviceCounts);
  }

  /** Calls that embedded sentences. Requests that started together count as one call. */
  public long calls() {
    return calls;
  }

  /** Sentences embedded. */
  public long sentences() {
    return sentences;
  }

  /** Tokens embedded, without boundaries. */
  public long tokens() {
    return tokens;
  }

  /**
   * Batches of sentences of similar length that ran. On the CPU, requests that started together
   * count as one batch.
   */
  public long batches() {
    return batches;
  }

  /** Token representations computed, including those of {@link ElmoModel#warm}. */
  public long wordsComputed() {
    return wordsComputed;
  }

  /** Distinct words of a call that were found in the word cache. */
  public long wordHits() {
    return wordHits;
  }

  /** Distinct words of a call that were not found in the word cache. */
  public long wordMisses() {
    return wordMisses;
  }

  /** The approximate number of words in the word cache now. */
  public long wordsCached() {
    return wordsCached;
  }

  /** Time spent on token representations, added up over all calls. */
  public Duration wordTime() {
    return wordTime;
  }

  /**
   * Time spent in the biLM and on writing results, added up over all calls. Calls that run at the
   * same time are each counted in full.
   */
  public Duration biLmTime() {
    return biLmTime;
  }

  /**
   * The most native memory that running calls had reserved at any time, without their results. For
   * several devices it is the sum of the maximum of each.
   */
  public long peakWorkspaceBytes() {
    return peakWorkspaceBytes;
  }

  /** Native memory of this process now, in bytes, like {@link ElmoModel#liveBytes}. */
  public long nativeBytes() {
    return nativeBytes;
  }

  /**
   * Further counts of a device, by name. CUDA devices have {@code host_nanos}, the time that calls
   * spent on preparing and launching, and {@code wait_nanos}, the time that they then waited for
   * the device. If {@code wait_nanos} is near zero, the host limits the speed. If cuDNN runs the
   * biLM, {@code cudnn_whole_runs} counts the layers and directions that ran over all steps at
   * once, and {@code cudnn_stepwise_runs} those that ran step by step because the clip of the
   * projection was binding.
   */
  public Map<String, Long> deviceCounts() {
    return deviceCounts;
  }

  /** The share of words that were found in the word cache, 0 to 1; 0 before the first word. */
  public double hitRate() {
    return wordHits == 0 ? 0 : (double) wordHits / (wordHits + wordMisses);
  }

  /** Adds the counts of two devices. */
  Statistics plus(Statistics other) {
    Map<String, Long> counts = new TreeMap<>(deviceCounts);
    other.deviceCounts.forEach((name, count) -> counts.merge(name, count, Long::sum));
    return new Builder()
        .calls(calls + other.calls)
        .sentences(sentences + other.sentences)
        .tokens(tokens + other.tokens)
        .batches(batches + other.batches)
        .wordsComputed(wordsComputed + other.wordsComputed)
        .wordHits(wordHits + other.wordHits)
        .wordMisses(wordMisses + other.wordMisses)
        .wordsCached(wordsCached + other.wordsCached)
        .wordTime(wordTime.plus(other.wordTime))
        .biLmTime(biLmTime.plus(other.biLmTime))
        .peakWorkspaceBytes(peakWorkspaceBytes + other.peakWorkspaceBytes)
        .nativeBytes(other.nativeBytes) // of the process
        .deviceCounts(counts)
        .build();
  }

  @Override
  public String toString() {
    return "Statistics[calls="
        + calls
        + ", sentences="
        + sentences
        + ", tokens="
        + tokens
        + ", batches="
        + batches
        + ", wordsComputed="
        + wordsComputed
        + ", wordHits="
        + wordHits
        + ", wordMisses="
        + wordMisses
        + ", wordsCached="
        + wordsCached
        + ", wordTime="
        + wordTime
        + ", biLmTime="
        + biLmTime
        + ", peakWorkspaceBytes="
        + peakWorkspaceBytes
        + ", nativeBytes="
        + nativeBytes
        + ", deviceCounts="
        + deviceCounts
        + "]";
  }

  /**
   * Builds statistics. Each method sets the value that the getter of the same name returns. Not
   * thread-safe.
   */
  public static final class Builder {
    private long calls;
    private long sentences;
    private long tokens;
    private long batches;
    private long wordsComputed;
    private long wordHits;
    private long wordMisses;
    private long wordsCached;
    private Duration wordTime = Duration.ZERO;
    private Duration biLmTime = Duration.ZERO;
    private long peakWorkspaceBytes;
    private long nativeBytes;
    private Map<String, Long> deviceCounts = Map.of();

    public Builder calls(long value) {
      calls = value;
      return this;
    }

    public Builder sentences(long value) {
      sentences = value;
      return this;
    }

    public Builder tokens(long value) {
      tokens = value;
      return this;
    }

    public Builder batches(long value) {
      batches = value;
      return this;
    }

    public Builder wordsComputed(long value) {
      wordsComputed = value;
      return this;
    }

    public Builder wordHits(long value) {
      wordHits = value;
      return this;
    }

    public Builder wordMisses(long value) {
      wordMisses = value;
      return this;
    }

    public Builder wordsCached(long value) {
      wordsCached = value;
      return this;
    }

    public Builder wordTime(Duration value) {
      wordTime = value;
      return this;
    }

    public Builder biLmTime(Duration value) {
      biLmTime = value;
      return this;
    }

    public Builder peakWorkspaceBytes(long value) {
      peakWorkspaceBytes = value;
      return this;
    }

    public Builder nativeBytes(long value) {
      nativeBytes = value;
      return this;
    }

    public Builder deviceCounts(Map<String, Long> counts) {
      deviceCounts = counts;
      return this;
    }

    public Statistics build() {
      return new Statistics(this);
    }
  }
}
