// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.cpu.CpuContinuousBatcher.AddedBatch;
import org.elmo4j.internal.backend.cpu.CpuContinuousBatcher.Sentence;
import org.elmo4j.internal.kernels.CpuKernels;
import org.elmo4j.weights.ModelOptions;

/**
 * The native memory of one direction of a slot group of {@link CpuContinuousBatcher}, with pointers
 * that are created once. Not thread-safe, except that another thread may call {@link #help} during
 * {@link #run}.
 */
final class DirectionBuffers implements AutoCloseable {
  final int size;
  private final CpuWeights weights;
  private final int layers;
  private final int projection;
  private final int cells;
  private final NativeMemory memory;
  private long end; // of what was laid out, in floats

  private final FloatBuffer state;
  private final int[] h; // where [size, P] of each layer begins, in floats
  private final int[] c;
  private final FloatPointer[] hPointer;
  private final FloatPointer[] cPointer;
  // Addresses of rows, step by step, for each layer; layer 0 is the token representations.
  private final LongBuffer[] rowAddresses;
  private final List<PointerPointer<FloatPointer>> rowAddressPointer = new ArrayList<>();
  private final long unwanted; // address of a row for outputs that nobody reads
  private final FloatPointer scratch;
  private final Pointer sharing;
  private final float[] zeros;
  private volatile boolean helpable;

  /**
   * @param fewPositions the number of positions that an iteration of few rows may have
   * @param size the number of rows
   */
  DirectionBuffers(CpuWeights weights, ModelOptions options, int fewPositions, int size) {
    this.size = size;
    this.weights = weights;
    layers = options.lstmLayers();
    projection = options.projectionDim();
    cells = options.lstmDim();
    h = new int[layers];
    c = new int[layers];
    hPointer = new FloatPointer[layers];
    cPointer = new FloatPointer[layers];
    rowAddresses = new LongBuffer[layers + 1];
    zeros = new float[Math.max(projection, cells)];
    int positions = Math.max(size, fewPositions); // of an iteration
    for (int layer = 0; layer < layers; layer++) {
      h[layer] = Math.toIntExact(layOut((long) size * projection));
      c[layer] = Math.toIntExact(layOut((long) size * cells));
    }
    long stateEnd = end;
    long[] addressStarts = new long[layers + 1];
    for (int layer = 0; layer <= layers; layer++) {
      addressStarts[layer] = layOut(positions * (long) (Long.BYTES / Float.BYTES));
    }
    long unwantedRow = layOut(projection);
    long scratchStart = layOut(weights.lstmScratch(size));
    long sharingStart = layOut(CpuKernels.elmo4j_cpu_sharing_size() / Float.BYTES);
    memory = NativeMemory.allocate(end * Float.BYTES);
    state = memory.floatPointer(0).capacity(stateEnd).asBuffer();
    for (int layer = 0; layer < layers; layer++) {
      hPointer[layer] = memory.floatPointer(h[layer]);
      cPointer[layer] = memory.floatPointer(c[layer]);
    }
    for (int layer = 0; layer <= layers; layer++) {
      FloatPointer at = memory.floatPointer(addressStarts[layer]);
      rowAddresses[layer] = new LongPointer(at).capacity(positions).asBuffer();
      rowAddressPointer.add(new PointerPointer<>(at));
    }
    unwanted = memory.address() + unwantedRow * Float.BYTES;
    scratch = memory.floatPointer(scratchStart);
    sharing = memory.floatPointer(sharingStart);
  }

  private long layOut(long floats) {
    long at = end;
    end += CpuBackend.aligned(floats);
    return at;
  }

  /** Copies the state of the first {@code rows} rows of other buffers. */
  void copyState(DirectionBuffers from, int rows) {
    for (int layer = 0; layer < layers; layer++) {
      state.put(h[layer], from.state, from.h[layer], rows * projection);
      state.put(c[layer], from.state, from.c[layer], rows * cells);
    }
  }

  void clearState(int row) {
    for (int layer = 0; layer < layers; layer++) {
      state.put(h[layer] + row * projection, zeros, 0, projection);
      state.put(c[layer] + row * cells, zeros, 0, cells);
    }
  }

  void moveState(int from, int to) {
    for (int layer = 0; layer < layers; layer++) {
      state.put(h[layer] + to * projection, state, h[layer] + from * projection, projection);
      state.put(c[layer] + to * cells, state, c[layer] + from * cells, cells);
    }
  }

  /** Prepares an iteration; no thread may use the buffers. */
  void begin() {
    helpable = false;
    CpuKernels.elmo4j_cpu_sharing_begin(sharing);
  }

  /** Helps {@link #run} until it ends; returns at once if it is not running. */
  void help() {
    if (helpable) {
      CpuKernels.elmo4j_cpu_sharing_help(sharing);
    }
  }

  /** Advances all rows by {@code steps} steps in the layers up to {@code top}. */
  void run(int direction, List<Sentence> rows, int steps, int top) {
    long rowBytes = (long) projection * Float.BYTES;
    int count = rows.size();
    for (int r = 0; r < count; r++) {
      Sentence sentence = rows.get(r);
      AddedBatch added = sentence.added;
      int[] tokenRow = added.run.batch.tokenRow();
      for (int t = 0; t < steps; t++) {
        int position = added.run.position(sentence.row, direction, sentence.done + t);
        int at = t * count + r;
        rowAddresses[0].put(at, added.tokenRepresentations + tokenRow[position] * rowBytes);
        for (int layer = 1; layer <= top; layer++) {
          boolean wanted = layer <= added.run.layers;
          long output = added.outputs + added.run.outputRow(layer, direction, position) * rowBytes;
          rowAddresses[layer].put(at, wanted ? output : unwanted);
        }
      }
    }
    helpable = true;
    try {
      for (int layer = 0; layer < top; layer++) {
        CpuKernels.elmo4j_cpu_lstm_steps(
            weights.lstm[layer][direction],
            count,
            steps,
            rowAddressPointer.get(layer),
            hPointer[layer],
            cPointer[layer],
            rowAddressPointer.get(layer + 1),
            scratch,
            sharing);
      }
    } finally {
      CpuKernels.elmo4j_cpu_sharing_end(sharing);
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
