// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import static org.elmo4j.internal.weights.TinyModel.assertContains;
import static org.elmo4j.internal.weights.TinyModel.failure;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DataFileTest {
  /** The offset at which the tensor begins, which is odd. */
  private static final int START = 5;

  @TempDir Path dir;

  /** Returns a store with one tensor, "t". */
  private static WeightStore store(int count) {
    return new WeightStore() {
      @Override
      public String source() {
        return "s";
      }

      @Override
      public ModelOptions options() {
        return TinyModel.options(2);
      }

      @Override
      public Map<String, long[]> shapes() {
        return Map.of("t", new long[] {count});
      }

      @Override
      public void read(String name, FloatBuffer target) {
        throw new UnsupportedOperationException();
      }

      @Override
      public void close() {}
    };
  }

  private static float value(int i) {
    return (i % 129 - 64) / 64f;
  }

  private static ByteBuffer bytes(int count, Dtype dtype, ByteOrder order) {
    ByteBuffer bytes = ByteBuffer.allocate(START + count * dtype.bytes()).order(order);
    bytes.position(START);
    for (int i = 0; i < count; i++) {
      dtype.encode(value(i), bytes);
    }
    return bytes.flip();
  }

  private Path file(ByteBuffer bytes) throws IOException {
    return Files.write(dir.resolve("data"), bytes.array());
  }

  private static FloatBuffer read(DataFile data, int count, Dtype dtype, ByteOrder order) {
    FloatBuffer target = FloatBuffer.allocate(count);
    data.readTensor(store(count), "t", START, dtype, order, target);
    assertEquals(0, target.remaining());
    return target;
  }

  @ParameterizedTest
  @EnumSource(Dtype.class)
  void tensorsOfAnySizeAndByteOrderAreRead(Dtype dtype) throws IOException {
    int piece = DataFile.PIECE / dtype.bytes();
    for (ByteOrder order : List.of(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)) {
      ByteBuffer bytes = bytes(2 * piece + 3, dtype, order);
      try (DataFile inFile = DataFile.open(file(bytes));
          DataFile inMemory = DataFile.of(bytes)) {
        for (DataFile data : List.of(inFile, inMemory)) {
          // A large tensor comes first; nothing of it may be left in a smaller one.
          for (int count : new int[] {2 * piece + 3, 1, piece - 1, piece, piece + 1, 7, 0}) {
            FloatBuffer got = read(data, count, dtype, order);
            for (int i = 0; i < count; i++) {
              assertEquals(value(i), got.get(i), 0f);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Dtype.class)
  void whatIsNotFiniteIsNamedInEveryPiece(Dtype dtype) throws IOException {
    int piece = DataFile.PIECE / dtype.bytes();
    int count = 2 * piece + 1;
    for (int at : new int[] {0, piece - 1, piece, 2 * piece - 1, 2 * piece}) {
      for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
        ByteBuffer bytes = bytes(count, dtype, ByteOrder.LITTLE_ENDIAN);
        dtype.encode(bad, bytes.position(START + at * dtype.bytes()));
        try (DataFile data = DataFile.open(file(bytes))) {
          assertEquals(
              "s: tensor t [" + at + "]: expected a finite 32-bit float, found " + bad,
              failure(() -> read(data, count, dtype, ByteOrder.LITTLE_ENDIAN)));
        }
      }
    }
  }

  @Test
  void aFileCutShortAfterItWasOpenedIsRefused() throws IOException {
    int count = DataFile.PIECE;
    ByteBuffer bytes = bytes(count, Dtype.F32, ByteOrder.LITTLE_ENDIAN);
    Path file = file(bytes);
    try (DataFile data = DataFile.open(file)) {
      read(data, count, Dtype.F32, ByteOrder.LITTLE_ENDIAN);
      for (long left : new long[] {bytes.capacity() - 1, DataFile.PIECE + 3, START, 0}) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.truncate(left);
        }
        assertContains(
            "s: tensor t: expected its values, found \"the file ended at "
                + Math.max(left, START)
                + " of "
                + bytes.capacity(),
            failure(() -> read(data, count, Dtype.F32, ByteOrder.LITTLE_ENDIAN)));
      }
      // Once the file is complete again, it can be read.
      Files.write(file, bytes.array());
      assertEquals(
          value(count - 1),
          read(data, count, Dtype.F32, ByteOrder.LITTLE_ENDIAN).get(count - 1),
          0f);
    }
  }

  @Test
  void whatTheFileDoesNotHoldIsRefusedAtOnce() throws IOException {
    try (DataFile data = DataFile.open(file(bytes(2, Dtype.F32, ByteOrder.LITTLE_ENDIAN)));
        DataFile empty = DataFile.of(ByteBuffer.allocate(0))) {
      assertContains(
          "s: tensor t: expected its values, found \"no 12 bytes at 5 of 13\"",
          failure(() -> read(data, 3, Dtype.F32, ByteOrder.LITTLE_ENDIAN)));
      assertThrows(
          EOFException.class,
          () ->
              empty.forEachPiece(
                  0,
                  1,
                  piece -> {
                    throw new AssertionError();
                  }));
      empty.forEachPiece(
          0,
          0,
          piece -> {
            throw new AssertionError();
          });
      assertThrows(EOFException.class, () -> data.forEachPiece(-1, 1, piece -> {}));
      assertThrows(EOFException.class, () -> data.forEachPiece(14, 14, piece -> {}));
    }
  }
}
