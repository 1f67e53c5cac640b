// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.util.List;
import java.util.Map;
import org.elmo4j.Device;
import org.elmo4j.Precision;

/**
 * A model's weights on one device, and the forward pass there. It knows no text and no files. Any
 * number of threads may use it at once; whoever closes it sees to it that no call is under way.
 */
public interface Backend extends AutoCloseable {
  /** Where it runs. */
  Device device();

  /** How it holds them. */
  Precision precision();

  /** Bytes that the weights take. */
  long weightBytes();

  /** How many pieces of work it does at once: what to split a large call into. */
  int parallelism();

  /**
   * How many calls of {@link #run} at a time it takes to keep it busy: more than one where one
   * call's copies go on beside another's work.
   */
  default int concurrentRuns() {
    return 1;
  }

  /** Positions of one batch with which it works at full speed. */
  int batchPositions();

  /**
   * Bytes of device memory that a batch takes at most while it is under way, outputs not counted.
   */
  long workspaceBytes(int sentences, int positions);

  /** What calls under way may take together where nobody says otherwise. */
  long defaultWorkspaceBytes();

  /**
   * Bytes of one number of a token representation and of the state's h: 4, or 2 where they are held
   * in half precision. Outputs and the state's c are 32-bit floats always.
   */
  int numberBytes();

  /**
   * Memory of the device, not cleared.
   *
   * @param bytes 0 or more
   * @throws org.elmo4j.ElmoException if there is not that much
   */
  Memory allocate(long bytes);

  /**
   * Memory that calls of many threads use while the model lives: none of them waits for what
   * another thread's call has queued, the loading one's included.
   *
   * @param bytes 0 or more
   */
  default Memory allocateShared(long bytes) {
    return allocate(bytes);
  }

  /** Sets memory to zero. */
  void clear(Memory memory);

  /**
   * Copies rows: row {@code to[i]} of the target becomes row {@code from[i]} of the source.
   *
   * @param dim numbers of a row
   * @param numberBytes bytes of each: 4 or 2
   * @param count how many rows; no target row twice
   */
  void copyRows(
      int dim, int numberBytes, int count, Memory source, int[] from, Memory target, int[] to);

  /**
   * Copies numbers to the heap as floats, from number {@code offset} on.
   *
   * @param numberBytes bytes of each in the source: 4 or 2
   */
  void read(Memory source, int numberBytes, long offset, float[] target);

  /** Copies floats from the heap to the beginning of memory, as numbers of {@link #numberBytes}. */
  void write(float[] source, Memory target);

  /** Copies all bytes of one memory to another; either may be of the host. */
  void copy(Memory source, Memory target);

  /**
   * Token representations: character convolution, highway layers, projection; before the projection
   * a word's own embedding, where the model has one, is set in front of its characters'.
   *
   * @param words how many
   * @param ids [words, slots] character ids, 16 bits each
   * @param wordIds a row of {@code word_embed} for each; not looked at where the model has none
   * @param rows [words, P], written
   */
  void tokenRepresentations(int words, NativeMemory ids, int[] wordIds, Memory rows);

  /**
   * Runs the biLM over batches and writes outputs. Layers that no output needs are not run.
   *
   * @param batches each sentence at most once
   * @param tokenRepresentations [., P]
   * @param state carried on and changed, or null to start each sentence from zero
   * @param outputs all rows of these sentences are written
   */
  void run(List<Batch> batches, Memory tokenRepresentations, LstmState state, List<Output> outputs);

  /** The continuous batcher, or null if this backend only runs whole batches. */
  default ContinuousBatcher continuousBatcher() {
    return null;
  }

  /** What the device counts of its own: {@link org.elmo4j.Statistics#deviceCounts}. */
  default Map<String, Long> counts() {
    return Map.of();
  }

  @Override
  void close();
}
