// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.kernels.CudaKernels;

/**
 * Brings weights to a device, in the form that its kernels read, while a model is loaded. What it
 * uploads is added to a list, whose owner closes it. For one thread.
 */
final class Uploader {
  private final CudaDevice device;
  private final int type;
  private final int products;
  private final List<CudaMemory> memories;

  /**
   * @param type of packed matrices and tables
   * @param products how the matrices are multiplied by
   */
  Uploader(CudaDevice device, int type, int products, List<CudaMemory> memories) {
    this.device = device;
    this.type = type;
    this.products = products;
    this.memories = memories;
  }

  /** Numbers of the tables' type take so many bytes. */
  private int numberBytes() {
    return type == CudaKernels.ELMO4J_F16 ? Short.BYTES : Float.BYTES;
  }

  /** 32-bit floats; returns where they lie on the device. */
  long floats(Pointer source, long count) {
    return upload(source, count * Float.BYTES);
  }

  /** Floats that become numbers of the type. */
  long numbers(FloatPointer source, long count) {
    if (type == CudaKernels.ELMO4J_F32) {
      return floats(source, count);
    }
    try (NativeMemory converted = NativeMemory.allocate(count * numberBytes())) {
      CudaKernels.elmo4j_cuda_from_floats(type, count, source, converted.bytePointer(0));
      return upload(converted.bytePointer(0), converted.bytes());
    }
  }

  /** Memory of zeros, into which {@link #numbers(float[], Pointer)} writes. */
  CudaMemory zeros(long bytes) {
    CudaStream stream = device.stream();
    CudaMemory memory = device.allocate(bytes, stream);
    memories.add(memory);
    device.check(
        CudaKernels.elmo4j_cuda_clear(memory.bytePointer(0), bytes, stream.handle()),
        "cudaMemsetAsync");
    return memory;
  }

  /** Floats that become numbers of the type at a place on the device. */
  void numbers(float[] source, Pointer target) {
    try (NativeMemory converted = NativeMemory.allocate((long) source.length * numberBytes())) {
      CudaKernels.elmo4j_cuda_from_floats(type, source.length, source, converted.bytePointer(0));
      CudaStream stream = device.stream();
      device.copy(new Pointer(target), converted.bytePointer(0), converted.bytes(), stream);
      stream.synchronize();
    }
  }

  /** Describes a matrix [depth, groups * columns] whose groups lie beside each other. */
  void packed(
      CudaKernels.Matrix matrix,
      Pointer source,
      long stride,
      long depth,
      long columns,
      int groups) {
    try (Packing packing = packing(matrix, depth, columns, groups)) {
      for (int g = 0; g < groups; g++) {
        packing.add(CudaMemory.at(source.address() + g * columns * Float.BYTES), stride);
      }
      packing.upload();
    }
  }

  /** Describes a matrix and packs it group by group. */
  Packing packing(CudaKernels.Matrix matrix, long depth, long columns, int groups) {
    matrix.isa(products).type(type).groups(groups).depth(depth).columns(columns);
    return new Packing(matrix);
  }

  /** A matrix on its way. */
  final class Packing implements AutoCloseable {
    private final CudaKernels.Matrix matrix;
    private final NativeMemory packed;
    private int group;

    private Packing(CudaKernels.Matrix matrix) {
      this.matrix = matrix;
      packed = NativeMemory.allocate(CudaKernels.elmo4j_cuda_packed_size(matrix));
    }

    /** The next group, rows {@code stride} floats apart. */
    void add(Pointer source, long stride) {
      CudaKernels.elmo4j_cuda_pack(
          matrix, new FloatPointer(source), stride, group++, packed.bytePointer(0));
    }

    void upload() {
      matrix.weights(CudaMemory.at(Uploader.this.upload(packed.bytePointer(0), packed.bytes())));
    }

    @Override
    public void close() {
      packed.close();
    }
  }

  /** The bias of a matrix, [groups, columns]. */
  void bias(CudaKernels.Matrix matrix, Pointer source) {
    long address = floats(source, matrix.groups() * matrix.columns());
    matrix.bias(new FloatPointer(CudaMemory.at(address)));
  }

  private long upload(Pointer source, long bytes) {
    CudaStream stream = device.stream();
    CudaMemory memory = device.allocate(bytes, stream);
    memories.add(memory);
    if (bytes > 0) {
      device.copy(memory.bytePointer(0), new Pointer(source), bytes, stream);
      stream.synchronize(); // The source is the caller's again.
    }
    return memory.bytePointer(0).address();
  }
}
