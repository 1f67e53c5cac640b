// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.Map;
import org.elmo4j.internal.kernels.CudaKernels;

/** An implementation of the biLM's layers on a device. Thread-safe. */
interface BiLm extends AutoCloseable {
  /** Bytes of {@link Run#workspace} for a batch. */
  long workspaceBytes(int layers, long sentences, long positions);

  /**
   * A run of both directions of the first {@code layers} layers. Each layer reads the output of the
   * one before. Arrays hold device addresses, forward before backward; in arrays for all layers the
   * entries of layer l are {@code 2 * l} and {@code 2 * l + 1}.
   *
   * @param layers 1 or more
   * @param order the order of the rows
   * @param batch the same order, described for elmo4j's kernels
   * @param input the input of the first layer, rows of P numbers; row p reads {@code inputRows[p]}
   * @param h for all layers, the state before and after the run, [sentences, P]
   * @param c for all layers, the cell state before and after the run, [sentences, cells], 32-bit
   *     floats
   * @param output for all layers, [positions, P] in packed order
   */
  record Run(
      int layers,
      PackedOrder order,
      CudaKernels.PackedBatch batch,
      long[] input,
      long[] inputRows,
      long[] h,
      long[] c,
      long[] output,
      long workspace) {}

  /** Queues the run on the stream. The caller has entered the stream's device. */
  void run(Run run, CudaStream stream);

  /** Whether it reads and writes the carried state. Otherwise each sentence starts from zero. */
  default boolean carriesState() {
    return true;
  }

  /** Its counts: {@link org.elmo4j.Statistics#deviceCounts}. */
  default Map<String, Long> counts() {
    return Map.of();
  }

  @Override
  void close();
}
