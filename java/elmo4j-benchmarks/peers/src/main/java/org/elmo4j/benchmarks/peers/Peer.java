// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.FloatBuffer;
import java.util.List;
import org.elmo4j.Precision;

/** A way to compute a model's layers that is compared with the others. Not thread-safe. */
interface Peer extends AutoCloseable {
  /** Takes results; null in place of one drops them. */
  interface Sink {
    /**
     * One layer of some sentences; several threads may call.
     *
     * @param sentences their numbers
     * @param layer 0 for the token representation
     * @param vectors [tokens, dim], sentence after sentence; good during the call
     */
    void accept(int[] sentences, int layer, FloatBuffer vectors);
  }

  /**
   * Seconds from token strings to all layers in memory.
   *
   * @param cold with every distinct word computed, once
   * @param warm with the words' representations there
   * @param processor of {@code cold}, the processor time that the whole process took
   */
  record Times(double cold, double warm, double processor) {}

  String name();

  /** The numbers that its LSTM's products take. */
  Precision precision();

  /** Whether it is told how many sentences run together. */
  default boolean takesBatchSize() {
    return true;
  }

  /** Embeds a text. */
  Times pass(List<List<String>> sentences, int batchSize, Sink sink);

  @Override
  void close();

  /** Processor time of all of the process's threads so far, in seconds. */
  static double processorSeconds() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime()
        * 1e-9;
  }
}
