// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend;

import java.util.List;
import org.elmo4j.Device;

/**
 * A model's weights on one device, and the forward pass there. It knows no text and no files. Any
 * number of threads may use it at once; whoever closes it sees to it that no call is under way.
 */
public interface Backend extends AutoCloseable {
  /** Where it runs. */
  Device device();

  /** Bytes that the weights take. */
  long weightBytes();

  /** How many pieces of work it does at once: what to split a large call into. */
  int parallelism();

  /**
   * Bytes of native memory that a batch takes at most while it is under way, outputs not counted.
   */
  long workspaceBytes(int sentences, int positions);

  /**
   * Token representations: character convolution, highway layers, projection; before the projection
   * a word's own embedding, where the model has one, is set in front of its characters'.
   *
   * @param words how many
   * @param ids [words, slots] character ids, 16 bits each
   * @param wordIds a row of {@code word_embed} for each; not looked at where the model has none
   * @param rows [words, P], written
   */
  void tokenRepresentations(int words, NativeMemory ids, int[] wordIds, NativeMemory rows);

  /**
   * Runs the biLM over batches and writes outputs. Layers that no output needs are not run.
   *
   * @param batches each sentence at most once
   * @param words token representations, [., P]
   * @param state carried on and changed, or null to start each sentence from zero
   * @param outputs all rows of these sentences are written
   */
  void run(List<Batch> batches, NativeMemory words, LstmState state, List<Output> outputs);

  @Override
  void close();
}
