// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.internal.kernels.CudaKernels;

/**
 * A pool of pinned host memory, through which all copies to and from a device go. CUDA takes long
 * to allocate it, so blocks are kept up to a limit. Their sizes are powers of two. Thread-safe.
 */
final class PinnedPool {
  private static final long SMALLEST = 64 << 10;
  private static final long KEPT_BYTES = 512L << 20;

  private final CudaDevice device;
  private final Map<Long, Deque<Block>> kept = new HashMap<>();
  private long keptBytes;

  /** A block in use. */
  final class Block implements AutoCloseable {
    private final Pointer memory;
    private final long bytes;

    private Block(Pointer memory, long bytes) {
      this.memory = memory;
      this.bytes = bytes;
    }

    long bytes() {
      return bytes;
    }

    /** A pointer to a byte of the block. */
    BytePointer pointer(long offset) {
      return new BytePointer(memory).getPointer(offset);
    }

    /** Returns the block to the pool. No copy may be using it. */
    @Override
    public void close() {
      give(this);
    }
  }

  PinnedPool(CudaDevice device) {
    this.device = device;
  }

  /** Takes a block of at least {@code atLeast} bytes. */
  Block take(long atLeast) {
    device.check(CudaDevice.fault("cudaMallocHost"), "cudaMallocHost");
    long bytes = Math.max(SMALLEST, Long.highestOneBit(Math.max(1, atLeast) * 2 - 1));
    synchronized (this) {
      Deque<Block> blocks = kept.get(bytes);
      if (blocks != null && !blocks.isEmpty()) {
        keptBytes -= bytes;
        return blocks.pop();
      }
    }
    Pointer memory = new Pointer();
    device.check(CudaKernels.elmo4j_cuda_malloc_host(memory, bytes), "cudaMallocHost");
    return new Block(memory, bytes);
  }

  private void give(Block block) {
    synchronized (this) {
      if (keptBytes + block.bytes <= KEPT_BYTES) {
        keptBytes += block.bytes;
        kept.computeIfAbsent(block.bytes, bytes -> new ArrayDeque<>()).push(block);
        return;
      }
    }
    device.check(CudaKernels.elmo4j_cuda_free_host(block.memory), "cudaFreeHost");
  }
}
