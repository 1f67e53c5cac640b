// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.backend.Memory;

/**
 * A view of numbers in the memory of a device: 32-bit floats, row-major, not copied. It belongs to
 * the {@link Embeddings} that it came from, and its methods throw {@link IllegalStateException}
 * once those are closed. Thread-safe: any number of threads may read it.
 */
public final class Tensor {
  private final Memory memory;
  private final long offset;
  private final long[] shape;

  /** A view of {@code memory} from float {@code offset} on. */
  Tensor(Memory memory, long offset, long... shape) {
    this.memory = memory;
    this.offset = offset;
    this.shape = shape;
  }

  /** The sizes of the dimensions, the outermost first, as a copy. */
  public long[] shape() {
    return shape.clone();
  }

  /** The size of one dimension. */
  public long shape(int dimension) {
    return shape[dimension];
  }

  /** The number of elements. */
  public long size() {
    long size = 1;
    for (long n : shape) {
      size *= n;
    }
    return size;
  }

  /** The device whose memory holds the numbers. */
  public Device device() {
    return memory.device();
  }

  /**
   * The address of the first number in the memory of the device, for native or CUDA code of the
   * caller. It is valid until the embeddings are closed. Work that the caller has queued on {@link
   * #stream} before that is completed before the memory is freed. Work on other streams must be
   * complete before the embeddings are closed.
   *
   * @throws IllegalStateException after the embeddings were closed
   */
  public long devicePointer() {
    return memory.address() + offset * Float.BYTES;
  }

  /**
   * The address of the CUDA stream that the memory belongs to, a {@code cudaStream_t}; 0 on the
   * CPU. The caller need not wait for the stream: the numbers are complete when the tensor is
   * returned.
   */
  public long stream() {
    return memory.stream();
  }

  /**
   * Copies the numbers into a heap or direct buffer, starting at its position, and advances the
   * position. Unlike {@link #floatBuffer} this keeps no native memory alive, and one buffer can
   * serve for many results.
   *
   * @throws ElmoException if the buffer is null, read-only, or has fewer than {@link #size}
   *     elements remaining
   * @throws IllegalStateException after the embeddings were closed
   */
  public void copyTo(FloatBuffer target) {
    Arguments.require(target, "target");
    if (target.isReadOnly()) {
      throw new ElmoException("target: expected a buffer to write to, found a read-only one");
    }
    if (target.remaining() < size()) {
      throw new ElmoException(
          "target: expected room for "
              + size()
              + " numbers of "
              + Arrays.toString(shape)
              + ", found "
              + target.remaining());
    }
    int end = target.position() + (int) size();
    memory.copyTo(offset, target.duplicate().limit(end));
    target.position(end);
  }

  /**
   * Returns the numbers as a read-only direct buffer in native byte order. On the CPU this is the
   * memory itself, without a copy; for a CUDA device it is a copy in host memory. The memory stays
   * alive as long as the buffer, or one made from it, is reachable, even after the embeddings were
   * closed, and the garbage collector frees it some time later. Use this for a few results that you
   * keep. To read many results, use {@link #copyTo}, {@link #toArray} or {@link #get}, which keep
   * no memory alive.
   *
   * @throws IllegalStateException after the embeddings were closed
   * @throws ElmoException if there are more than 2^29 numbers, the most that a buffer can hold;
   *     read the sentences one by one instead
   */
  public FloatBuffer floatBuffer() {
    if (size() > Integer.MAX_VALUE / Float.BYTES) {
      throw new ElmoException(
          "tensor "
              + Arrays.toString(shape)
              + ": expected at most 2^29 numbers for one buffer, found "
              + size());
    }
    return memory.floats(offset, (int) size());
  }

  /**
   * One number. On a CUDA device each call copies one number to the host, so use {@link #toArray}
   * to read many.
   *
   * @param index one index for each dimension
   * @throws IllegalStateException after the embeddings were closed
   * @throws IndexOutOfBoundsException if an index is outside of its dimension
   */
  public float get(long... index) {
    Arguments.require(index, "index");
    if (index.length != shape.length) {
      throw new IndexOutOfBoundsException(
          "expected "
              + shape.length
              + " indices for "
              + Arrays.toString(shape)
              + ", found "
              + index.length);
    }
    long at = 0;
    for (int i = 0; i < index.length; i++) {
      if (index[i] < 0 || index[i] >= shape[i]) {
        throw new IndexOutOfBoundsException(
            "index " + Arrays.toString(index) + " is outside of " + Arrays.toString(shape));
      }
      at = at * shape[i] + index[i];
    }
    return memory.getFloat(offset + at);
  }

  /**
   * A view of one element of the first dimension: a sentence of a batch, a token of a sentence.
   *
   * @throws IndexOutOfBoundsException if the index is outside of the first dimension
   */
  public Tensor slice(long index) {
    if (shape.length == 0 || index < 0 || index >= shape[0]) {
      throw new IndexOutOfBoundsException(
          "index " + index + " is outside of " + Arrays.toString(shape));
    }
    return new Tensor(
        memory, offset + index * (size() / shape[0]), Arrays.copyOfRange(shape, 1, shape.length));
  }

  /** The first {@code count} elements of the first dimension. */
  Tensor head(long count) {
    long[] head = shape.clone();
    head[0] = count;
    return new Tensor(memory, offset, head);
  }

  /**
   * Copies the numbers to an array.
   *
   * @throws IllegalStateException after the embeddings were closed
   * @throws ElmoException if there are more numbers than an array can hold
   */
  public float[] toArray() {
    if (size() > Integer.MAX_VALUE - 8) {
      throw new ElmoException(
          "tensor "
              + Arrays.toString(shape)
              + ": expected at most 2^31 - 9 numbers for one array, found "
              + size());
    }
    float[] array = new float[(int) size()];
    memory.copyTo(offset, array);
    return array;
  }

  @Override
  public String toString() {
    return "Tensor" + Arrays.toString(shape) + " on " + device();
  }
}
