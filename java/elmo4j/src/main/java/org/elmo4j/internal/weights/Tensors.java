// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;

/** What all readers check about tensors. */
public final class Tensors {
  private Tensors() {}

  /**
   * Checks that every tensor of the model's structure is there in its shape; reads nothing.
   *
   * @throws ElmoException naming the first that is not
   */
  public static void check(WeightStore store) {
    check(store.source(), store.options(), store::shape);
  }

  /**
   * Checks that a file holds all tensors of a model, each in its shape.
   *
   * @param shapeOf the shape a tensor has in the file; null where there is none
   * @return the shapes of the model's tensors that the file holds, in the order of the computation
   * @throws ElmoException if one is missing or of another shape
   */
  static Map<String, long[]> check(
      String source, ModelOptions options, Function<String, long[]> shapeOf) {
    boolean projection =
        TensorShapes.needsProjection(options)
            || shapeOf.apply(TensorNames.PROJECTION) != null
            || shapeOf.apply(TensorNames.PROJECTION_BIAS) != null;
    Map<String, long[]> expected = TensorShapes.of(options, projection);
    expected.forEach(
        (name, shape) -> {
          long[] found = shapeOf.apply(name);
          if (!Arrays.equals(shape, found)) {
            throw new ElmoException(
                source
                    + ": tensor "
                    + name
                    + ": expected shape "
                    + Arrays.toString(shape)
                    + ", found "
                    + (found == null ? "no such tensor" : Arrays.toString(found)));
          }
        });
    return Collections.unmodifiableMap(expected);
  }

  /**
   * Whether a model's LSTM layers have no projections: bilm-tf makes none where the cells are as
   * many as the projection's size, and clips nothing then. Identities stand for them.
   *
   * @param has whether a tensor is in the file
   */
  static boolean lackLstmProjections(ModelOptions options, Predicate<String> has) {
    return options.lstmDim() == options.projectionDim()
        && IntStream.range(0, 2 * options.lstmLayers())
            .noneMatch(i -> has.test(TensorNames.lstmProjection(i % 2, i / 2)));
  }

  /** {@link WeightStore#read} for such a projection. */
  static void readIdentity(WeightStore store, String name, FloatBuffer target) {
    int count = room(store, name, target);
    int size = store.options().projectionDim();
    for (int i = 0; i < count; i++) {
      target.put(i / size == i % size ? 1 : 0);
    }
  }

  /** How many numbers {@link WeightStore#read} will write; checks that they fit. */
  static int room(WeightStore store, String name, FloatBuffer target) {
    long[] shape = store.shape(name);
    if (shape == null) {
      throw new ElmoException(store.source() + ": tensor " + name + ": found no such tensor");
    }
    int count = (int) TensorShapes.count(shape);
    if (target.remaining() < count) {
      throw new ElmoException(
          store.source()
              + ": tensor "
              + name
              + ": expected room for "
              + count
              + " numbers, found "
              + target.remaining());
    }
    return count;
  }

  /**
   * That number {@code at} of a tensor cannot be had or kept as a number of {@code expected} kind.
   */
  static ElmoException badValue(
      WeightStore store, String name, long at, String expected, double found) {
    long[] shape = store.shape(name);
    long[] index = new long[shape.length];
    long rest = at;
    for (int i = shape.length - 1; i >= 0; i--) {
      index[i] = rest % shape[i];
      rest /= shape[i];
    }
    return new ElmoException(
        store.source()
            + ": tensor "
            + name
            + " "
            + Arrays.toString(index)
            + ": expected "
            + expected
            + ", found "
            + found);
  }

  /**
   * Checks numbers just written to {@code target}.
   *
   * @param from index in {@code target} of the first
   * @param at index in the tensor of the first
   * @throws ElmoException if one is not finite
   */
  static void checkFinite(
      WeightStore store, String name, FloatBuffer target, int from, int count, long at) {
    for (int i = 0; i < count; i++) {
      float value = target.get(from + i);
      if (!Float.isFinite(value)) {
        throw badValue(store, name, at + i, "a finite 32-bit float", value);
      }
    }
  }
}
