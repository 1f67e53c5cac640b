// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.WeightReader;
import org.elmo4j.internal.kernels.CudaKernels;
import org.elmo4j.internal.model.GateLayout;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.weights.ModelOptions;

/** The biLM by {@code kernels/lstm.cu}: one call runs all layers and applies both clips. */
final class OwnBiLm implements BiLm {
  private final CudaDevice device;
  private final NativeMemory structs; // [layers, 2] of Lstm
  private final CudaKernels.Lstm weights;

  /** Packs and uploads the weights. The uploader's owner frees the memory. */
  OwnBiLm(ModelOptions options, CudaDevice device, WeightReader reader, Uploader uploads) {
    this.device = device;
    int layers = options.lstmLayers();
    structs = NativeMemory.allocate(2L * layers * Loader.sizeof(CudaKernels.Lstm.class));
    try {
      Pointer.memset(structs.bytePointer(0), 0, structs.bytes());
      weights = new CudaKernels.Lstm(structs.bytePointer(0));
      for (int layer = 0; layer < layers; layer++) {
        for (int direction = 0; direction < 2; direction++) {
          CudaKernels.Lstm each = weights.getPointer(2L * layer + direction);
          read(each, layer, direction, options, reader, uploads);
        }
      }
    } catch (Throwable e) {
      structs.close();
      throw e;
    }
  }

  private static void read(
      CudaKernels.Lstm lstm,
      int layer,
      int direction,
      ModelOptions options,
      WeightReader reader,
      Uploader uploads) {
    int p = options.projectionDim();
    int cells = options.lstmDim();
    lstm.cell_clip(options.cellClip())
        .projection_clip(options.projectionClip())
        .skip(layer > 0 && options.skipConnections() ? 1 : 0)
        .backward(direction);
    GateLayout gates = new GateLayout(p, cells);
    FloatPointer kernel = reader.read(TensorNames.gates(direction, layer));
    for (int half = 0; half < 2; half++) {
      CudaKernels.Matrix matrix = half == 0 ? lstm.x() : lstm.h();
      Pointer first = kernel.getPointer(half == 0 ? gates.x(0) : gates.h(0));
      uploads.packed(matrix, first, gates.stride(), p, cells, GateLayout.GATES);
    }
    uploads.bias(lstm.x(), reader.read(TensorNames.gatesBias(direction, layer)));
    Pointer projector = reader.read(TensorNames.lstmProjection(direction, layer));
    uploads.packed(lstm.projector(), projector, p, cells, p, 1);
  }

  @Override
  public long workspaceBytes(int layers, long sentences, long positions) {
    return CudaKernels.elmo4j_cuda_lstm_workspace(weights, layers, sentences, positions);
  }

  @Override
  public void run(Run run, CudaStream stream) {
    int count = 2 * run.layers();
    try (NativeMemory memory =
        NativeMemory.allocate((long) count * Loader.sizeof(CudaKernels.LstmRows.class))) {
      CudaKernels.LstmRows rows = new CudaKernels.LstmRows(memory.bytePointer(0));
      for (int i = 0; i < count; i++) {
        boolean first = i < 2;
        rows.position(i)
            .input(first ? Memory.at(run.input()[i]) : null)
            .input_rows(first ? new IntPointer(Memory.at(run.inputRows()[i])) : null)
            .h(Memory.at(run.h()[i]))
            .c(new FloatPointer(Memory.at(run.c()[i])))
            .output(Memory.at(run.output()[i]));
      }
      device.check(
          CudaKernels.elmo4j_cuda_lstm(
              weights,
              rows.position(0),
              run.layers(),
              run.batch(),
              Memory.at(run.workspace()),
              stream.handle()),
          "elmo4j_cuda_lstm");
    }
  }

  @Override
  public void close() {
    structs.close();
  }
}
