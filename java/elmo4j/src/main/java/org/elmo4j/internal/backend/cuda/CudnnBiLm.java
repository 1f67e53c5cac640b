// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import static org.bytedeco.cuda.global.cudnn.*;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.LongAdder;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.cudnn.cudnnContext;
import org.bytedeco.cuda.cudnn.cudnnDropoutStruct;
import org.bytedeco.cuda.cudnn.cudnnRNNDataStruct;
import org.bytedeco.cuda.cudnn.cudnnRNNStruct;
import org.bytedeco.cuda.cudnn.cudnnTensorStruct;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.SizeTPointer;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.WeightReader;
import org.elmo4j.internal.kernels.CudaKernels;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.weights.ModelOptions;

/**
 * The biLM by cuDNN. Each direction has its own stream. cuDNN clips the cell but not the
 * projection. A layer therefore first runs over all steps at once, and the kernel that adds the
 * skip connection checks whether an output exceeds the clip. If no output does, the clip would have
 * changed nothing, and the result is right. Otherwise that direction runs again, one step in each
 * call, and the projection is clipped between the steps.
 *
 * <p>It does not carry state, since cuDNN would hold c in half precision.
 */
final class CudnnBiLm implements BiLm {
  private final ModelOptions options;
  private final int type;
  private final int numberBytes;
  private final CudaDevice device;
  private final List<Direction> directions = new ArrayList<>(); // 2 * layer + direction
  private final List<Worker> made = new ArrayList<>();
  private final Queue<Worker> free = new ConcurrentLinkedQueue<>();
  private final LongAdder whole = new LongAdder();
  private final LongAdder stepwise = new LongAdder();
  private final cudnnDropoutStruct dropout = new cudnnDropoutStruct();

  /** One layer of a run, both directions; inputRows is null where rows lie in packed order. */
  private record Layer(
      int index, PackedOrder batch, long[] input, long[] inputRows, long[] output) {}

  /** One layer and direction: its structure and weights. */
  private record Direction(cudnnRNNStruct rnn, CudaMemory weights) {}

  /** The further objects that one direction of a call needs: a handle, its stream, descriptors. */
  private final class Worker {
    final CudaStream stream = new CudaStream(device);
    final cudnnContext handle = new cudnnContext();
    final cudnnRNNDataStruct data = new cudnnRNNDataStruct(); // of input and output alike
    final cudnnTensorStruct h = new cudnnTensorStruct();
    final cudnnTensorStruct c = new cudnnTensorStruct();

    Worker() {
      check(cudnnCreate(handle), "cudnnCreate");
      check(cudnnSetStream(handle, new CUstream_st(stream.handle())), "cudnnSetStream");
      check(cudnnCreateRNNDataDescriptor(data), "cudnnCreateRNNDataDescriptor");
      check(cudnnCreateTensorDescriptor(h), "cudnnCreateTensorDescriptor");
      check(cudnnCreateTensorDescriptor(c), "cudnnCreateTensorDescriptor");
    }

    /** Describes sentences of these lengths, sorted by falling length, step by step. */
    void describe(int[] lengths) {
      check(
          cudnnSetRNNDataDescriptor(
              data,
              dataType(),
              CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED,
              lengths[0],
              lengths.length,
              options.projectionDim(),
              lengths,
              null),
          "cudnnSetRNNDataDescriptor");
      describe(h, lengths.length, options.projectionDim());
      describe(c, lengths.length, options.lstmDim());
    }

    private void describe(cudnnTensorStruct tensor, int rows, int width) {
      check(
          cudnnSetTensorNdDescriptor(
              tensor,
              dataType(),
              3,
              new int[] {1, rows, width},
              new int[] {rows * width, width, 1}),
          "cudnnSetTensorNdDescriptor");
    }

    void close() {
      cudnnDestroyTensorDescriptor(c);
      cudnnDestroyTensorDescriptor(h);
      cudnnDestroyRNNDataDescriptor(data);
      cudnnDestroy(handle);
      stream.close();
    }
  }

