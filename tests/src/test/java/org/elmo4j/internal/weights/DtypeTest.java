// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DtypeTest {
  /** Returns the value of a finite binary16 by the definition. */
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

  private static final List<ByteOrder> ORDERS =
      List.of(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN);

  /** Returns a buffer of zeros that begins at an odd address of a larger buffer. */
  private static ByteBuffer room(boolean direct, int bytes, ByteOrder order) {
    ByteBuffer all = direct ? ByteBuffer.allocateDirect(bytes + 4) : ByteBuffer.allocate(bytes + 4);
    return all.position(1).limit(1 + bytes).slice().order(order);
  }

  /**
   * Decodes {@code count} numbers and compares their bits, in both byte orders and with direct and
   * heap buffers.
   */
  private static void checkDecoded(Dtype dtype, int count, Filling filling, IntUnaryOperator bits) {
    for (ByteOrder order : ORDERS) {
      for (int way = 0; way < 4; way++) {
        ByteBuffer from = room((way & 1) == 0, count * dtype.bytes(), order);
        for (int i = 0; i < count; i++) {
          filling.put(from, i * dtype.bytes(), i);
        }
        ByteBuffer target =
            (way & 2) == 0
                ? ByteBuffer.allocateDirect(4 * count + 12).order(ByteOrder.nativeOrder())
                : ByteBuffer.allocate(4 * count + 12);
        FloatBuffer to = target.asFloatBuffer().position(2);
        dtype.decode(from, to);
        assertEquals(2 + count, to.position());
        assertFalse(from.hasRemaining());
        assertEquals(0, target.getLong(0));
        assertEquals(0, target.getInt(4 * count + 8));
        for (int i = 0; i < count; i++) {
          int at = i;
          assertEquals(
              bits.applyAsInt(i), target.getInt(4 * i + 8), () -> dtype + " " + order + " " + at);
        }
      }
    }
  }

  private interface Filling {
    void put(ByteBuffer bytes, int at, int index);
  }

  @Test
  void decodingKeepsEveryBitOfHalvesAndBfloats() {
    checkDecoded(
        Dtype.F16,
        0x10000,
        (bytes, at, i) -> bytes.putShort(at, (short) i),
        i ->
            (i & 0x7C00) == 0x7C00
                ? (i & 0x8000) << 16 | 0x7F800000 | (i & 0x3FF) << 13 // NaNs keep their payload
                : (i & 0x8000) << 16 | Float.floatToRawIntBits((float) value(i & 0x7FFF)));
    checkDecoded(
        Dtype.BF16, 0x10000, (bytes, at, i) -> bytes.putShort(at, (short) i), i -> i << 16);
  }

  /** Bits of zeros, subnormals, the largest numbers, infinities and NaNs. */
  private static final int[] FLOATS = {
    0,
    0x80000000,
    1,
    0x807FFFFF,
    0x00800000,
    0x3F800000,
    0x7F7FFFFF,
    0xFF7FFFFF,
    0x7F800000,
    0xFF800000,
    0x7F800001,
    0xFFC12345,
    0x7FFFFFFF
  };

  @Test
  void decodingKeepsEveryBitOfFloats() {
    checkDecoded(
        Dtype.F32, FLOATS.length, (bytes, at, i) -> bytes.putInt(at, FLOATS[i]), i -> FLOATS[i]);
  }

  /** Doubles near the limits of a 32-bit float, and the values that they are rounded to. */
  private static final double[][] DOUBLES = {
    {0, 0},
    {-0.0, -0.0},
    {Double.MIN_VALUE, 0},
    {-0x1p-150, -0.0},
    {Math.nextUp(0x1p-150), Float.MIN_VALUE},
    {0x1p-149, Float.MIN_VALUE},
    {0x1.000002p-126, 0x1.000002p-126},
    {1 + 0x1p-24, 1},
    {-(1 + 3 * 0x1p-24), -(1 + 0x1p-22)},
    {Float.MAX_VALUE, Float.MAX_VALUE},
    {Math.nextDown(0x1.ffffffp127), Float.MAX_VALUE},
    {0x1.ffffffp127, Float.POSITIVE_INFINITY},
    {-0x1p128, Float.NEGATIVE_INFINITY},
    {Double.MAX_VALUE, Float.POSITIVE_INFINITY},
    {Double.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY}
  };

  @Test
  void decodingRoundsDoubles() {
    checkDecoded(
        Dtype.F64,
        DOUBLES.length,
        (bytes, at, i) -> bytes.putDouble(at, DOUBLES[i][0]),
        i -> Float.floatToRawIntBits((float) DOUBLES[i][1]));
    FloatBuffer got = FloatBuffer.allocate(2);
    ByteBuffer nans = ByteBuffer.allocate(16).putLong(0x7FF0000000000001L).putLong(-1).flip();
    Dtype.F64.decode(nans, got);
    assertTrue(Float.isNaN(got.get(0)) && Float.isNaN(got.get(1)));
  }

  @Test
  void everyCountOfNumbersIsDecoded() {
    for (Dtype dtype : Dtype.values()) {
      for (int count = 0; count < 20; count++) {
        checkDecoded(
            dtype,
            count,
            (bytes, at, i) ->
                dtype.encode(i - 5, bytes.duplicate().order(bytes.order()).position(at)),
            i -> Float.floatToRawIntBits(i - 5));
      }
    }
    // Bytes that do not fill a number are left.
    ByteBuffer odd = ByteBuffer.allocate(7);
    Dtype.F32.decode(odd, FloatBuffer.allocate(2));
    assertEquals(3, odd.remaining());
  }

  private static void put(ByteBuffer bytes, int index, Dtype dtype, long bits) {
    switch (dtype.bytes()) {
      case 2 -> bytes.putShort(2 * index, (short) bits);
      case 4 -> bytes.putInt(4 * index, (int) bits);
      default -> bytes.putLong(8 * index, bits);
    }
  }

  /**
   * Tests each number at each place in 8 bytes. The other numbers are {@code beside}, the finite
   * number whose bits are nearest to those of infinity.
   */
  private static void checkFinite(Dtype dtype, long beside, LongStream numbers) {
    int each = Long.BYTES / dtype.bytes();
    numbers.forEach(
        bits -> {
          for (ByteOrder order : ORDERS) {
            ByteBuffer bytes = ByteBuffer.allocate(16).order(order);
            for (int i = 0; i < 2 * each; i++) {
              put(bytes, i, dtype, beside);
            }
            for (int i = 0; i < each; i++) {
              put(bytes, each + i, dtype, bits);
              FloatBuffer values = FloatBuffer.allocate(2 * each);
              dtype.decode(bytes.duplicate().order(order), values);
              assertTrue(Float.isFinite(values.get(0)));
              assertEquals(
                  Float.isFinite(values.get(each + i)),
                  dtype.areFinite(bytes),
                  () -> dtype + " " + order + " " + Long.toHexString(bits));
              put(bytes, each + i, dtype, beside);
            }
            assertEquals(0, bytes.position());
          }
        });
  }

  @Test
  void theQuickCheckFindsAllThatIsNotFinite() {
    checkFinite(Dtype.F16, 0xFBFF, LongStream.range(0, 0x10000));
    checkFinite(Dtype.BF16, 0xFF7F, LongStream.range(0, 0x10000));
    checkFinite(
        Dtype.F32,
        0xFF7FFFFFL,
        IntStream.of(FLOATS).flatMap(i -> IntStream.of(i, i ^ 0x80000000)).asLongStream());
    checkFinite(
        Dtype.F64,
        Double.doubleToRawLongBits(Math.nextUp(-0x1.ffffffp127)),
        LongStream.concat(
            Stream.of(DOUBLES)
                .flatMapToDouble(pair -> DoubleStream.of(pair[0], -pair[0]))
                .mapToLong(Double::doubleToRawLongBits),
            LongStream.of(-1, Long.MAX_VALUE, 0x7FF0000000000001L, 0xFFF8000000000000L)));
  }

  @Test
  void theQuickCheckIsNotSureOfAnOddRest() {
    for (int bytes = 0; bytes <= 24; bytes++) {
      assertEquals(bytes % 8 == 0, Dtype.F16.areFinite(ByteBuffer.allocate(bytes)));
    }
  }
}
