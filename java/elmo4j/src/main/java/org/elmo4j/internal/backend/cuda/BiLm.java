// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.Map;
import org.elmo4j.internal.kernels.CudaKernels;

/** A way to run the layers of the biLM on a device. Any number of threads may use it. */
interface BiLm extends AutoCloseable {
  /** Bytes of {@link Run#workspace} for a batch. */
  long workspaceBytes(int layers, long sentences, long positions);

  /**
   * Both directions of the layers from the first on, each of which reads the output of the one
   * before. Arrays hold addresses on the device, forward before backward; those of all layers have
   * layer l's at {@code 2 * l} and behind it.
   *
   * @param layers 1 or more
   * @param order what the rows are
   * @param batch the same, for our kernels
   * @param input what the first layer reads, rows of P numbers: row {@code inputRows[p]} for row p
   * @param h of all layers: the state before and after, [sentences, P]
   * @param c the same, [sentences, cells], 32-bit floats
   * @param output of all layers: [positions, P], packed order
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

  /** Puts it on the stream, whose device has been entered. */
  void run(Run run, CudaStream stream);

  /** Whether it takes state in and gives it back; else each sentence starts from zero. */
  default boolean carriesState() {
    return true;
  }

  /** What it counts: {@link org.elmo4j.Statistics#deviceCounts}. */
  default Map<String, Long> counts() {
    return Map.of();
  }

  @Override
  void close();
}
