// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend.cuda;

/** A way to run the layers of the biLM on a device. Any number of threads may use it. */
interface BiLm extends AutoCloseable {
  /** Bytes of {@link Layer#workspace} for a batch. */
  long workspaceBytes(long sentences, long positions);

  /**
   * Both directions of one layer; arrays are over directions, forward then backward, and hold
   * addresses on the device.
   *
   * @param index from 0
   * @param batch what the rows are
   * @param input rows of P numbers: in packed order, or row {@code inputRows[p]} for row p
   * @param inputRows null for packed order
   * @param h the state before and after, [sentences, P]
   * @param c the same, [sentences, cells], 32-bit floats
   * @param output [positions, P], packed order
   */
  record Layer(
      int index,
      PackedOrder batch,
      long[] input,
      long[] inputRows,
      long[] h,
      long[] c,
      long[] output,
      long workspace) {}

  /** Puts a layer on the stream, whose device has been entered. */
  void run(Layer layer, CudaStream stream);

  /** Whether it takes state in and gives it back; else each sentence starts from zero. */
  default boolean carriesState() {
    return true;
  }

  /** How many layers and directions ran over all steps in one call. */
  default long wholeRuns() {
    return 0;
  }

  /** How many had to run one step a call. */
  default long stepwiseRuns() {
    return 0;
  }

  @Override
  void close();
}
