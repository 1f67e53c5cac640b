// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.FloatBuffer;
import java.util.List;
import org.elmo4j.Precision;

/** A library with a precision, which computes all layers of a model. Not thread-safe. */
interface Peer extends AutoCloseable {
  /** Receives results. */
  interface Sink {
    /**
     * Receives one layer of some sentences. Several threads may call this at once.
     *
     * @param sentences the numbers of the sentences
     * @param layer 0 for the token representation
     * @param vectors [tokens, dim], sentence after sentence; valid only during the call
     */
    void accept(int[] sentences, int layer, FloatBuffer vectors);
  }

  /**
   * The seconds from token strings to all layers in memory.
   *
   * @param cold the time if every distinct word is computed once
   * @param warm the time if the words' representations are already known
   * @param processor the processor time of the whole process during {@code cold}
   */
  record Times(double cold, double warm, double processor) {}

  String name();

  /** The number format of the LSTM's products. */
  Precision precision();

  /** Whether {@link #pass} uses its batch size. */
  default boolean takesBatchSize() {
    return true;
  }

  /** How many steps of each LSTM direction a sentence takes beyond its number of tokens. */
  default int boundarySteps() {
    return 2;
  }

  /**
   * Embeds a text.
   *
   * @param batchSize the number of sentences that run together
   * @param sink receives the results; null to drop them
   */
  Times pass(List<List<String>> sentences, int batchSize, Sink sink);

  @Override
  void close();

  /** Returns the processor time of all threads of the process so far, in seconds. */
  static double processorSeconds() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime()
        * 1e-9;
  }
}
