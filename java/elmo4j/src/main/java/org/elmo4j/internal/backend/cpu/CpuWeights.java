// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.ElmoException;
import org.elmo4j.Precision;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.WeightReader;
import org.elmo4j.internal.kernels.CpuKernels;
import org.elmo4j.internal.model.GateLayout;
import org.elmo4j.internal.model.ModelWeights;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.weights.ModelOptions;

/**
 * A model's weights in native memory, packed for one instruction set, and the structs that describe
 * them to the kernels. Immutable; thread-safe.
 */
final class CpuWeights implements AutoCloseable {
  /** The largest depth at which a sum of products of 8-bit integers fits in 32 bits. */
  private static final int MOST_DEPTH = 1 << 17;

  final String source; // for messages
  final int isa;
  final int type; // of the LSTM's packed matrices; biases are always 32-bit floats
  final CpuKernels.CharCnn charCnn;
  final FloatPointer wordTable; // [words, wordDim], or null
  final List<CpuKernels.Matrix> highways = new ArrayList<>();
  final CpuKernels.Matrix projection; // null where the model has none
  final CpuKernels.Lstm[][] lstm; // [layer][direction]

  private final ModelOptions options;
  private final List<NativeMemory> memories = new ArrayList<>();

  /**
   * Reads the weights and packs them.
   *
   * @throws ElmoException if a weight is not finite, or memory cannot be had
   */
  CpuWeights(ModelWeights store, Precision precision) {
    source = store.source();
    options = store.options();
    isa = Isa.choose();
    type = type(precision);
    lstm = new CpuKernels.Lstm[options.lstmLayers()][2];
    try (WeightReader reader = new WeightReader(store)) {
      wordTable = options.wordDim() > 0 ? readWords(store) : null;
      charCnn = readCharCnn(reader, store.pad());
      for (int i = 0; i < options.highwayLayers(); i++) {
        highways.add(readHighway(reader, i));
      }
      projection = store.has(TensorNames.PROJECTION) ? readProjection(reader) : null;
      for (int layer = 0; layer < options.lstmLayers(); layer++) {
        for (int direction = 0; direction < 2; direction++) {
          lstm[layer][direction] = readLstm(reader, layer, direction);
        }
      }
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  private int type(Precision precision) {
    if (precision == Precision.INT8
        && Math.max(options.lstmDim(), options.projectionDim()) > MOST_DEPTH) {
      throw new ElmoException(
          "precision int8: expected lstm.dim and lstm.projection_dim up to "
              + MOST_DEPTH
              + ", found "
              + options.lstmDim()
              + " and "
              + options.projectionDim());
    }
    return typeOf(precision);
  }

  /** Returns the elmo4j_type of the LSTM's matrices. */
  static int typeOf(Precision precision) {
    return switch (precision) {
      case BF16 -> CpuKernels.ELMO4J_BF16;
      case INT8 -> CpuKernels.ELMO4J_INT8;
      default -> CpuKernels.ELMO4J_F32;
    };
  }

  private FloatPointer readWords(ModelWeights store) {
    long floats = (long) options.words() * options.wordDim();
    FloatPointer table = keep(floats * Float.BYTES).floatPointer(0);
    store.read(TensorNames.WORD_EMBED, new FloatPointer(table).capacity(floats).asBuffer());
    return table;
  }

  private CpuKernels.CharCnn readCharCnn(WeightReader reader, short pad) {
    int groups = options.filters().size();
    NativeMemory shape = keep(2L * groups * Integer.BYTES);
    IntPointer widths = shape.intPointer(0);
    IntPointer filters = shape.intPointer(groups);
    for (int i = 0; i < groups; i++) {
      widths.put(i, options.filters().get(i).width());
      filters.put(i, options.filters().get(i).count());
    }
    FloatPointer table = keep(WeightReader.charTableSize(options) * Float.BYTES).floatPointer(0);
    FloatPointer bias = keep((long) options.filterCount() * Float.BYTES).floatPointer(0);
    reader.charTable(options, table, bias);
    boolean tanh = options.activation() == ModelOptions.Activation.TANH;
    return new CpuKernels.CharCnn(struct(CpuKernels.CharCnn.class))
        .isa(isa)
        .type(CpuKernels.ELMO4J_F32)
        .activation(tanh ? CpuKernels.ELMO4J_TANH : CpuKernels.ELMO4J_RELU)
        .slots(options.maxCharactersPerToken())
        .pad(pad)
        .groups(groups)
        .widths(widths)
        .filters(filters)
        .table_ids(options.characters() + 1)
        .table(table)
        .bias(bias);
  }

  private CpuKernels.Matrix readHighway(WeightReader reader, int highway) {
    int features = options.filterCount();
    CpuKernels.Matrix matrix = matrix(features, features, 2, true);
    CpuKernels.elmo4j_cpu_pack(matrix, reader.read(TensorNames.carry(highway)), features, 0);
    CpuKernels.elmo4j_cpu_pack(matrix, reader.read(TensorNames.transform(highway)), features, 1);
    CpuKernels.elmo4j_cpu_pack_bias(matrix, reader.read(TensorNames.carryBias(highway)), 0);
    CpuKernels.elmo4j_cpu_pack_bias(matrix, reader.read(TensorNames.transformBias(highway)), 1);
    return matrix;
  }

  private CpuKernels.Matrix readProjection(WeightReader reader) {
    int p = options.projectionDim();
    CpuKernels.Matrix matrix = matrix(options.wordDim() + options.filterCount(), p, 1, true);
    CpuKernels.elmo4j_cpu_pack(matrix, reader.read(TensorNames.PROJECTION), p, 0);
    CpuKernels.elmo4j_cpu_pack_bias(matrix, reader.read(TensorNames.PROJECTION_BIAS), 0);
    return matrix;
  }

  private CpuKernels.Lstm readLstm(WeightReader reader, int layer, int direction) {
    int p = options.projectionDim();
    int cells = options.lstmDim();
    CpuKernels.Lstm weights =
        new CpuKernels.Lstm(struct(CpuKernels.Lstm.class))
            .cell_clip(options.cellClip())
            .projection_clip(options.projectionClip())
            .skip(layer > 0 && options.skipConnections() ? 1 : 0)
            .backward(direction);
    fill(weights.x(), type, p, cells, 4, true);
    fill(weights.h(), type, p, cells, 4, false);
    fill(weights.projector(), type, cells, p, 1, false);
    GateLayout gates = new GateLayout(p, cells);
    FloatPointer kernel = reader.read(TensorNames.gates(direction, layer));
    for (int gate = 0; gate < GateLayout.GATES; gate++) {
      FloatPointer x = kernel.getPointer(gates.x(gate));
      FloatPointer h = kernel.getPointer(gates.h(gate));
      CpuKernels.elmo4j_cpu_pack(weights.x(), x, gates.stride(), gate);
      CpuKernels.elmo4j_cpu_pack(weights.h(), h, gates.stride(), gate);
    }
    FloatPointer bias = reader.read(TensorNames.gatesBias(direction, layer));
    for (int gate = 0; gate < GateLayout.GATES; gate++) {
      CpuKernels.elmo4j_cpu_pack_bias(weights.x(), bias.getPointer(gates.bias(gate)), gate);
    }
    CpuKernels.elmo4j_cpu_pack(
        weights.projector(), reader.read(TensorNames.lstmProjection(direction, layer)), p, 0);
    return weights;
  }

  /**
   * Describes a matrix outside the LSTM. With int8 it has 32-bit floats: 8-bit integers would lose
   * more accuracy than they save time.
   */
  private CpuKernels.Matrix matrix(long depth, long columns, int groups, boolean bias) {
    CpuKernels.Matrix matrix = new CpuKernels.Matrix(struct(CpuKernels.Matrix.class));
    boolean floats = type == CpuKernels.ELMO4J_INT8;
    fill(matrix, floats ? CpuKernels.ELMO4J_F32 : type, depth, columns, groups, bias);
    return matrix;
  }

  /** Describes a matrix and allocates its packed form. */
  private void fill(
      CpuKernels.Matrix matrix, int type, long depth, long columns, int groups, boolean bias) {
    matrix.isa(isa).type(type).groups(groups).depth(depth).columns(columns);
    matrix.weights(keep(CpuKernels.elmo4j_cpu_packed_size(matrix)).floatPointer(0));
    matrix.bias(bias ? keep(CpuKernels.elmo4j_cpu_packed_bias_size(matrix)).floatPointer(0) : null);
  }

  /**
   * Allocates memory for a struct; JavaCPP would count its own allocation against the maximum Java
   * heap size.
   */
  private Pointer struct(Class<? extends Pointer> type) {
    return keep(Loader.sizeof(type)).bytePointer(0);
  }

  private NativeMemory keep(long bytes) {
    NativeMemory memory = NativeMemory.allocate(bytes);
    memories.add(memory);
    return memory;
  }

  long bytes() {
    return memories.stream().mapToLong(NativeMemory::bytes).sum();
  }

  /**
   * Returns the number of floats of scratch memory that the LSTM needs for a number of sentences.
   */
  long lstmScratch(int sentences) {
    return lstm.length == 0 ? 0 : CpuKernels.elmo4j_cpu_lstm_scratch(lstm[0][0], sentences);
  }

  @Override
  public void close() {
    memories.forEach(NativeMemory::close);
  }
}
