// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a model has done since it was loaded: {@link ElmoModel#statistics}. Immutable. Counts of a
 * call that is under way may be there in part. Of a model on several devices it is the sum over
 * them.
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

  /** Calls that embedded; requests that began together are one. */
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
   * Batches of like length that the sentences ran in; requests that began together on the CPU,
   * where they join others under way, are one.
   */
  public long batches() {
    return batches;
  }

  /** Token representations computed, those of warming included. */
  public long wordsComputed() {
    return wordsComputed;
  }

  /** Distinct words of a call that the word cache had. */
  public long wordHits() {
    return wordHits;
  }

  /** Distinct words of a call that it had not. */
  public long wordMisses() {
    return wordMisses;
  }

  /** About how many words it holds now. */
  public long wordsCached() {
    return wordsCached;
  }

  /** Time in token representations, the sum over calls. */
  public Duration wordTime() {
    return wordTime;
  }

  /**
   * Time in the biLM and in writing results, the sum over calls, those side by side each counted.
   */
  public Duration biLmTime() {
    return biLmTime;
  }

  /**
   * The most native memory reserved at a time for calls under way, their results not counted; of
   * several devices the sum of each one's most.
   */
  public long peakWorkspaceBytes() {
    return peakWorkspaceBytes;
  }

  /** Memory that this process holds now, in bytes; as {@link ElmoModel#liveBytes}. */
  public long nativeBytes() {
    return nativeBytes;
  }

  /**
   * What a device counts beside that, by name. CUDA devices: {@code host_nanos}, what their calls
   * spent on preparing and launching, and {@code wait_nanos}, what they then waited for the device,
   * which works meanwhile: where it is near zero the host is what bounds the speed. Where cuDNN
   * runs the biLM: {@code cudnn_whole_runs}, layers and directions that it ran over all steps at
   * once, and {@code cudnn_stepwise_runs}, those that it ran step by step, since the projection's
   * clip was binding.
   */
  public Map<String, Long> deviceCounts() {
    return deviceCounts;
  }

  /** The share of {@link #wordHits}, 0 to 1; 0 before the first word. */
  public double hitRate() {
    return wordHits == 0 ? 0 : (double) wordHits / (wordHits + wordMisses);
  }

  /** Of two devices together. */
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

  /** Statistics under way; each method sets what the getter of its name says. For one thread. */
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
