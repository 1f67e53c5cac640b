// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.ModelOptions.Filter;
import org.elmo4j.weights.WeightStore;

/** Checks of tensors that all readers share. */
public final class Tensors {
  /** The most layers of a kind that options can state. */
  private static final int MAX_PARTS = 256;

  private Tensors() {}

  /**
   * Checks that every tensor of the model's structure exists with the right shape. It reads no
   * values.
   *
   * @throws ElmoException if one does not; the message names the first
   */
  public static void check(WeightStore store) {
    check(store.source(), store.options(), store.source(), store.shapes()::get);
  }

  /**
   * Checks that a file has all tensors of a model with the right shapes, and no more layers or
   * filters than the options state: such options are those of another model.
   *
   * @param optionsSource the origin of the options, for messages
   * @param shapeOf returns the shape of a tensor in the file, or null if it is missing
   * @return the shapes of the model's tensors in the file, in the order of the computation
   * @throws ElmoException if a tensor is missing or has another shape, or if there are more layers
   *     or filters
   */
  static Map<String, long[]> check(
      String source, ModelOptions options, String optionsSource, Function<String, long[]> shapeOf) {
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
    OptionsJson.checkSizes(options, found(options, shapeOf), optionsSource);
    return Collections.unmodifiableMap(expected);
  }

  /** The options, with the number of layers and filters that the file has. */
  private static ModelOptions found(ModelOptions options, Function<String, long[]> shapeOf) {
    Predicate<String> has = name -> shapeOf.apply(name) != null;
    List<Filter> filters = new ArrayList<>(options.filters());
    int count = count(filters.size(), i -> has.test(TensorNames.filter(i)));
    for (int i = filters.size(); i < count; i++) {
      long[] shape = shapeOf.apply(TensorNames.filter(i));
      boolean filter = shape.length == 4 && shape[1] <= options.maxCharactersPerToken();
      filters.add(filter ? new Filter((int) shape[1], (int) shape[3]) : new Filter(1, 1));
    }
    return options.toBuilder()
        .filters(filters)
        .highwayLayers(count(options.highwayLayers(), i -> has.test(TensorNames.carry(i))))
        .lstmLayers(
            count(
                options.lstmLayers(),
                i -> has.test(TensorNames.gates(0, i)) || has.test(TensorNames.gates(1, i))))
        .build();
  }

  /** The number of parts of a kind, of which {@code known} are known to exist. */
  private static int count(int known, IntPredicate has) {
    int count = known;
    while (count < MAX_PARTS && has.test(count)) {
      count++;
    }
    return count;
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
