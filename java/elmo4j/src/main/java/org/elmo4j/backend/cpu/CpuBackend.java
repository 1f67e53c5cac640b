// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.Precision;
import org.elmo4j.backend.Backend;
import org.elmo4j.backend.Batch;
import org.elmo4j.backend.Flow;
import org.elmo4j.backend.LstmState;
import org.elmo4j.backend.Memory;
import org.elmo4j.backend.NativeMemory;
import org.elmo4j.backend.Output;
import org.elmo4j.backend.WeightReader;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;

/**
 * The forward pass on the processor. Native calls are single-threaded; this class spreads them over
 * its own threads: token representations by chunks of words, the biLM by batch and direction, which
 * meet only in the outputs.
 */
public final class CpuBackend implements Backend {
  /** Most steps have more than 128 rows then, at 25 tokens a sentence. */
  private static final int BATCH_POSITIONS = 6144;

  /** Words that one native call computes: enough that the highway's weights are read rarely. */
  private static final int WORDS_PER_CHUNK = 96;

  private final ModelOptions options;
  private final int isa;
  private final int type; // of the packed matrices; biases are always 32-bit floats
  private final Workers workers;
  private final CpuFlow flow;
  private final List<NativeMemory> memories = new ArrayList<>();

  private final IntPointer widths;
  private final IntPointer filters;
  private final short pad;
  private FloatPointer wordTable;
  private FloatPointer charTable;
  private FloatPointer charBias;
  private final List<Dense> highways = new ArrayList<>();
  private Dense projection;
  private final Lstm[][] lstm;

  private record Dense(Pointer kernel, FloatPointer bias) {}

  private record Lstm(Pointer kernelX, Pointer kernelH, FloatPointer bias, Pointer projector) {}

