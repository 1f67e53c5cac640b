// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.nio.FloatBuffer;
import org.elmo4j.internal.model.TensorNames;
import org.elmo4j.weights.ModelOptions;

/**
 * Matrices as integers from -127 to 127 with a scale for each column of each block of rows. They
 * have the same bits as the 8-bit weights of the CPU kernels (native/cpu/product_int8.h). A scale
 * has 16 significant bits, so the product of an integer and its scale is exactly a float, and
 * quantising that float gives the same integer and scale again.
 */
final class Int8 {
  static final int MOST = 127;

  /** The suffix of the name of a tensor's scales. */
  static final String SCALE = ".scale";

  private Int8() {}

  /**
   * The number of row blocks with separate scales: two for the gates of an LSTM (the rows for x and
   * the rows for h), one for its projection, and 0 for tensors that are not quantised.
   */
  static int blocks(ModelOptions options, String name) {
    for (int layer = 0; layer < options.lstmLayers(); layer++) {
      for (int direction = 0; direction < 2; direction++) {
        if (name.equals(TensorNames.gates(direction, layer))) {
          return 2;
        }
        if (name.equals(TensorNames.lstmProjection(direction, layer))) {
          return 1;
        }
      }
    }
    return 0;
  }

  /** The scales [blocks, columns] of values [rows, columns]. */
  static float[] scales(FloatBuffer values, int columns, int blocks) {
    int block = values.remaining() / columns / blocks * columns;
    float[] scales = new float[blocks * columns];
    for (int i = 0; i < values.remaining(); i++) {
      int at = i / block * columns + i % columns;
      scales[at] = Math.max(scales[at], Math.abs(values.get(values.position() + i)));
    }
    for (int i = 0; i < scales.length; i++) {
      scales[i] = scale(scales[i]);
    }
    return scales;
  }

  /** The scale for numbers whose largest magnitude is {@code most}. */
  static float scale(float most) {
    return most < 1e-30f
        ? 0
        : Float.intBitsToFloat(Float.floatToRawIntBits(most / MOST) + 0xFF & 0xFFFFFF00);
  }

  static byte quantise(float value, float scale) {
    return scale == 0 ? 0 : (byte) Math.rint(value / scale);
  }
}
