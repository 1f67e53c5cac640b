// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.Activation;
import ai.djl.nn.convolutional.Conv1d;
import ai.djl.nn.core.Embedding;
import ai.djl.nn.core.Linear;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Locale;
import org.elmo4j.Precision;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;

/**
 * Runs a model on libtorch through DJL. Words are computed operator by operator, and each layer and
 * direction by one call of {@link TorchScript}. Batches are packed: a step has only the sentences
 * that are long enough for it. The input's part of the gates is one product before the steps.
 */
final class TorchPeer extends BatchPeer<NDArray> {
  private final PtNDManager manager =
      (PtNDManager) Engine.getEngine("PyTorch").newBaseManager(Device.cpu());
  private final PtSymbolBlock script;
  private final ModelOptions options;
  private final Precision precision;
  private final int threads;
  private final int threadsOfCaller;
  private final NDArray characters;
  private final Affine[] filters;
  private final Affine[] carries;
  private final Affine[] transforms;
  private final Affine projection; // null if there is none
  private final Lstm[][] lstm; // by direction and layer

  /** An affine transformation. */
  private record Affine(NDArray matrix, NDArray bias) {}

  /** The weights of one layer and direction in the form that the script takes. */
  private record Lstm(IValue ofInput, IValue recurrent, IValue projection, IValue bias) {}

  /**
   * @param precision the number format of both factors in the LSTM's products: FP32, BF16 or INT8
   */
  TorchPeer(WeightStore store, Precision precision, int threads, int callers) {
    super(store.options(), true, callers);
    options = store.options();
    this.precision = precision;
    this.threads = threads;
    threadsOfCaller = threads / callers;
    Matrices matrices = new Matrices(store);
    int dim = options.charEmbeddingDim();
    characters = array(matrices.characters(), options.characters() + 1L, dim);
    filters = new Affine[options.filters().size()];
    for (int i = 0; i < filters.length; i++) {
      ModelOptions.Filter filter = options.filters().get(i);
      filters[i] =
          new Affine(
              array(matrices.filter(i), filter.count(), dim, filter.width()),
              array(matrices.read(TensorNames.filterBias(i)), filter.count()));
    }
    int size = options.filterCount();
    carries = new Affine[options.highwayLayers()];
    transforms = new Affine[options.highwayLayers()];
    for (int i = 0; i < carries.length; i++) {
      carries[i] = affine(matrices, TensorNames.carry(i), TensorNames.carryBias(i), size, size);
      transforms[i] =
          affine(matrices, TensorNames.transform(i), TensorNames.transformBias(i), size, size);
    }
    int p = options.projectionDim();
    projection =
        matrices.has(TensorNames.PROJECTION)
            ? affine(matrices, TensorNames.PROJECTION, TensorNames.PROJECTION_BIAS, size, p)
            : null;
    try {
      script =
          JniUtils.loadModule(manager, new ByteArrayInputStream(TorchScript.write()), false, false);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // cannot happen with a stream in memory
    }
    lstm = new Lstm[2][options.lstmLayers()];
    for (int direction = 0; direction < 2; direction++) {
      for (int layer = 0; layer < options.lstmLayers(); layer++) {
        lstm[direction][layer] = lstm(matrices, direction, layer);
      }
    }
  }

  private Affine affine(Matrices matrices, String matrix, String bias, int inputs, int outputs) {
    return new Affine(
        transposed(array(matrices.read(matrix), inputs, outputs)),
        array(matrices.read(bias), outputs));
  }

  private Lstm lstm(Matrices matrices, int direction, int layer) {
    int p = options.projectionDim();
    int cells = options.lstmDim();
    float[] gates = matrices.read(TensorNames.gates(direction, layer));
    NDArray bias = array(matrices.gatesBias(direction, layer), 4L * cells);
    return new Lstm(
        packed(Matrices.rows(gates, 0, p, 4 * cells), 4 * cells, bias),
        packed(Matrices.rows(gates, p, 2 * p, 4 * cells), 4 * cells, null),
        packed(matrices.read(TensorNames.lstmProjection(direction, layer)), p, null),
        precision == Precision.BF16 ? run("bf16_of", value(bias)) : value(bias));
  }

  /** Converts a matrix [inputs, columns] to the form that the script's products take. */
  private IValue packed(float[] matrix, int columns, NDArray bias) {
    NDArray floats = transposed(array(matrix, matrix.length / columns, columns));
    switch (precision) {
      case BF16:
        return run("bf16_of", value(floats));
      case INT8:
        IValue scales = value(array(Matrices.scales(matrix, columns, 8), columns));
        IValue zeros = value(manager.zeros(new Shape(columns), DataType.INT64));
        return bias == null
            ? run("int8_alone", value(floats), scales, zeros)
            : run("int8_of", value(floats), scales, zeros, value(bias));
      default:
        return value(floats);
    }
  }