  /**
   * Reads the weights and packs them as the kernels want them.
   *
   * @param precision how to hold the matrices
   * @param threads how many work at once, 1 or more
   * @throws ElmoException if a weight is not finite, this processor lacks the precision, or memory
   *     cannot be had
   */
  public CpuBackend(WeightStore store, Precision precision, int threads) {
    options = store.options();
    pad = store.encoder().pad();
    isa = chooseIsa();
    type = precision == Precision.BF16 ? CpuKernels.ELMO4J_BF16 : CpuKernels.ELMO4J_F32;
    if (precision == Precision.BF16 && isa == CpuKernels.ELMO4J_PORTABLE) {
      throw new ElmoException(
          "precision bf16: expected a processor with AVX2 or AVX-512, found neither");
    }
    if (precision == Precision.FP16) {
      throw new ElmoException("precision fp16: expected a CUDA device, found cpu");
    }
    workers = new Workers(threads);
    flow = new CpuFlow(this, options, workers);
    lstm = new Lstm[options.lstmLayers()][2];
    int groups = options.filters().size();
    try (WeightReader staging = new WeightReader(store)) {
      NativeMemory shape = keep(2L * groups * Integer.BYTES);
      widths = shape.intPointer(0);
      filters = shape.intPointer(groups);
      for (int i = 0; i < groups; i++) {
        widths.put(i, options.filters().get(i).width());
        filters.put(i, options.filters().get(i).count());
      }
      if (options.wordDim() > 0) {
        loadWords(store);
      }
      loadCharCnn(staging);
      int features = options.filterCount();
      for (int i = 0; i < options.highwayLayers(); i++) {
        String at = "CNN_high_" + i + "/";
        Pointer kernel = packed(type, features, features, 2);
        FloatPointer bias = packedBias(features, 2);
        pack(type, staging.read(at + "W_carry"), features, features, features, 2, 0, kernel);
        pack(type, staging.read(at + "W_transform"), features, features, features, 2, 1, kernel);
        packBias(staging.read(at + "b_carry"), features, 2, 0, bias);
        packBias(staging.read(at + "b_transform"), features, 2, 1, bias);
        highways.add(new Dense(kernel, bias));
      }
      int p = options.projectionDim();
      if (store.names().contains("CNN_proj/W_proj")) {
        int depth = options.wordDim() + features;
        Pointer kernel = packed(type, depth, p, 1);
        FloatPointer bias = packedBias(p, 1);
        pack(type, staging.read("CNN_proj/W_proj"), p, depth, p, 1, 0, kernel);
        packBias(staging.read("CNN_proj/b_proj"), p, 1, 0, bias);
        projection = new Dense(kernel, bias);
      }
      int cells = options.lstmDim();
      for (int layer = 0; layer < options.lstmLayers(); layer++) {
        for (int direction = 0; direction < 2; direction++) {
          String at = "RNN_" + direction + "/RNN/MultiRNNCell/Cell" + layer + "/LSTMCell/";
          Pointer kernelX = packed(type, p, cells, 4);
          Pointer kernelH = packed(type, p, cells, 4);
          FloatPointer bias = packedBias(cells, 4);
          Pointer projector = packed(type, cells, p, 1);
          // The file's rows are those of x and h, its columns the gates i, j, f, o.
          FloatPointer kernel = staging.read(at + "W_0");
          for (int gate = 0; gate < 4; gate++) {
            FloatPointer x = kernel.getPointer((long) gate * cells);
            FloatPointer h = kernel.getPointer((long) p * 4 * cells + (long) gate * cells);
            pack(type, x, 4L * cells, p, cells, 4, gate, kernelX);
            pack(type, h, 4L * cells, p, cells, 4, gate, kernelH);
          }
          FloatPointer biases = staging.read(at + "B");
          for (int gate = 0; gate < 4; gate++) {
            packBias(biases.getPointer((long) gate * cells), cells, 4, gate, bias);
          }
          pack(type, staging.read(at + "W_P_0"), p, cells, p, 1, 0, projector);
          lstm[layer][direction] = new Lstm(kernelX, kernelH, bias, projector);
        }
      }
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /** The best instruction set, or the one that the system property {@code elmo4j.cpu.isa} names. */
  static int chooseIsa() {
    int best = CpuKernels.elmo4j_cpu_best_isa();
    String wanted = System.getProperty("elmo4j.cpu.isa");
    if (wanted == null) {
      return best;
    }
    for (int isa = 0; isa <= best; isa++) {
      if (isaName(isa).equals(wanted.toLowerCase(Locale.ROOT))) {
        return isa;
      }
    }
    throw new ElmoException(
        "elmo4j.cpu.isa: expected portable, avx2, avx512, avx512bf16 or amx, at most "
            + isaName(best)
            + " here, found \""
            + wanted
            + "\"");
  }

  private static String isaName(int isa) {
    switch (isa) {
      case CpuKernels.ELMO4J_AMX:
        return "amx";
      case CpuKernels.ELMO4J_AVX512BF16:
        return "avx512bf16";
      case CpuKernels.ELMO4J_AVX512:
        return "avx512";
      case CpuKernels.ELMO4J_AVX2:
        return "avx2";
      default:
        return "portable";
    }
  }

  /**
   * The instruction set that a model loaded now would use, and the version of OpenBLAS beside it.
   */
  public static String describe() {
    return isaName(chooseIsa()) + ", " + CpuKernels.elmo4j_openblas_config().getString().trim();
  }

  private NativeMemory keep(long bytes) {
    NativeMemory memory = NativeMemory.allocate(bytes);
    memories.add(memory);
    return memory;
  }

  private Pointer packed(int type, long depth, long columns, int groups) {
    return keep(CpuKernels.elmo4j_cpu_packed_size(isa, type, depth, columns, groups))
        .floatPointer(0);
  }

  private FloatPointer packedBias(long columns, int groups) {
    return new FloatPointer(packed(CpuKernels.ELMO4J_F32, 1, columns, groups));
  }

  private void pack(
      int type,
      FloatPointer weights,
      long stride,
      long depth,
      long columns,
      int groups,
      int group,
      Pointer packed) {
    CpuKernels.elmo4j_cpu_pack(isa, type, weights, stride, depth, columns, groups, group, packed);
  }

  private void packBias(FloatPointer bias, long columns, int groups, int group, Pointer packed) {
    pack(CpuKernels.ELMO4J_F32, bias, columns, 1, columns, groups, group, packed);
  }

  private void loadWords(WeightStore store) {
    long floats = (long) options.dictionary().words() * options.wordDim();
    wordTable = keep(floats * Float.BYTES).floatPointer(0);
    store.read("word_embed", new FloatPointer(wordTable).capacity(floats).asBuffer());
  }

  private void loadCharCnn(WeightReader staging) {
    charTable = keep(WeightReader.charTableSize(options) * Float.BYTES).floatPointer(0);
    charBias = keep((long) options.filterCount() * Float.BYTES).floatPointer(0);
    staging.charTable(options, charTable, charBias);
  }

  @Override
  public Device device() {
    return Device.cpu();
  }

  @Override
  public Precision precision() {
    return type == CpuKernels.ELMO4J_BF16 ? Precision.BF16 : Precision.FP32;
  }

  @Override
  public long weightBytes() {
    return memories.stream().mapToLong(NativeMemory::bytes).sum();
  }

  @Override
  public int parallelism() {
    return workers.threads();
  }

  @Override
  public long workspaceBytes(int sentences, int positions) {
    int p = options.projectionDim();
    long direction = (long) sentences * (p + options.lstmDim()) + lstmScratch(sentences) + 32;
    long outputs = 2L * options.lstmLayers() * positions * p;
    return (2 * direction + outputs + 3L * sentences + positions) * Float.BYTES;
  }

  /** So many floats, or a few more: what comes behind them lies on a 64-byte boundary. */
  static long aligned(long floats) {
    return (floats + 15) / 16 * 16;
  }

  /** Floats of scratch that the LSTM takes for so many sentences. */
  long lstmScratch(int sentences) {
    return CpuKernels.elmo4j_cpu_lstm_scratch(
        isa, type, sentences, options.lstmDim(), options.projectionDim());
  }

  @Override
  public Flow flow() {
    return flow;
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
    long scratchFloats =
        Math.max(
            CpuKernels.elmo4j_cpu_product_scratch(isa, type, words, features, features, 2),
            CpuKernels.elmo4j_cpu_product_scratch(isa, type, words, wordDim + features, p, 1));
    long size = (long) words * features;
    // Where words have embeddings: [words, wordDim + features].
    long joinedSize = wordDim == 0 ? 0 : size + (long) words * wordDim;
    try (NativeMemory memory =
        NativeMemory.allocate((2 * size + joinedSize + scratchFloats + 16) * Float.BYTES)) {
      FloatPointer scratch = memory.floatPointer(aligned(2 * size + joinedSize));
      FloatPointer joined = memory.floatPointer(2 * size);
      FloatPointer x = memory.floatPointer(0);
      FloatPointer y = memory.floatPointer(size);
      CpuKernels.elmo4j_cpu_char_cnn(
          isa,
          words,
          ids.shortPointer((long) first * slots),
          slots,
          pad,
          options.filters().size(),
          widths,
          filters,
          options.characters() + 1,
          charTable,
          charBias,
          options.activation() == ModelOptions.Activation.TANH
              ? CpuKernels.ELMO4J_TANH
              : CpuKernels.ELMO4J_RELU,
          x);
      for (Dense highway : highways) {
        CpuKernels.elmo4j_cpu_highway(
            isa, type, words, features, highway.kernel, highway.bias, x, y, scratch);
        FloatPointer swap = x;
        x = y;
        y = swap;
      }
      FloatPointer target = rows.floatPointer((long) first * p);
      if (projection == null) {
        Pointer.memcpy(target, x, size * Float.BYTES);
      } else {
        if (wordDim > 0) {
          join(first, words, wordIds, x, joined);
          x = joined;
        }
        CpuKernels.elmo4j_cpu_projection(
            isa,
            type,
            words,
            wordDim + features,
            p,
            projection.kernel,
            projection.bias,
            x,
            target,
            scratch);
      }
    }
  }

  /** Puts words' own embeddings in front of what their characters gave. */
  private void join(
      int first, int words, int[] wordIds, FloatPointer features, FloatPointer joined) {
    long wordDim = options.wordDim();
    long count = options.filterCount();
    for (int i = 0; i < words; i++) {
      FloatPointer row = joined.getPointer(i * (wordDim + count));
      FloatPointer word = wordTable.getPointer(wordIds[first + i] * wordDim);
      Pointer.memcpy(row, word, wordDim * Float.BYTES);
      Pointer.memcpy(row.getPointer(wordDim), features.getPointer(i * count), count * Float.BYTES);
    }
  }

  @Override
  public void run(List<Batch> batches, Memory words, LstmState state, List<Output> outputs) {
    int layers =
        state != null
            ? options.lstmLayers() // the state goes on whatever is asked for
            : outputs.stream().mapToInt(Output::topLayer).max().orElse(0);
    if (layers == 0) {
      workers.run(
          batches.size(),
          i -> {
            Batch batch = batches.get(i);
            try (Running running = new Running(batch, 0, words, outputs)) {
              running.write(0, batch.sentences());
            }
          });
      return;
    }
    Running[] running = new Running[batches.size()];
    AtomicInteger[] left = new AtomicInteger[batches.size()];
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
              if (running[i] == null) {
                running[i] = new Running(batches.get(i), layers, words, outputs);
              }
            }
            running[i].direction(task % 2, state);
            if (left[i].decrementAndGet() == 0) {
              running[i].write(0, batches.get(i).sentences());
              running[i].close();
            }
          });
    } finally {
      for (Running r : running) {
        if (r != null) {
          r.close();
        }
      }
    }
  }

  /** {@code elmo4j_cpu_lstm_steps} with the weights of a layer, from 0, and a direction. */
  void lstmSteps(
      int layer,
      int direction,
      int sentences,
      int steps,
      PointerPointer<FloatPointer> input,
      FloatPointer h,
      FloatPointer c,
      PointerPointer<FloatPointer> output,
      FloatPointer scratch,
      Pointer team) {
    Lstm weights = lstm[layer][direction];
    CpuKernels.elmo4j_cpu_lstm_steps(
        isa,
        type,
        options.lstmDim(),
        options.projectionDim(),
        weights.kernelX,
        weights.kernelH,
        weights.bias,
        weights.projector,
        options.cellClip(),
        options.projectionClip(),
        skip(layer),
        sentences,
        steps,
        input,
        h,
        c,
        output,
        scratch,
        team);
  }

  /** Whether other threads can take part in {@link #lstmSteps}, as a team. */
  boolean canShare() {
    return CpuKernels.elmo4j_cpu_can_share(isa, type) != 0;
  }

  private int skip(int layer) {
    return layer > 0 && options.skipConnections() ? 1 : 0;
  }

  /** A batch under way: its plan in native memory, and the outputs of its layers. */
  final class Running implements AutoCloseable {
    final Batch batch;
    final int layers;
    final NativeMemory outputs; // [layers, 2, positions, P]
    private final Memory words;
    private final NativeMemory plan;
    private final List<Sum> sums = new ArrayList<>();
    private final IntPointer start;
    private final IntPointer length;
    private final IntPointer sentence;
    private final IntPointer word;
    private final IntPointer first; // a zero

    /** The terms of an output. */
    private record Sum(
        Output output,
        int terms,
        PointerPointer<FloatPointer> forward,
        PointerPointer<FloatPointer> backward,
        PointerPointer<IntPointer> rows,
        FloatPointer scale) {}

    /**
     * Nothing is computed yet.
     *
     * @param layers how many are to run
     * @param words token representations, [., P]
     */
    Running(Batch batch, int layers, Memory words, List<Output> outputs) {
      this.batch = batch;
      this.layers = layers;
      this.words = words;
      int n = batch.sentences();
      int terms = layers + 1;
      // Not JavaCPP's own allocations: those count the whole process's memory against the heap's
      // size.
      long sumBytes = (3L * Long.BYTES + Float.BYTES) * terms;
      long sumsBytes = (outputs.size() * sumBytes + Long.BYTES - 1) / Long.BYTES * Long.BYTES;
      plan = NativeMemory.allocate(sumsBytes + (3L * n + batch.positions() + 1) * Integer.BYTES);
      try {
        this.outputs =
            NativeMemory.allocate(
                2L * layers * batch.positions() * options.projectionDim() * Float.BYTES);
      } catch (Throwable e) {
        plan.close();
        throw e;
      }
      start = plan.intPointer(sumsBytes / Integer.BYTES).put(batch.start());
      length = start.getPointer(n).put(batch.length());
      sentence = start.getPointer(2L * n).put(batch.sentence());
      word = start.getPointer(3L * n).put(batch.word());
      first = start.getPointer(3L * n + batch.positions()).put(0);
      long scales = 3L * Long.BYTES * terms * outputs.size();
      try {
        for (int i = 0; i < outputs.size(); i++) {
          long at = 3L * Long.BYTES * terms * i;
          sums.add(
              sum(
                  outputs.get(i),
                  new PointerPointer<>(plan.bytePointer(at)),
                  new PointerPointer<>(plan.bytePointer(at + (long) terms * Long.BYTES)),
                  new PointerPointer<>(plan.bytePointer(at + 2L * terms * Long.BYTES)),
                  new FloatPointer(plan.bytePointer(scales + (long) terms * i * Float.BYTES))));
        }
      } catch (Throwable e) {
        close();
        throw e;
      }
    }

    private Sum sum(
        Output output,
        PointerPointer<FloatPointer> forward,
        PointerPointer<FloatPointer> backward,
        PointerPointer<IntPointer> rows,
        FloatPointer scale) {
      int used = 0;
      for (int k = 0; k <= layers; k++) {
        if (output.scales()[k] != 0 || (k == 0 && output.topLayer() == 0)) {
          forward.put(used, k == 0 ? words.floatPointer(0) : output(k, 0));
          backward.put(used, k == 0 ? words.floatPointer(0) : output(k, 1));
          rows.put(used, k == 0 ? word : null);
          scale.put(used, output.scales()[k]);
          used++;
        }
      }
      return new Sum(output, used, forward, backward, rows, scale);
    }

    /** Which row of {@link #outputs} a position has in the output of layer 1 or more. */
    long outputRow(int layer, int direction, int position) {
      return (2L * (layer - 1) + direction) * batch.positions() + position;
    }

    private FloatPointer output(int layer, int direction) {
      return outputs.floatPointer(outputRow(layer, direction, 0) * options.projectionDim());
    }

    void direction(int direction, LstmState state) {
      int n = batch.sentences();
      int p = options.projectionDim();
      int cells = options.lstmDim();
      long hidden = (long) n * p;
      long cell = (long) n * cells;
      try (NativeMemory memory =
          NativeMemory.allocate((hidden + cell + lstmScratch(n) + 32) * Float.BYTES)) {
        FloatPointer c = memory.floatPointer(aligned(hidden));
        FloatPointer room = memory.floatPointer(aligned(hidden) + aligned(cell));
        for (int layer = 0; layer < layers; layer++) {
          FloatPointer h = memory.floatPointer(0);
          if (state == null) {
            Pointer.memset(h, 0, hidden * Float.BYTES);
            Pointer.memset(c, 0, cell * Float.BYTES);
          } else {
            copyRows(state.hidden(layer, direction), h, p, true);
            copyRows(state.cell(layer, direction), c, cells, true);
          }
          Lstm weights = lstm[layer][direction];
          CpuKernels.elmo4j_cpu_lstm(
              isa,
              type,
              cells,
              p,
              weights.kernelX,
              weights.kernelH,
              weights.bias,
              weights.projector,
              options.cellClip(),
              options.projectionClip(),
              skip(layer),
              n,
              start,
              length,
              direction,
              layer == 0 ? words.floatPointer(0) : output(layer, direction),
              layer == 0 ? word : null,
              h,
              c,
              output(layer + 1, direction),
              room);
          if (state != null) {
            copyRows(state.hidden(layer, direction), h, p, false);
            copyRows(state.cell(layer, direction), c, cells, false);
          }
        }
      }
    }

    /** Between the state's rows and this batch's. */
    private void copyRows(Memory state, FloatPointer rows, int width, boolean fromState) {
      for (int r = 0; r < batch.sentences(); r++) {
        FloatPointer there = state.floatPointer((long) batch.stateRow()[r] * width);
        FloatPointer here = rows.getPointer((long) r * width);
        Pointer.memcpy(
            fromState ? here : there, fromState ? there : here, (long) width * Float.BYTES);
      }
    }

    /** Writes all outputs of the sentences from one to before another. */
    synchronized void write(int from, int to) {
      for (int i = 0; i < sums.size(); i++) {
        Sum sum = sums.get(i);
        List<Memory> targets = sum.output.targets();
        if (targets.size() == 1) {
          mix(
              sum,
              to - from,
              from,
              sentence.position(from),
              sum.output.maxLength(),
              targets.get(0));
          continue;
        }
        // One after the other: each has a target of its own, whose first place it takes.
        for (int r = from; r < to; r++) {
          int kept = batch.length()[r] - (sum.output.boundaries() ? 0 : 2);
          mix(sum, 1, r, first, kept, targets.get(batch.sentence()[r]));
        }
      }
    }

    /** Writes {@code n} sentences of the batch into one target. */
    private void mix(Sum sum, int n, int from, IntPointer place, int maxLength, Memory target) {
      Output output = sum.output;
      CpuKernels.elmo4j_cpu_scalar_mix(
          isa,
          options.projectionDim(),
          output.halves(),
          sum.terms,
          sum.forward,
          sum.backward,
          sum.rows,
          sum.scale,
          n,
          start.position(from),
          length.position(from),
          place,
          output.boundaries() ? 0 : 1,
          maxLength,
          output.mean() ? 1 : 0,
          target.floatPointer(0));
    }

    @Override
    public void close() {
      plan.close();
      outputs.close();
    }
  }

  @Override
  public void close() {
    flow.close();
    workers.close();
    memories.forEach(NativeMemory::close);
  }

  static {
    CpuKernels.elmo4j_openblas_single_thread();
  }
}
