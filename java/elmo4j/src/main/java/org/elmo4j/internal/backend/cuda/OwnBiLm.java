// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.Arrays;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.WeightReader;
import org.elmo4j.internal.kernels.CudaKernels;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.weights.ModelOptions;

/** The biLM by {@code kernels/lstm.cu}: one call for all layers, both clips inside. */
final class OwnBiLm implements BiLm {
  private static final int ARRAYS = 4; // kernel_x, kernel_h, bias, projector

  private final ModelOptions options;
  private final int type;
  private final int products;
  private final CudaDevice device;
  private final NativeMemory weights; // [ARRAYS, layers, 2] addresses

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
          long first = 2L * layer + direction;
          long array = 2L * options.lstmLayers();
          // The file's rows are those of x and h, its columns the gates i, j, f, o.
          Pointer kernel = reader.read(TensorNames.gates(direction, layer));
          long rowBytes = 4L * cells * Float.BYTES;
          addresses.put(first, uploads.packed(kernel, 4L * cells, p, cells, 4));
          Pointer kernelH = CudaMemory.at(kernel.address() + p * rowBytes);
          addresses.put(first + array, uploads.packed(kernelH, 4L * cells, p, cells, 4));
          addresses.put(
              first + 2 * array,
              uploads.floats(reader.read(TensorNames.gatesBias(direction, layer)), 4L * cells));
          addresses.put(
              first + 3 * array,
              uploads.packed(
                  reader.read(TensorNames.lstmProjection(direction, layer)), p, cells, p, 1));
        }
      }
    } catch (Throwable e) {
      weights.close();
      throw e;
    }
  }

  @Override
  public long workspaceBytes(int layers, long sentences, long positions) {
    return CudaKernels.elmo4j_cuda_lstm_workspace(
        type, options.lstmDim(), options.projectionDim(), layers, sentences, positions);
  }

  private PointerPointer<Pointer> weights(int array) {
    return new PointerPointer<>(
        weights.bytePointer(2L * array * options.lstmLayers() * Long.BYTES));
  }

  @Override
  public void run(Run run, CudaStream stream) {
    PackedOrder batch = run.batch();
    int steps = batch.steps();
    long[][] arrays = {run.input(), run.inputRows(), run.h(), run.c(), run.output()};
    long[] addresses = Arrays.stream(arrays).flatMapToLong(Arrays::stream).toArray();
    long bytes = (long) addresses.length * Long.BYTES;
    try (NativeMemory memory =
        NativeMemory.allocate(bytes + (long) (steps + run.layers()) * Integer.BYTES)) {
      new LongPointer(memory.bytePointer(0)).put(addresses);
      IntPointer rows = new IntPointer(memory.bytePointer(bytes)).put(batch.rows());
      IntPointer skip = new IntPointer(memory.bytePointer(bytes + (long) steps * Integer.BYTES));
      for (int layer = 0; layer < run.layers(); layer++) {
        skip.put(layer, layer > 0 && options.skipConnections() ? 1 : 0);
      }
      device.check(
          CudaKernels.elmo4j_cuda_lstm(
              type,
              products,
              options.lstmDim(),
              options.projectionDim(),
              run.layers(),
              weights(0),
              weights(1),
              weights(2),
              weights(3),
              options.cellClip(),
              options.projectionClip(),
              skip,
              batch.rows()[0],
              steps,
              rows,
              batch.positions(),
              at(memory, 0),
              at(memory, 2),
              at(memory, 4),
              at(memory, 4 + 2 * run.layers()),
              at(memory, 4 + 4 * run.layers()),
              CudaMemory.at(run.workspace()),
              stream.handle()),
          "elmo4j_cuda_lstm");
    }
  }

  private static PointerPointer<Pointer> at(NativeMemory memory, int address) {
    return new PointerPointer<>(memory.bytePointer((long) address * Long.BYTES));
  }

  @Override
  public void close() {
    weights.close();
  }
}
