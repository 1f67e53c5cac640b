// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Views of native numbers. */
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
