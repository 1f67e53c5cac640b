// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.backend.Batch;
import org.elmo4j.internal.backend.ContinuousBatcher;
import org.elmo4j.internal.backend.LstmState;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.internal.kernels.CpuKernels;
import org.elmo4j.internal.model.ModelWeights;
import org.elmo4j.weights.ModelOptions;

/**
 * The forward pass on the CPU. Native calls are single-threaded; this class distributes them over
 * its own threads. A task computes the token representations of a chunk of words, or one direction
 * of the biLM for one batch; the two directions are combined only in the outputs.
 */
public final class CpuBackend implements Backend {
  /**
   * With this many positions and 25 tokens in each sentence, most steps have more than 128 rows.
   */
  private static final int BATCH_POSITIONS = 6144;

  /**
   * The number of words of one native call, large enough that the highway weights are read rarely.
   */
  private static final int WORDS_PER_CHUNK = 96;

  private final ModelOptions options;
  private final CpuWeights weights;
  private final Workers workers;
  private final CpuContinuousBatcher continuousBatcher;

  /**
   * Reads the weights and packs them in the order in which the kernels read them.
   *
   * @param precision the number format of the matrices
   * @param threads the number of worker threads, 1 or more
   * @throws ElmoException if a weight is not finite, or memory cannot be had
   */
  public CpuBackend(ModelWeights store, Precision precision, int threads) {
    options = store.options();
    weights = new CpuWeights(store, precision);
    workers = new Workers(threads);
    continuousBatcher = new CpuContinuousBatcher(weights, options, workers);
  }

  /** The instruction set that a model loaded now would use. */
  public static String describe() {
    return Isa.name(Isa.choose());
  }

  @Override
  public Device device() {
    return Device.cpu();
  }

  @Override
  public Precision precision() {
    return switch (weights.type) {
      case CpuKernels.ELMO4J_BF16 -> Precision.BF16;
      case CpuKernels.ELMO4J_INT8 -> Precision.INT8;
      default -> Precision.FP32;
    };
  }

  @Override
  public long weightBytes() {
    return weights.bytes();
  }

  @Override
  public int parallelism() {
    return workers.threads();
  }

  @Override
  public long workspaceBytes(int sentences, int positions) {
    int p = options.projectionDim();
    long direction =
        (long) sentences * (p + options.lstmDim() + 2) + weights.lstmScratch(sentences) + 64;
    long outputs = 2L * options.lstmLayers() * positions * p;
    return (2 * direction + outputs + 3L * sentences + positions) * Float.BYTES;
  }

  /** Rounds a number of floats up, so that what follows them begins on a 64-byte boundary. */
  static long aligned(long floats) {
    return (floats + 15) / 16 * 16;
  }

  @Override
  public ContinuousBatcher continuousBatcher() {
    return continuousBatcher;
  }

  @Override
  public int batchPositions() {
    return BATCH_POSITIONS;
  }

  @Override
  public long defaultWorkspaceBytes() {
    return (128L << 20) * (workers.threads() + 1);
  }

  @Override
  public int numberBytes() {
    return Float.BYTES;
  }

  @Override
  public Memory allocate(long bytes) {
    return NativeMemory.allocate(bytes);
  }

  @Override
  public void clear(Memory memory) {
    Pointer.memset(memory.bytePointer(0), 0, memory.bytes());
  }

  @Override
  public void copyRows(
      int dim, int numberBytes, int count, Memory source, int[] from, Memory target, int[] to) {
    long rowBytes = (long) dim * numberBytes;
    BytePointer read = source.bytePointer(0);
    BytePointer write = target.bytePointer(0);
    for (int i = 0; i < count; i++) {
      Pointer.memcpy(write.position(to[i] * rowBytes), read.position(from[i] * rowBytes), rowBytes);
    }
  }

  @Override
  public void copy(Memory source, Memory target) {
    Pointer.memcpy(target.bytePointer(0), source.bytePointer(0), source.bytes());
  }

  @Override
  public void read(Memory source, int numberBytes, long offset, float[] target) {
    source.copyTo(offset, target);
  }

  @Override
  public void write(float[] source, Memory target) {
    target.floatPointer(0).put(source, 0, source.length);
  }

  @Override
  public void tokenRepresentations(int words, NativeMemory ids, int[] wordIds, Memory rows) {
    int chunks = Math.max(1, (words + WORDS_PER_CHUNK - 1) / WORDS_PER_CHUNK);
    if (chunks < workers.threads()) {
      chunks = Math.min(workers.threads(), Math.max(1, words / 8));
    }
    int count = chunks;
    workers.run(
        count,
        chunk -> {
          int first = (int) ((long) words * chunk / count);
          int last = (int) ((long) words * (chunk + 1) / count);
          if (last > first) {
            tokenRepresentations(first, last - first, ids, wordIds, rows);
          }
        });
  }

