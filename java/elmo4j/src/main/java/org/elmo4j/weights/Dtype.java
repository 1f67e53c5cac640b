// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.weights;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/** How a file holds a number, under safetensors' names. */
public enum Dtype {
  /** IEEE 754 binary16: 5 bits of exponent, 10 of fraction. */
  F16(2),
  /** The upper half of a 32-bit float: 8 bits of exponent, 7 of fraction. */
  BF16(2),
  /** IEEE 754 binary32. */
  F32(4),
  /** IEEE 754 binary64. */
  F64(8);

  private final int bytes;

  Dtype(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes a number takes. */
  public int bytes() {
    return bytes;
  }

  /** Moves all numbers of {@code from}, in its byte order, to {@code to}. */
  void decode(ByteBuffer from, FloatBuffer to) {
    int count = from.remaining() / bytes;
    switch (this) {
      case F32 -> {
        to.put(from.asFloatBuffer());
        from.position(from.position() + count * bytes);
      }
      case F16 -> {
        for (int i = 0; i < count; i++) {
          to.put(halfToFloat(from.getShort()));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          to.put(Float.intBitsToFloat(from.getShort() << 16));
        }
      }
      case F64 -> {
        for (int i = 0; i < count; i++) {
          to.put((float) from.getDouble());
        }
      }
    }
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

  /** A binary16 as a 32-bit float, which holds each exactly; NaNs keep sign and payload. */
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
}
