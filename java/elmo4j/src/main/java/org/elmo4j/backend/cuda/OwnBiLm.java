// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend.cuda;

import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.elmo4j.backend.NativeMemory;
import org.elmo4j.backend.WeightReader;
import org.elmo4j.weights.ModelOptions;

/** The biLM by {@code kernels/lstm.cu}: one call a layer, both clips inside. */
final class OwnBiLm implements BiLm {
  private static final int ARRAYS = 4; // kernel_x, kernel_h, bias, projector

  private final ModelOptions options;
  private final int type;
  private final int products;
  private final CudaDevice device;
  private final NativeMemory weights; // [layers, ARRAYS, 2] addresses

  /** Packs and uploads the weights; the memory is the uploader's. */
  OwnBiLm(
      ModelOptions options,
      int type,
      int products,
      CudaDevice device,
      WeightReader reader,
      Uploader uploads) {
    this.options = options;
    this.type = type;
    this.products = products;
    this.device = device;
    weights = NativeMemory.allocate(2L * ARRAYS * options.lstmLayers() * Long.BYTES);
    try {
      LongPointer addresses = new LongPointer(weights.bytePointer(0));
      int p = options.projectionDim();
      int cells = options.lstmDim();
      for (int layer = 0; layer < options.lstmLayers(); layer++) {
        for (int direction = 0; direction < 2; direction++) {
          String at = "RNN_" + direction + "/RNN/MultiRNNCell/Cell" + layer + "/LSTMCell/";
          long first = 2L * ARRAYS * layer + direction;
          // The file's rows are those of x and h, its columns the gates i, j, f, o.
          Pointer kernel = reader.read(at + "W_0");
          long rowBytes = 4L * cells * Float.BYTES;
          addresses.put(first, uploads.packed(kernel, 4L * cells, p, cells, 4));
          Pointer kernelH = CudaMemory.at(kernel.address() + p * rowBytes);
          addresses.put(first + 2, uploads.packed(kernelH, 4L * cells, p, cells, 4));
          addresses.put(first + 4, uploads.floats(reader.read(at + "B"), 4L * cells));
          addresses.put(first + 6, uploads.packed(reader.read(at + "W_P_0"), p, cells, p, 1));
        }
      }
    } catch (Throwable e) {
      weights.close();
      throw e;
    }
  }

  @Override
  public long workspaceBytes(long sentences, long positions) {
    return CudaKernels.elmo4j_cuda_lstm_workspace(
        type, options.lstmDim(), options.projectionDim(), sentences, positions);
  }

  private PointerPointer<Pointer> weights(int layer, int array) {
    return new PointerPointer<>(
        weights.bytePointer((2L * ARRAYS * layer + 2L * array) * Long.BYTES));
  }

  @Override
  public void run(Layer layer, CudaStream stream) {
    PackedOrder batch = layer.batch();
    int steps = batch.steps();
    long pairs = 10L * Long.BYTES;
    try (NativeMemory memory = NativeMemory.allocate(pairs + (long) steps * Integer.BYTES)) {
      LongPointer addresses = new LongPointer(memory.bytePointer(0));
      long[][] arrays = {layer.input(), layer.inputRows(), layer.h(), layer.c(), layer.output()};
      for (int i = 0; i < arrays.length; i++) {
        if (arrays[i] != null) {
          addresses.put(2L * i, arrays[i][0]).put(2L * i + 1, arrays[i][1]);
        }
      }
      IntPointer rows = new IntPointer(memory.bytePointer(pairs)).put(batch.rows());
      device.check(
          CudaKernels.elmo4j_cuda_lstm(
              type,
              products,
              options.lstmDim(),
              options.projectionDim(),
              weights(layer.index(), 0),
              weights(layer.index(), 1),
              weights(layer.index(), 2),
              weights(layer.index(), 3),
              options.cellClip(),
              options.projectionClip(),
              layer.index() > 0 && options.skipConnections() ? 1 : 0,
              batch.rows()[0],
              steps,
              rows,
              batch.positions(),
              pair(memory, 0),
              layer.inputRows() == null ? null : pair(memory, 1),
              pair(memory, 2),
              pair(memory, 3),
              pair(memory, 4),
              CudaMemory.at(layer.workspace()),
              stream.handle()),
          "elmo4j_cuda_lstm");
    }
  }

  private static PointerPointer<Pointer> pair(NativeMemory memory, int index) {
    return new PointerPointer<>(memory.bytePointer(2L * index * Long.BYTES));
  }

  @Override
  public void close() {
    weights.close();
  }
}