  private IValue run(String method, IValue... arguments) {
    return IValueUtils.runMethod(script, method, arguments);
  }

  private static IValue value(NDArray array) {
    return IValue.from((PtNDArray) array);
  }

  private NDArray array(float[] values, long... shape) {
    return manager.create(values, new Shape(shape));
  }

  /**
   * Returns a matrix in the form that {@code linear} takes, [outputs, inputs], and closes the given
   * one.
   */
  private static NDArray transposed(NDArray matrix) {
    try (NDArray view = matrix.transpose()) {
      return view.duplicate();
    } finally {
      matrix.close();
    }
  }

  @Override
  public String name() {
    return "libtorch "
        + Engine.getEngine("PyTorch").getVersion()
        + " (DJL), "
        + precision.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public Precision precision() {
    return precision;
  }

  @Override
  NDArray words(Words words) {
    JniUtils.setNumThreads(threads); // only for the calling thread
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDList groups = new NDList();
      for (Words.Group group : words.groups()) {
        groups.add(words(group));
      }
      NDArray table = NDArrays.concat(groups, 0);
      NDScope.unregister(table);
      return table;
    }
  }

  private NDArray words(Words.Group group) {
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray ids = manager.create(group.ids(), new Shape(group.words(), group.slots()));
      NDArray embedded = select(characters, ids).transpose(0, 2, 1);
      NDList features = new NDList();
      for (Affine filter : filters) {
        NDArray all = Conv1d.conv1d(embedded, filter.matrix, filter.bias).singletonOrThrow();
        NDArray most = all.max(new int[] {2});
        features.add(
            options.activation() == ModelOptions.Activation.TANH
                ? most.tanh()
                : Activation.relu(most));
      }
      NDArray x = NDArrays.concat(features, 1);
      for (int i = 0; i < carries.length; i++) {
        NDArray carry = Activation.sigmoid(linear(x, carries[i]));
        NDArray transformed = Activation.relu(linear(x, transforms[i]));
        x = transformed.subi(x).muli(carry).add(x);
      }
      if (projection != null) {
        x = linear(x, projection);
      }
      NDScope.unregister(x);
      return x;
    }
  }

  private static NDArray linear(NDArray x, Affine affine) {
    return Linear.linear(x, affine.matrix, affine.bias).singletonOrThrow();
  }

  private static NDArray select(NDArray table, NDArray rows) {
    return Embedding.embedding(rows, table, SparseFormat.DENSE).singletonOrThrow();
  }

  @Override
  void layers(NDArray table, Batch batch, Sink sink) {
    JniUtils.setNumThreads(threadsOfCaller);
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray[] x = {
        select(table, manager.create(batch.forward())),
        select(table, manager.create(batch.backward()))
      };
      NDArray[] tokens = {
        manager.create(batch.tokensForward()), manager.create(batch.tokensBackward())
      };
      NDArray[] results = new NDArray[options.lstmLayers() + 1];
      results[0] = select(x[0], tokens[0]);
      for (int layer = 0; layer < options.lstmLayers(); layer++) {
        NDList both = new NDList();
        for (int direction = 0; direction < 2; direction++) {
          NDArray h = run(lstm[direction][layer], x[direction], batch);
          if (layer > 0 && options.skipConnections()) {
            h = h.add(x[direction]);
          }
          x[direction] = h;
          both.add(select(h, tokens[direction]));
        }
        results[layer + 1] = NDArrays.concat(both, 1);
      }
      if (sink != null) {
        for (int layer = 0; layer < results.length; layer++) {
          sink.accept(batch.sentences(), layer, results[layer].toByteBuffer().asFloatBuffer());
        }
      }
    }
  }

  /** Runs one layer and direction over all positions [positions, P]. */
  private NDArray run(Lstm weights, NDArray x, Batch batch) {
    try (IValue ofX = value(x);
        IValue starts = IValue.listFrom(Arrays.stream(batch.starts()).asLongStream().toArray());
        IValue cells = IValue.from((long) options.lstmDim());
        IValue cellClip = IValue.from((double) options.cellClip());
        IValue projectionClip = IValue.from((double) options.projectionClip());
        IValue h =
            run(
                precision.name().toLowerCase(Locale.ROOT),
                ofX,
                starts,
                weights.ofInput,
                weights.recurrent,
                weights.projection,
                weights.bias,
                cells,
                cellClip,
                projectionClip)) {
      return h.toTensor(manager);
    }
  }

  @Override
  void release(NDArray table) {
    table.close();
  }

  @Override
  public void close() {
    super.close();
    script.close();
    manager.close();
  }
}
