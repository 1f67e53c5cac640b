// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.nio.FloatBuffer;
import java.util.Arrays;
import org.elmo4j.internal.backend.Memory;

/**
 * Numbers in memory of a device, row-major, 32-bit floats: a view that copies nothing. It belongs
 * to the {@link Embeddings} it came from and throws {@link IllegalStateException} once those are
 * closed. Any number of threads may read it.
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

  /** The dimensions, outermost first, a copy. */
  public long[] shape() {
    return shape.clone();
  }

  /** One dimension's size. */
  public long shape(int dimension) {
    return shape[dimension];
  }

  /** How many numbers there are. */
  public long size() {
    long size = 1;
    for (long n : shape) {
      size *= n;
    }
    return size;
  }

  /** Where the numbers lie. */
  public Device device() {
    return memory.device();
  }

  /**
   * The address of the first number in the device's memory, for code of one's own there: on a CUDA
   * device without a copy to the host. It is valid until the embeddings are closed. What is put on
   * {@link #stream} before that ends before the memory is freed; work on other streams must have
   * ended.
   *
   * @throws IllegalStateException after the embeddings were closed
   */
  public long devicePointer() {
    return memory.address() + offset * Float.BYTES;
  }

  /**
   * The address of the CUDA stream that the memory belongs to, a {@code cudaStream_t}; 0 on the
   * CPU. The numbers are there when the call that gives the tensor returns.
   */
  public long stream() {
    return memory.stream();
  }

  /**
   * Copies the numbers into a buffer, heap or direct, from its position on, which moves behind
   * them. The memory stays the tensor's: {@link Embeddings#close} frees it at once. One buffer can
   * serve for many results.
   *
   * @throws ElmoException if the buffer is null or read-only, or has less room than {@link #size}
   * @throws IllegalStateException after the embeddings were closed
   */
  public void copyTo(FloatBuffer target) {
    if (target == null) {
      throw new ElmoException("target: expected a value, found null");
    }
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
   * The numbers as a read-only direct buffer in native byte order: on the CPU themselves, without a
   * copy, of a CUDA device a copy in host memory. That memory lives as long as the buffer or one
   * made from it is reachable, also after the embeddings were closed, and is freed by the garbage
   * collector some time later. So it is for a few results that are kept; whoever reads many takes
   * {@link #copyTo}, {@link #toArray} or {@link #get}, which hold nothing.
   *
   * @throws IllegalStateException after the embeddings were closed
   * @throws ElmoException if there are more numbers than one buffer can hold (2^29); take sentences
   *     one by one then
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
   * One number. On a CUDA device each call is a copy of its own: take {@link #toArray} for many.
   *
   * @param index one a dimension
   * @throws IllegalStateException after the embeddings were closed
   * @throws IndexOutOfBoundsException if an index is out of its dimension
   */
  public float get(long... index) {
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
   * @throws IndexOutOfBoundsException if the index is out of the first dimension
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
   * A copy on the heap.
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
