// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.nio.FloatBuffer;
import java.util.Collections;
import java.util.SplittableRandom;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.internal.model.TensorShapes;
import org.elmo4j.weights.ModelOptions;

/**
 * An untrained model of any structure, for tests and measurements. The same structure and seed give
 * the same numbers on every machine. Numbers are generated when they are read, with a spread that
 * keeps activations from vanishing or exploding. Thread-safe.
 */
public final class RandomWeights extends ModelStore {
  /** The published sizes: Peters et al. 2018, and the table at allennlp.org/elmo. */
  public enum Size {
    SMALL(ModelOptions.small()),
    MEDIUM(ModelOptions.medium()),
    ORIGINAL(ModelOptions.original());

    private final ModelOptions options;

    Size(ModelOptions options) {
      this.options = options;
    }

    /** The structure of the model of this size. */
    public ModelOptions options() {
      return options;
    }
  }

  private final long seed;

  /** Makes weights of the given structure. */
  public RandomWeights(ModelOptions options, long seed) {
    super("random weights of seed " + seed);
    this.options = options;
    this.seed = seed;
    this.shapes = Collections.unmodifiableMap(TensorShapes.of(options));
  }

  @Override
  public void read(String name, FloatBuffer target) {
    int count = Tensors.room(this, name, target);
    SplittableRandom random = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + name.hashCode());
    double bound = bound(name, shapes.get(name));
    for (int i = 0; i < count; i++) {
      target.put((float) (bound * (2 * random.nextDouble() - 1)));
    }
  }

  /** The bound for a matrix: a variance of 1 / inputs, which keeps the scale of its input. */
  private static double bound(String name, long[] shape) {
    if (name.equals(TensorNames.CHAR_EMBED)) {
      return 1;
    }
    if (shape.length == 1) {
      return 0.1;
    }
    long inputs = TensorShapes.count(shape) / shape[shape.length - 1];
    return Math.sqrt(3.0 / inputs);
  }

  @Override
  public void close() {}
}
