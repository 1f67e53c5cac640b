// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.kernels.CudaKernels;

/**
 * Copies weights to a device in the form that its kernels read, while a model is loaded. Uploaded
 * memory is added to a list, whose owner closes it. Not thread-safe.
 */
final class Uploader {
  private final CudaDevice device;
  private final int type;
  private final int products;
  private final List<CudaMemory> memories;

  /**
   * @param type of packed matrices and tables
   * @param products the instructions that multiply the matrices
   */
  Uploader(CudaDevice device, int type, int products, List<CudaMemory> memories) {
    this.device = device;
    this.type = type;
    this.products = products;
    this.memories = memories;
  }

  /** Bytes of one number of the tables' type. */
  private int numberBytes() {
    return type == CudaKernels.ELMO4J_F16 ? Short.BYTES : Float.BYTES;
  }

  /** Uploads 32-bit floats and returns their address on the device. */
  long floats(Pointer source, long count) {
    return upload(source, count * Float.BYTES);
  }

  /** Uploads floats as numbers of the type and returns their address. */
  long numbers(FloatPointer source, long count) {
    if (type == CudaKernels.ELMO4J_F32) {
      return floats(source, count);
    }
    try (NativeMemory converted = NativeMemory.allocate(count * numberBytes())) {
      CudaKernels.elmo4j_cuda_from_floats(type, count, source, converted.bytePointer(0));
      return upload(converted.bytePointer(0), converted.bytes());
    }
  }

  /** Allocates zeroed memory for {@link #numbers(float[], Pointer)}. */
  CudaMemory zeros(long bytes) {
    CudaStream stream = device.stream();
    CudaMemory memory = device.allocate(bytes, stream);
    memories.add(memory);
    device.check(
        CudaKernels.elmo4j_cuda_clear(memory.bytePointer(0), bytes, stream.handle()),
        "cudaMemsetAsync");
    return memory;
  }

  /** Uploads floats as numbers of the type to an address on the device. */
  void numbers(float[] source, Pointer target) {
    try (NativeMemory converted = NativeMemory.allocate((long) source.length * numberBytes())) {
      CudaKernels.elmo4j_cuda_from_floats(type, source.length, source, converted.bytePointer(0));
      CudaStream stream = device.stream();
      device.copy(new Pointer(target), converted.bytePointer(0), converted.bytes(), stream);
      stream.synchronize();
    }
  }

  /** Describes and packs a matrix [depth, groups * columns] whose groups lie side by side. */
  void packed(
      CudaKernels.Matrix matrix,
      Pointer source,
      long stride,
      long depth,
      long columns,
      int groups) {
    try (Packing packing = packing(matrix, depth, columns, groups)) {
      for (int g = 0; g < groups; g++) {
        packing.add(Memory.at(source.address() + g * columns * Float.BYTES), stride);
      }
      packing.upload();
    }
  }

  /** Describes a matrix and packs it group by group. */
  Packing packing(CudaKernels.Matrix matrix, long depth, long columns, int groups) {
    matrix.isa(products).type(type).groups(groups).depth(depth).columns(columns);
    return new Packing(matrix);
  }

  /** Packs the groups of a matrix. */
  final class Packing implements AutoCloseable {
    private final CudaKernels.Matrix matrix;
    private final NativeMemory packed;
    private int group;

    private Packing(CudaKernels.Matrix matrix) {
      this.matrix = matrix;
      packed = NativeMemory.allocate(CudaKernels.elmo4j_cuda_packed_size(matrix));
    }

    /** Packs the next group, whose rows are {@code stride} floats apart. */
    void add(Pointer source, long stride) {
      CudaKernels.elmo4j_cuda_pack(
          matrix, new FloatPointer(source), stride, group++, packed.bytePointer(0));
    }

    void upload() {
      matrix.weights(Memory.at(Uploader.this.upload(packed.bytePointer(0), packed.bytes())));
    }

    @Override
    public void close() {
      packed.close();
    }
  }

  /** Packs the bias of a matrix, [groups, columns]. */
  void bias(CudaKernels.Matrix matrix, Pointer source) {
    long address = floats(source, matrix.groups() * matrix.columns());
    matrix.bias(new FloatPointer(Memory.at(address)));
  }

  private long upload(Pointer source, long bytes) {
    CudaStream stream = device.stream();
    CudaMemory memory = device.allocate(bytes, stream);
    memories.add(memory);
    if (bytes > 0) {
      device.copy(memory.bytePointer(0), new Pointer(source), bytes, stream);
      stream.synchronize(); // The caller may now change the source.
    }
    return memory.bytePointer(0).address();
  }
}
