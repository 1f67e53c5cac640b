// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.internal.kernels.CpuKernels;
import org.elmo4j.internal.model.ModelWeights;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;

/**
 * Reads the tensors of a model, one at a time, into a buffer in host memory, so that a backend can
 * pack them. Not thread-safe.
 */
public final class WeightReader implements AutoCloseable {
  private final ModelWeights store;
  private NativeMemory memory = NativeMemory.allocate(0);

  /** Makes a reader. The caller closes the store. */
  public WeightReader(ModelWeights store) {
    this.store = store;
  }

  /**
   * Reads all numbers of a tensor. The pointer is valid until the next call; its capacity is the
   * number of elements.
   */
  public FloatPointer read(String name) {
    long count = TensorShapes.count(store.shape(name));
    if (memory.bytes() < count * Float.BYTES) {
      memory.close();
      memory = NativeMemory.allocate(count * Float.BYTES);
    }
    FloatPointer floats = memory.floatPointer(0).capacity(count);
    store.read(name, floats.asBuffer());
    return floats;
  }

  /** The number of elements that {@link #charTable} writes. */
  public static long charTableSize(ModelOptions options) {
    long floats = 0;
    for (ModelOptions.Filter filter : options.filters()) {
      floats += filter.width() * (options.characters() + 1L) * filter.count();
    }
    return floats;
  }

  /**
   * Precomputes the character convolution as tables, so that it becomes a sum of table rows.
   *
   * @param table the tables of the filters one after the other, each [width, characters + 1,
   *     filters]
   * @param bias [sum of filters]
   */
  public void charTable(ModelOptions options, FloatPointer table, FloatPointer bias) {
    int dim = options.charEmbeddingDim();
    long ids = options.characters() + 1;
    try (NativeMemory embedding = NativeMemory.allocate(ids * dim * Float.BYTES)) {
      // Row 0, for masked positions, is zero and not stored in the file.
      Pointer.memset(embedding.floatPointer(0), 0, (long) dim * Float.BYTES);
      Pointer.memcpy(
          embedding.floatPointer(dim), read(TensorNames.CHAR_EMBED), (ids - 1) * dim * Float.BYTES);
      long tableAt = 0;
      long biasAt = 0;
      for (int i = 0; i < options.filters().size(); i++) {
        ModelOptions.Filter filter = options.filters().get(i);
        CpuKernels.elmo4j_cpu_char_cnn_table(
            embedding.floatPointer(0),
            ids,
            dim,
            read(TensorNames.filter(i)),
            filter.width(),
            filter.count(),
            table.getPointer(tableAt));
        Pointer.memcpy(
            bias.getPointer(biasAt),
            read(TensorNames.filterBias(i)),
            (long) filter.count() * Float.BYTES);
        tableAt += filter.width() * ids * filter.count();
        biasAt += filter.count();
      }
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
