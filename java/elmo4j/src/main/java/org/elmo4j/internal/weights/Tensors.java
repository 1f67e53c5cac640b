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

/** Checks of tensors that all readers share. */
public final class Tensors {
  private Tensors() {}

  /**
   * Checks that every tensor of the model's structure exists with the right shape. It reads no
   * values.
   *
   * @throws ElmoException if one does not; the message names the first
   */
  public static void check(WeightStore store) {
    check(store.source(), store.options(), store.shapes()::get);
  }

  /**
   * Checks that a file has all tensors of a model with the right shapes.
   *
   * @param shapeOf returns the shape of a tensor in the file, or null if it is missing
   * @return the shapes of the model's tensors in the file, in the order of the computation
   * @throws ElmoException if a tensor is missing or has another shape
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
   * Whether the LSTM layers of a model have no projections. bilm-tf makes none if the number of
   * cells equals the projection dimension, and then does not clip. Identity matrices take their
   * place.
   *
   * @param has returns whether a tensor is in the file
   */
  static boolean lackLstmProjections(ModelOptions options, Predicate<String> has) {
    return options.lstmDim() == options.projectionDim()
        && IntStream.range(0, 2 * options.lstmLayers())
            .noneMatch(i -> has.test(TensorNames.lstmProjection(i % 2, i / 2)));
  }

  /** Implements {@link WeightStore#read} for a missing projection. */
  static void readIdentity(WeightStore store, String name, FloatBuffer target) {
    int count = room(store, name, target);
    int size = store.options().projectionDim();
    for (int i = 0; i < count; i++) {
      target.put(i / size == i % size ? 1 : 0);
    }
  }

  /**
   * The number of elements that {@link WeightStore#read} will write. Throws if they do not fit into
   * the target.
   */
  static int room(WeightStore store, String name, FloatBuffer target) {
    int count = (int) TensorShapes.count(store.shape(name));
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
   * Makes the exception for element {@code at} of a tensor, which is not a number of the {@code
   * expected} kind.
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
   * Checks numbers that were just written to {@code target}.
   *
   * @param from the index of the first in {@code target}
   * @param at the index of the first in the tensor
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