  /**
   * Copies the weights to the device.
   *
   * @throws ElmoException if cuDNN cannot run this model
   * @throws LinkageError if cuDNN or org.bytedeco:cuda is missing
   */
  CudnnBiLm(
      ModelOptions options, int type, CudaDevice device, WeightReader reader, Uploader uploads) {
    this.options = options;
    this.type = type;
    this.device = device;
    numberBytes = type == CudaKernels.ELMO4J_F16 ? Short.BYTES : Float.BYTES;
    if (options.projectionDim() >= options.lstmDim()) {
      throw new ElmoException(
          "biLM by cuDNN: expected a projection below "
              + options.lstmDim()
              + " cells, found "
              + options.projectionDim());
    }
    Loader.load(org.bytedeco.cuda.global.cudnn.class);
    try {
      Worker worker = take();
      check(cudnnCreateDropoutDescriptor(dropout), "cudnnCreateDropoutDescriptor");
      check(
          cudnnSetDropoutDescriptor(dropout, worker.handle, 0, null, 0, 0),
          "cudnnSetDropoutDescriptor");
      for (int layer = 0; layer < options.lstmLayers(); layer++) {
        for (int direction = 0; direction < 2; direction++) {
          load(direction, layer, worker, reader, uploads);
        }
      }
      free.add(worker);
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  private int dataType() {
    return type == CudaKernels.ELMO4J_F16 ? CUDNN_DATA_HALF : CUDNN_DATA_FLOAT;
  }

  private void load(
      int direction, int layer, Worker worker, WeightReader reader, Uploader uploads) {
    int p = options.projectionDim();
    int cells = options.lstmDim();
    cudnnRNNStruct rnn = new cudnnRNNStruct();
    check(cudnnCreateRNNDescriptor(rnn), "cudnnCreateRNNDescriptor");
    try (SizeTPointer size = new SizeTPointer(1)) {
      check(
          cudnnSetRNNDescriptor_v8(
              rnn,
              CUDNN_RNN_ALGO_STANDARD,
              CUDNN_LSTM,
              CUDNN_RNN_SINGLE_INP_BIAS,
              CUDNN_UNIDIRECTIONAL,
              CUDNN_LINEAR_INPUT,
              dataType(),
              CUDNN_DATA_FLOAT,
              type == CudaKernels.ELMO4J_F16 ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH,
              p,
              cells,
              p,
              1,
              dropout,
              CUDNN_RNN_PADDED_IO_DISABLED),
          "cudnnSetRNNDescriptor_v8");
      if (options.cellClip() > 0) {
        check(
            cudnnRNNSetClip_v9(rnn, CUDNN_RNN_CLIP_MINMAX, -options.cellClip(), options.cellClip()),
            "cudnnRNNSetClip_v9");
      }
      check(cudnnGetRNNWeightSpaceSize(worker.handle, rnn, size), "cudnnGetRNNWeightSpaceSize");
      CudaMemory space = uploads.zeros(size.get());
      float[] kernel = floats(reader.read(TensorNames.gates(direction, layer)));
      float[] projector = floats(reader.read(TensorNames.lstmProjection(direction, layer)));
      float[] bias = floats(reader.read(TensorNames.gatesBias(direction, layer)));
      cudnnTensorStruct matrixTensor = new cudnnTensorStruct();
      cudnnTensorStruct biasTensor = new cudnnTensorStruct();
      check(cudnnCreateTensorDescriptor(matrixTensor), "cudnnCreateTensorDescriptor");
      check(cudnnCreateTensorDescriptor(biasTensor), "cudnnCreateTensorDescriptor");
      try (PointerPointer<Pointer> matrixAt = new PointerPointer<>(1);
          PointerPointer<Pointer> biasAt = new PointerPointer<>(1)) {
        for (int m = 0; m < CudnnGates.MATRICES; m++) {
          check(
              cudnnGetRNNWeightParams(
                  worker.handle,
                  rnn,
                  0,
                  size.get(),
                  space.bytePointer(0),
                  m,
                  matrixTensor,
                  matrixAt,
                  biasTensor,
                  biasAt),
              "cudnnGetRNNWeightParams");
          uploads.numbers(CudnnGates.matrix(kernel, projector, p, cells, p, m), matrixAt.get(0));
          if (m < 4) {
            uploads.numbers(CudnnGates.bias(bias, cells, m), biasAt.get(0));
          }
        }
      } finally {
        cudnnDestroyTensorDescriptor(matrixTensor);
        cudnnDestroyTensorDescriptor(biasTensor);
      }
      directions.add(new Direction(rnn, space));
    } catch (Throwable e) {
      cudnnDestroyRNNDescriptor(rnn);
      throw e;
    }
  }

  private static float[] floats(FloatPointer source) {
    float[] values = new float[(int) source.capacity()];
    source.get(values);
    return values;
  }

  private void check(int status, String call) {
    if (status != CUDNN_STATUS_SUCCESS) {
      throw new ElmoException(
          call
              + " on "
              + device
              + ": expected it to succeed, found error "
              + status
              + ", "
              + cudnnGetErrorString(status).getString());
    }
  }

  private Worker take() {
    Worker worker = free.poll();
    if (worker == null) {
      worker = new Worker();
      synchronized (made) {
        made.add(worker);
      }
    }
    return worker;
  }

  /** None that the caller provides: cuDNN tells its need only for a given batch. */
  @Override
  public long workspaceBytes(int layers, long sentences, long positions) {
    return 0;
  }

  @Override
  public boolean carriesState() {
    return false;
  }

  @Override
  public Map<String, Long> counts() {
    return Map.of("cudnn_whole_runs", whole.sum(), "cudnn_stepwise_runs", stepwise.sum());
  }

  /** Runs one layer after the other. */
  @Override
  public void run(Run run, CudaStream stream) {
    long[] input = run.input();
    for (int layer = 0; layer < run.layers(); layer++) {
      long[] output = Arrays.copyOfRange(run.output(), 2 * layer, 2 * layer + 2);
      long[] inputRows = layer == 0 ? run.inputRows() : null;
      run(new Layer(layer, run.order(), input, inputRows, output), stream);
      input = output;
    }
  }

  private void run(Layer layer, CudaStream stream) {
    PackedOrder batch = layer.batch();
    int p = options.projectionDim();
    long rowsBytes = (long) batch.positions() * p * numberBytes;
    Worker[] workers = {take(), take()};
    try (CudaMemory gathered =
            device.allocate(layer.inputRows() == null ? 0 : 2 * rowsBytes, stream);
        CudaMemory exceeded = device.allocate(2L * Integer.BYTES, stream)) {
      device.check(
          CudaKernels.elmo4j_cuda_clear(exceeded.bytePointer(0), exceeded.bytes(), stream.handle()),
          "cudaMemsetAsync");
      long[] input = layer.input();
      if (layer.inputRows() != null) {
        long to = gathered.bytePointer(0).address();
        input = new long[] {to, to + rowsBytes};
        for (int d = 0; d < 2; d++) {
          device.check(
              CudaKernels.elmo4j_cuda_gather_rows(
                  type,
                  batch.positions(),
                  p,
                  Memory.at(layer.input()[d]),
                  new IntPointer(Memory.at(layer.inputRows()[d])),
                  Memory.at(input[d]),
                  stream.handle()),
              "elmo4j_cuda_gather_rows");
        }
      }
      try {
        directions(layer, input, workers, exceeded, stream);
      } finally {
        for (Worker worker : workers) { // They use memory that is freed after this.
          stream.waitFor(worker.stream);
        }
      }
    } finally {
      free.addAll(Arrays.asList(workers));
    }
  }

  private void directions(
      Layer layer, long[] input, Worker[] workers, CudaMemory exceeded, CudaStream stream) {
    float clip = options.projectionClip();
    boolean skip = layer.index() > 0 && options.skipConnections();
    for (int d = 0; d < 2; d++) {
      workers[d].stream.waitFor(stream);
      whole(layer, d, input[d], workers[d]);
      skip(layer, d, skip ? input[d] : 0, clip, exceeded.intPointer(d), workers[d].stream);
    }
    for (Worker worker : workers) {
      stream.waitFor(worker.stream);
    }
    if (clip > 0) {
      int[] found = new int[2];
      exceeded.read(0, exceeded.bytes(), (from, at, n) -> new IntPointer(from).get(found));
      for (int d = 0; d < 2; d++) {
        if (found[d] != 0) {
          steps(layer, d, input[d], workers[d]);
          skip(layer, d, skip ? input[d] : 0, 0, exceeded.intPointer(d), workers[d].stream);
          stream.waitFor(workers[d].stream);
          stepwise.increment();
        } else {
          whole.increment();
        }
      }
    } else {
      whole.add(2);
    }
  }

  /** Adds x to the output if there is an x, and checks whether an output exceeds the clip. */
  private void skip(
      Layer layer, int d, long x, float clip, IntPointer exceeded, CudaStream stream) {
    if (x != 0 || clip > 0) {
      Pointer output = Memory.at(layer.output()[d]);
      device.check(
          CudaKernels.elmo4j_cuda_skip(
              type,
              (long) layer.batch().positions() * options.projectionDim(),
              output,
              x == 0 ? null : Memory.at(x),
              clip,
              output,
              exceeded,
              stream.handle()),
          "elmo4j_cuda_skip");
    }
  }

  /** Runs all steps in one call, from zero state. */
  private void whole(Layer layer, int d, long input, Worker worker) {
    worker.describe(layer.batch().lengths());
    Direction direction = directions.get(2 * layer.index() + d);
    try (CudaMemory workspace = workspace(direction, worker)) {
      forward(direction, worker, input, layer.output()[d], 0, 0, 0, workspace);
    }
  }

  /** Runs one step in each call. h is the clipped output of the step before. */
  private void steps(Layer layer, int d, long input, Worker worker) {
    PackedOrder batch = layer.batch();
    Direction direction = directions.get(2 * layer.index() + d);
    long row = (long) options.projectionDim() * numberBytes;
    long cells = (long) batch.rows()[0] * options.lstmDim() * numberBytes;
    int[] ones = new int[batch.rows()[0]];
    Arrays.fill(ones, 1);
    worker.describe(ones);
    try (CudaMemory c = device.allocate(2 * cells, worker.stream);
        CudaMemory workspace = workspace(direction, worker)) {
      long cAt = c.bytePointer(0).address();
      for (int t = 0; t < batch.steps(); t++) {
        int n = batch.rows()[t];
        if (t > 0 && n < batch.rows()[t - 1]) {
          worker.describe(Arrays.copyOf(ones, n));
        }
        long output = layer.output()[d] + batch.offset()[t] * row;
        forward(
            direction,
            worker,
            input + batch.offset()[t] * row,
            output,
            t == 0 ? 0 : layer.output()[d] + batch.offset()[t - 1] * row,
            t == 0 ? 0 : cAt + t % 2 * cells,
            cAt + (t + 1) % 2 * cells,
            workspace);
        device.check(
            CudaKernels.elmo4j_cuda_clip(
                type,
                (long) n * options.projectionDim(),
                options.projectionClip(),
                Memory.at(output),
                worker.stream.handle()),
            "elmo4j_cuda_clip");
      }
    }
  }

  private CudaMemory workspace(Direction direction, Worker worker) {
    try (SizeTPointer sizes = new SizeTPointer(2)) {
      check(
          cudnnGetRNNTempSpaceSizes(
              worker.handle,
              direction.rnn,
              CUDNN_FWD_MODE_INFERENCE,
              worker.data,
              sizes,
              sizes.getPointer(1)),
          "cudnnGetRNNTempSpaceSizes");
      return device.allocate(sizes.get(0), worker.stream);
    }
  }

  private void forward(
      Direction direction,
      Worker worker,
      long input,
      long output,
      long h,
      long c,
      long nextC,
      CudaMemory workspace) {
    check(
        cudnnRNNForward(
            worker.handle,
            direction.rnn,
            CUDNN_FWD_MODE_INFERENCE,
            (IntPointer) null,
            worker.data,
            Memory.at(input),
            worker.data,
            Memory.at(output),
            worker.h,
            orNull(h),
            null,
            worker.c,
            orNull(c),
            orNull(nextC),
            direction.weights.bytes(),
            direction.weights.bytePointer(0),
            workspace.bytes(),
            workspace.bytePointer(0),
            0,
            null),
        "cudnnRNNForward");
  }

  private static Pointer orNull(long address) {
    return address == 0 ? null : Memory.at(address);
  }

  @Override
  public void close() {
    for (Direction direction : directions) {
      cudnnDestroyRNNDescriptor(direction.rnn);
    }
    if (!dropout.isNull()) {
      cudnnDestroyDropoutDescriptor(dropout);
    }
    made.forEach(Worker::close);
  }
}