  private void tokenRepresentations(
      int first, int words, NativeMemory ids, int[] wordIds, Memory rows) {
    int features = options.filterCount();
    int wordDim = options.wordDim();
    int p = options.projectionDim();
    int slots = options.maxCharactersPerToken();
    long scratchFloats = 0;
    for (CpuKernels.Matrix highway : weights.highways) {
      scratchFloats =
          Math.max(scratchFloats, CpuKernels.elmo4j_cpu_product_scratch(highway, words));
    }
    if (weights.projection != null) {
      scratchFloats =
          Math.max(scratchFloats, CpuKernels.elmo4j_cpu_product_scratch(weights.projection, words));
    }
    long size = (long) words * features;
    // Where words have embeddings: [words, wordDim + features].
    long joinedSize = wordDim == 0 ? 0 : size + (long) words * wordDim;
    long scratchAt = aligned(2 * size + joinedSize);
    try (NativeMemory memory = NativeMemory.allocate((scratchAt + scratchFloats) * Float.BYTES)) {
      FloatPointer scratch = memory.floatPointer(scratchAt);
      FloatPointer joined = memory.floatPointer(2 * size);
      FloatPointer x = memory.floatPointer(0);
      FloatPointer y = memory.floatPointer(size);
      CpuKernels.elmo4j_cpu_char_cnn(
          weights.charCnn, words, ids.shortPointer((long) first * slots), x);
      for (CpuKernels.Matrix highway : weights.highways) {
        CpuKernels.elmo4j_cpu_highway(highway, words, x, y, scratch);
        FloatPointer swap = x;
        x = y;
        y = swap;
      }
      FloatPointer target = rows.floatPointer((long) first * p);
      if (weights.projection == null) {
        Pointer.memcpy(target, x, size * Float.BYTES);
      } else {
        if (wordDim > 0) {
          join(first, words, wordIds, x, joined);
          x = joined;
        }
        CpuKernels.elmo4j_cpu_projection(weights.projection, words, x, target, scratch);
      }
    }
  }

  /**
   * Writes each word's embedding, followed by its character features, into a row of {@code joined}.
   */
  private void join(
      int first, int words, int[] wordIds, FloatPointer features, FloatPointer joined) {
    long wordDim = options.wordDim();
    long count = options.filterCount();
    for (int i = 0; i < words; i++) {
      FloatPointer row = joined.getPointer(i * (wordDim + count));
      FloatPointer word = weights.wordTable.getPointer(wordIds[first + i] * wordDim);
      Pointer.memcpy(row, word, wordDim * Float.BYTES);
      Pointer.memcpy(row.getPointer(wordDim), features.getPointer(i * count), count * Float.BYTES);
    }
  }

  /** Plans a batch; nothing is computed yet. */
  private CpuBatchRun begin(
      Batch batch, int layers, Memory tokenRepresentations, LstmState state, List<Output> outputs) {
    return new CpuBatchRun(
        weights,
        options.projectionDim(),
        options.lstmDim(),
        batch,
        layers,
        tokenRepresentations,
        state,
        outputs);
  }

  @Override
  public void run(
      List<Batch> batches, Memory tokenRepresentations, LstmState state, List<Output> outputs) {
    int layers =
        state != null
            ? options.lstmLayers() // The state goes on whatever is asked for.
            : Output.topLayer(outputs);
    if (layers == 0) {
      workers.run(
          batches.size(),
          i -> {
            Batch batch = batches.get(i);
            try (CpuBatchRun run = begin(batch, 0, tokenRepresentations, null, outputs)) {
              run.write(0, batch.sentences());
            }
          });
      return;
    }
    CpuBatchRun[] runs = new CpuBatchRun[batches.size()];
    AtomicInteger[] left = new AtomicInteger[batches.size()]; // directions
    for (int i = 0; i < left.length; i++) {
      left[i] = new AtomicInteger(2);
    }
    try {
      // Both directions of a batch are neighbours in the queue, so few batches are under way at a
      // time.
      workers.run(
          2 * batches.size(),
          task -> {
            int i = task / 2;
            synchronized (left[i]) {
              if (runs[i] == null) {
                runs[i] = begin(batches.get(i), layers, tokenRepresentations, state, outputs);
              }
            }
            runs[i].direction(task % 2);
            if (left[i].decrementAndGet() == 0) {
              runs[i].write(0, batches.get(i).sentences());
              runs[i].close();
            }
          });
    } finally {
      for (CpuBatchRun run : runs) {
        if (run != null) {
          run.close();
        }
      }
    }
  }

  @Override
  public void close() {
    continuousBatcher.close();
    workers.close();
    weights.close();
  }
}
