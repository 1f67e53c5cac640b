// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.util.List;
import java.util.Map;
import org.elmo4j.Device;
import org.elmo4j.Precision;

/**
 * A model's weights on one device, and the forward pass there. A backend knows nothing of text or
 * files. Thread-safe; the caller of {@link #close} makes sure that no call is running.
 */
public interface Backend extends AutoCloseable {
  /** The device. */
  Device device();

  /** The number format of the weights. */
  Precision precision();

  /** The memory of the weights in bytes. */
  long weightBytes();

  /**
   * The number of pieces of work that it does at the same time. A large call is split into that
   * many.
   */
  int parallelism();

  /**
   * The number of simultaneous calls of {@link #run} that keep it busy. It is more than one if one
   * call can copy while another computes.
   */
  default int concurrentRuns() {
    return 1;
  }

  /** The number of positions of a batch that is enough for full speed. */
  int batchPositions();

  /** The most device memory, in bytes, that a running batch takes, without its outputs. */
  long workspaceBytes(int sentences, int positions);

  /** The default limit of the memory that running calls take together. */
  long defaultWorkspaceBytes();

  /**
   * Bytes of one number of a token representation and of the state's h: 4, or 2 for half precision.
   * Outputs and the state's c are always 32-bit floats.
   */
  int numberBytes();

  /**
   * Allocates memory of the device. It is not cleared.
   *
   * @param bytes 0 or more
   * @throws org.elmo4j.ElmoException if there is too little memory
   */
  Memory allocate(long bytes);

  /**
   * Allocates memory that calls of many threads use as long as the model lives. No thread has to
   * wait for work that another thread, such as the one that loads the model, has queued.
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
   * @param dim numbers in a row
   * @param numberBytes bytes of each number: 4 or 2
   * @param count the number of rows; no target row occurs twice
   */
  void copyRows(
      int dim, int numberBytes, int count, Memory source, int[] from, Memory target, int[] to);

  /**
   * Copies numbers to the heap as floats, starting at number {@code offset}.
   *
   * @param numberBytes bytes of each number in the source: 4 or 2
   */
  void read(Memory source, int numberBytes, long offset, float[] target);

  /** Copies floats from the heap to the beginning of memory, as numbers of {@link #numberBytes}. */
  void write(float[] source, Memory target);

  /** Copies all bytes of one memory to another. Either may be host memory. */
  void copy(Memory source, Memory target);

  /**
   * Computes token representations: character convolution, highway layers, projection. If the model
   * has embeddings of words, they are concatenated in front of the features of the characters
   * before the projection.
   *
   * @param words the number of words
   * @param ids [words, slots] character ids, 16 bits each
   * @param wordIds the row of {@code word_embed} for each word; ignored if the model has none
   * @param rows [words, P], the results
   */
  void tokenRepresentations(int words, NativeMemory ids, int[] wordIds, Memory rows);

  /**
   * Runs the biLM over batches and writes outputs. Layers that no output needs do not run.
   *
   * @param batches a sentence occurs at most once
   * @param tokenRepresentations [., P]
   * @param state read and updated, or null to start each sentence from zero
   * @param outputs where all rows of these sentences are written
   */
  void run(List<Batch> batches, Memory tokenRepresentations, LstmState state, List<Output> outputs);

  /** The continuous batcher, or null if this backend only runs whole batches. */
  default ContinuousBatcher continuousBatcher() {
    return null;
  }

  /** Counts of the device: {@link org.elmo4j.Statistics#deviceCounts}. */
  default Map<String, Long> counts() {
    return Map.of();
  }

  @Override
  void close();
}
