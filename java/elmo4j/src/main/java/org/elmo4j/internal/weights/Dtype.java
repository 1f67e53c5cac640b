// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;

/** The number formats of files, with the names of safetensors. */
public enum Dtype {
  /** IEEE 754 binary16: 5 bits of exponent, 10 of fraction. */
  F16(2, 0x7C00),
  /** The upper half of a 32-bit float: 8 bits of exponent, 7 of fraction. */
  BF16(2, 0x7F80),
  /** IEEE 754 binary32. */
  F32(4, 0x7F800000),
  /** IEEE 754 binary64. */
  F64(8, Double.doubleToRawLongBits(0x1.ffffffp127));

  /** The numbers that are converted at a time. */
  private static final int BLOCK = 2048;

  private final int bytes;

  /** A mask of the sign bits of all numbers in 8 bytes. */
  private final long signs;

  /**
   * An addend for each number in 8 bytes that carries into its sign bit if the number is not a
   * finite 32-bit float.
   */
  private final long carries;

  /**
   * @param bytes the size of a number
   * @param limit the bits of the smallest magnitude that does not round to a finite 32-bit float
   */
  Dtype(int bytes, long limit) {
    this.bytes = bytes;
    long sign = 1L << 8 * bytes - 1;
    long each = 0;
    for (int at = 0; at < Long.SIZE; at += 8 * bytes) {
      each |= 1L << at;
    }
    this.signs = each * sign;
    this.carries = each * (sign - limit);
  }

  /** The size of a number in bytes. */
  public int bytes() {
    return bytes;
  }

  /**
   * Whether all numbers of {@code from}, in its byte order, become finite 32-bit floats. It checks
   * 8 bytes at a time, and also returns false if the size is not a multiple of 8.
   */
  boolean areFinite(ByteBuffer from) {
    LongBuffer longs = from.asLongBuffer();
    int count = longs.limit();
    long found = 0;
    for (int i = 0; i < count; i++) {
      found |= (longs.get(i) & ~signs) + carries;
    }
    return (found & signs) == 0 && from.remaining() % Long.BYTES == 0;
  }

  /** Copies numbers to {@code to}, by way of arrays, which are read and written faster. */
  private void widen(ShortBuffer from, int count, FloatBuffer to) {
    short[] halves = new short[Math.min(count, BLOCK)];
    float[] floats = new float[halves.length];
    float[] values = this == F16 ? Halves.VALUES : null;
    for (int first = 0; first < count; first += BLOCK) {
      int n = Math.min(count - first, BLOCK);
      from.get(first, halves, 0, n);
      for (int i = 0; i < n; i++) {
        floats[i] =
            values != null ? values[halves[i] & 0xFFFF] : Float.intBitsToFloat(halves[i] << 16);
      }
      to.put(to.position() + first, floats, 0, n);
    }
  }

  /** Moves all numbers of {@code from}, in its byte order, to {@code to}. */
  void decode(ByteBuffer from, FloatBuffer to) {
    int count = from.remaining() / bytes;
    int at = to.position();
    switch (this) {
      case F32 -> to.put(at, from.asFloatBuffer(), 0, count);
      case F16, BF16 -> widen(from.asShortBuffer(), count, to);
      case F64 -> {
        DoubleBuffer numbers = from.asDoubleBuffer();
        for (int i = 0; i < count; i++) {
          to.put(at + i, (float) numbers.get(i));
        }
      }
    }
    to.position(at + count);
    from.position(from.position() + count * bytes);
  }

  /**
   * Writes a number, rounded to the nearest, ties to even.
   *
   * @return false, and nothing is written, if it is finite but too large
   */
  boolean encode(float value, ByteBuffer to) {
    switch (this) {
      case F32 -> to.putFloat(value);
      case F64 -> to.putDouble(value);
      case F16, BF16 -> {
        short bits = this == F16 ? floatToHalf(value) : floatToBfloat(value);
        int infinity = this == F16 ? 0x7C00 : 0x7F80;
        if ((bits & 0x7FFF) == infinity && Float.isFinite(value)) {
          return false;
        }
        to.putShort(bits);
      }
    }
    return true;
  }

  /**
   * Converts a binary16 to a 32-bit float. The conversion is exact, and NaNs keep sign and payload.
   */
  static float halfToFloat(short half) {
    int sign = (half & 0x8000) << 16;
    int exponent = half >> 10 & 0x1F;
    int fraction = half & 0x3FF;
    if (exponent == 0) {
      // Subnormal: a multiple of 2^-24, and zero.
      return Math.copySign(fraction * 0x1p-24f, Float.intBitsToFloat(sign | 0x3F800000));
    }
    int wide = exponent == 0x1F ? 0xFF : exponent - 15 + 127;
    return Float.intBitsToFloat(sign | wide << 23 | fraction << 13);
  }

  /** The nearest binary16, ties to even; infinity from 65520 on; NaNs stay NaNs. */
  static short floatToHalf(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = bits >>> 16 & 0x8000;
    int magnitude = bits & 0x7FFFFFFF;
    int half;
    if (magnitude > 0x7F800000) {
      half = 0x7E00 | magnitude >> 13 & 0x3FF;
    } else if (magnitude >= 0x477FF000) { // 65520 = (65504 + 65536) / 2
      half = 0x7C00;
    } else if (magnitude >= 0x38800000) { // 2^-14, the least normal half
      // Adding just under half a unit, plus the last bit kept, rounds to even; a carry runs into
      // the exponent as it must.
      half = magnitude - (127 - 15 << 23) + 0xFFF + (magnitude >> 13 & 1) >> 13;
    } else {
      // Subnormal: the float's own addition rounds to a multiple of 2^-24, which is the unit in the
      // last place of 0.5.
      half = Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) + 0.5f) - 0x3F000000;
    }
    return (short) (sign | half);
  }

  /** The nearest bfloat16, ties to even; NaNs stay NaNs. */
  static short floatToBfloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
  }

  /** A table of the 32-bit float of each binary16. A lookup is faster than {@link #halfToFloat}. */
  private static final class Halves {
    static final float[] VALUES = new float[1 << Short.SIZE];

    static {
      for (int half = 0; half < VALUES.length; half++) {
        VALUES[half] = halfToFloat((short) half);
      }
    }
  }
}
