// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Tests reading and copying the numbers of tensors. */
class TensorTest {
  private static Embeddings embeddings;
  private static Tensor tensor;
  private static float[] values;

  @BeforeAll
  static void embed() {
    try (ElmoModel model = Models.random(Models.TINY, 1)) {
      embeddings = model.embed(List.of(List.of("a", "b", "c"), List.of("d")), Layer.ELMO);
    }
    tensor = embeddings.get(Layer.ELMO);
    values = tensor.toArray();
  }

  @AfterAll
  static void close() {
    embeddings.close();
    embeddings = null;
    tensor = null;
  }

  @Test
  void allWaysToReadGiveTheSameNumbersRowMajor() {
    assertArrayEquals(new long[] {2, 3, 10}, tensor.shape());
    assertEquals(3, tensor.shape(1));
    assertEquals(60, tensor.size());
    assertEquals(60, values.length);
    FloatBuffer buffer = tensor.floatBuffer();
    assertTrue(buffer.isReadOnly() && buffer.isDirect());
    assertEquals(ByteOrder.nativeOrder(), buffer.order());
    assertEquals(60, buffer.remaining());
    for (int s = 0; s < 2; s++) {
      for (int t = 0; t < 3; t++) {
        float[] row = tensor.slice(s).slice(t).toArray();
        FloatBuffer slice = tensor.slice(s).slice(t).floatBuffer();
        for (int n = 0; n < 10; n++) {
          float wanted = values[(s * 3 + t) * 10 + n];
          assertEquals(wanted, tensor.get(s, t, n));
          assertEquals(wanted, tensor.slice(s).slice(t).slice(n).get());
          assertEquals(wanted, row[n]);
          assertEquals(wanted, slice.get(n));
          assertEquals(wanted, buffer.get());
        }
      }
    }
  }

  @Test
  void copiesGoIntoBuffersOfAnyKindFromTheirPositionOn() {
    List<FloatBuffer> targets =
        List.of(
            FloatBuffer.allocate(70),
            FloatBuffer.wrap(new float[100], 20, 75).slice(),
            ByteBuffer.allocateDirect(280).order(ByteOrder.nativeOrder()).asFloatBuffer(),
            ByteBuffer.allocateDirect(280).order(ByteOrder.BIG_ENDIAN).asFloatBuffer(),
            ByteBuffer.allocate(280).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer());
    for (FloatBuffer target : targets) {
      int limit = target.limit();
      target.position(3);
      tensor.copyTo(target);
      assertEquals(63, target.position());
      assertEquals(limit, target.limit());
      float[] read = new float[60];
      target.position(3).get(read);
      assertArrayEquals(values, read);
      assertEquals(0, target.get(2));
      assertEquals(0, target.get(63));
      target.position(0);
      embeddings.get(Layer.ELMO, 1).copyTo(target);
      assertEquals(10, target.position());
      assertEquals(values[39], target.get(9));
    }
  }

  @Test
  void aBufferThatCannotTakeACopyIsRefused() {
    FloatBuffer small = FloatBuffer.allocate(60).position(1);
    String message = assertThrows(ElmoException.class, () -> tensor.copyTo(small)).getMessage();
    assertEquals("target: expected room for 60 numbers of [2, 3, 10], found 59", message);
    assertEquals(1, small.position());
    FloatBuffer readOnly = FloatBuffer.allocate(60).asReadOnlyBuffer();
    assertThrows(ElmoException.class, () -> tensor.copyTo(readOnly));
    assertThrows(ElmoException.class, () -> tensor.copyTo(null));
  }

  @Test
  void aSentencesViewEndsWithItsLastToken() {
    Tensor sentence = embeddings.get(Layer.ELMO, 1);
    assertArrayEquals(new long[] {1, 10}, sentence.shape());
    assertEquals(10, sentence.floatBuffer().remaining());
    assertThrows(IndexOutOfBoundsException.class, () -> sentence.get(1, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> sentence.slice(1));
  }

  @Test
  void theShapeHandedOutIsACopy() {
    tensor.shape()[0] = 99;
    assertArrayEquals(new long[] {2, 3, 10}, tensor.shape());
  }

  @Test
  void indicesOutsideAreRefused() {
    for (long[] index :
        new long[][] {{2, 0, 0}, {0, 3, 0}, {0, 0, 10}, {-1, 0, 0}, {0, 0}, {0, 0, 0, 0}, {}}) {
      assertThrows(IndexOutOfBoundsException.class, () -> tensor.get(index));
    }
    assertThrows(IndexOutOfBoundsException.class, () -> tensor.slice(2));
    assertThrows(IndexOutOfBoundsException.class, () -> tensor.slice(-1));
    assertThrows(IndexOutOfBoundsException.class, () -> tensor.slice(0).slice(0).slice(0).slice(0));
  }
}
