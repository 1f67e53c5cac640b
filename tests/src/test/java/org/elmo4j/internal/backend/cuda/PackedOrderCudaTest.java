// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.elmo4j.internal.backend.Batch;
import org.junit.jupiter.api.Test;

/** Tests the order of a batch's rows on a CUDA device. No device is needed. */
class PackedOrderCudaTest {
  private static final Batch BATCH =
      new Batch(
          new int[] {7, 3, 5},
          new int[] {2, 1, 0},
          new int[] {0, 4, 6},
          new int[] {4, 2, 2},
          new int[] {10, 11, 12, 13, 20, 21, 30, 31});

  @Test
  void stepsLieOneBehindTheOtherAndShrinkAsSentencesEnd() {
    PackedOrder order = PackedOrder.of(BATCH, 0);
    assertEquals(4, order.steps());
    assertEquals(8, order.positions());
    assertArrayEquals(new int[] {3, 3, 1, 1}, order.rows());
    assertArrayEquals(new int[] {0, 3, 6, 7}, order.offset());
    assertArrayEquals(BATCH.length(), order.lengths());
    assertArrayEquals(new int[] {10, 20, 30, 11, 21, 31, 12, 13}, order.words()[0]);
    assertArrayEquals(new int[] {13, 21, 31, 12, 20, 30, 11, 10}, order.words()[1]);
  }

  @Test
  void aStepThatNobodyReadsHasNoRow() {
    PackedOrder order = PackedOrder.of(BATCH, 1);
    assertEquals(3, order.steps());
    assertEquals(5, order.positions());
    assertArrayEquals(new int[] {3, 1, 1}, order.rows());
    assertArrayEquals(new int[] {0, 3, 4}, order.offset());
    assertArrayEquals(new int[] {3, 1, 1}, order.lengths());
    assertArrayEquals(new int[] {10, 20, 30, 11, 12}, order.words()[0]);
    assertArrayEquals(new int[] {13, 21, 31, 12, 11}, order.words()[1]);
  }

  @Test
  void partsOfABatchAreBatches() {
    Batch part = BATCH.part(1, 3);
    assertArrayEquals(new int[] {3, 5}, part.sentence());
    assertArrayEquals(new int[] {1, 0}, part.stateRow());
    assertArrayEquals(new int[] {0, 2}, part.start());
    assertArrayEquals(new int[] {2, 2}, part.length());
    assertArrayEquals(new int[] {20, 21, 30, 31}, part.tokenRow());
  }
}
