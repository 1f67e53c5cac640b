// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DtypeTest {
  /** A finite binary16 by its definition. */
  private static double value(int half) {
    int exponent = half >> 10 & 0x1F;
    int fraction = half & 0x3FF;
    double magnitude =
        exponent == 0
            ? fraction * Math.pow(2, -24)
            : (1 + fraction / 1024.0) * Math.pow(2, exponent - 15);
    return (half & 0x8000) == 0 ? magnitude : -magnitude;
  }

  @Test
  void everyHalfBecomesItsValueAndComesBack() {
    for (int half = 0; half < 0x10000; half++) {
      float got = Dtype.halfToFloat((short) half);
      if ((half & 0x7C00) == 0x7C00) {
        if ((half & 0x3FF) == 0) {
          assertEquals(half == 0x7C00 ? Float.POSITIVE_INFINITY : Float.NEGATIVE_INFINITY, got);
        } else {
          assertTrue(Float.isNaN(got));
          assertTrue(Float.isNaN(Dtype.halfToFloat(Dtype.floatToHalf(got))));
          continue;
        }
      } else {
        assertEquals(value(half), got, 0.0, Integer.toHexString(half));
        assertEquals(half >> 15 != 0, 1 / got < 0, "the sign of zero too");
      }
      assertEquals((short) half, Dtype.floatToHalf(got), Integer.toHexString(half));
    }
  }

  @Test
  void floatsBetweenTwoHalvesGoToTheNearestAndTiesToEven() {
    for (int half = 0; half < 0x7BFF; half++) {
      float low = Dtype.halfToFloat((short) half);
      float high = Dtype.halfToFloat((short) (half + 1));
      float middle = (low + high) / 2; // exact
      int even = (half & 1) == 0 ? half : half + 1;
      assertEquals((short) even, Dtype.floatToHalf(middle));
      assertEquals((short) (even | 0x8000), Dtype.floatToHalf(-middle));
      assertEquals((short) half, Dtype.floatToHalf(Math.nextDown(middle)));
      assertEquals((short) (half + 1), Dtype.floatToHalf(Math.nextUp(middle)));
    }
  }

  @Test
  void theEdgesOfHalfAreExact() {
    assertEquals(0x7BFF, Dtype.floatToHalf(65504f));
    assertEquals(0x7BFF, Dtype.floatToHalf(Math.nextDown(65520f)));
    assertEquals(0x7C00, Dtype.floatToHalf(65520f));
    assertEquals(0x7C00, Dtype.floatToHalf(Float.MAX_VALUE));
    assertEquals((short) 0xFC00, Dtype.floatToHalf(Float.NEGATIVE_INFINITY));
    assertEquals(0, Dtype.floatToHalf(Float.MIN_VALUE));
    assertEquals(0, Dtype.floatToHalf(0x1p-25f));
    assertEquals(1, Dtype.floatToHalf(Math.nextUp(0x1p-25f)));
    assertEquals((short) 0x8000, Dtype.floatToHalf(-0.0f));
    int nan = Dtype.floatToHalf(Float.intBitsToFloat(0x7F800001));
    assertTrue((nan & 0x7C00) == 0x7C00 && (nan & 0x3FF) != 0);
  }

  @Test
  void bfloatRoundsToTheNearestAndTiesToEven() {
    Random random = new Random(3);
    for (int n = 0; n < 200_000; n++) {
      float value = Float.intBitsToFloat(random.nextInt());
      short got = Dtype.floatToBfloat(value);
      float back = Float.intBitsToFloat(got << 16);
      if (Float.isNaN(value)) {
        assertTrue(Float.isNaN(back));
      } else if (Float.isFinite(back)) {
        int low = Float.floatToRawIntBits(value) & 0xFFFF0000;
        double down = Float.intBitsToFloat(low);
        double up = Float.intBitsToFloat(low + 0x10000);
        double wanted =
            value - down == up - value
                ? ((low & 0x10000) == 0 ? down : up)
                : Math.abs(value - down) < Math.abs(up - value) ? down : up;
        assertEquals(wanted, back, 0.0);
      }
    }
    assertEquals(0x7F80, Dtype.floatToBfloat(Float.MAX_VALUE));
    assertEquals(0x3F80, Dtype.floatToBfloat(1 + 0x1p-8f));
    assertEquals(0x3F82, Dtype.floatToBfloat(1 + 3 * 0x1p-8f));
    assertTrue(
        Float.isNaN(
            Float.intBitsToFloat(Dtype.floatToBfloat(Float.intBitsToFloat(0x7F800001)) << 16)));
  }

  @Test
  void encodeRefusesWhatIsTooLargeAndWritesNothing() {
    ByteBuffer bytes = ByteBuffer.allocate(8);
    assertFalse(Dtype.F16.encode(65520f, bytes));
    assertFalse(Dtype.F16.encode(-1e30f, bytes));
    assertFalse(Dtype.BF16.encode(Float.MAX_VALUE, bytes));
    assertEquals(0, bytes.position());
    assertTrue(Dtype.F32.encode(Float.MAX_VALUE, bytes));
    assertTrue(Dtype.F16.encode(65504f, bytes));
    assertTrue(Dtype.BF16.encode(1e38f, bytes));
    assertEquals(8, bytes.position());
  }

  @Test
  void eachTypeDecodesWhatItEncodes() {
    float[] values = {0, 1, -1.5f, 0.25f, 96, -0x1p-14f};
    for (Dtype dtype : Dtype.values()) {
      ByteBuffer bytes = ByteBuffer.allocate(values.length * dtype.bytes());
      for (float value : values) {
        assertTrue(dtype.encode(value, bytes));
      }
      FloatBuffer back = FloatBuffer.allocate(values.length);
      dtype.decode(bytes.flip(), back);
      assertEquals(FloatBuffer.wrap(values), back.flip(), dtype.name());
      assertFalse(bytes.hasRemaining());
    }
  }
}
