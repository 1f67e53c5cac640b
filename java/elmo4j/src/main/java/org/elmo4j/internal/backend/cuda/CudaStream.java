// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.elmo4j.internal.kernels.CudaKernels;

/**
 * A CUDA stream. Work on it runs in order, and at the same time as work on other streams. Streams
 * that results belong to exist as long as the process. Thread-safe.
 */
final class CudaStream implements AutoCloseable {
  /** The most pinned memory that running copies may use before the caller waits for them. */
  private static final long MAX_HELD_BYTES = 64L << 20;

  private final CudaDevice device;
  private final Pointer handle;
  private List<PinnedPool.Block> held = new ArrayList<>();
  private long heldBytes;

  CudaStream(CudaDevice device) {
    this.device = device;
    try (PointerPointer<Pointer> stream = new PointerPointer<>(1)) {
      device.check(CudaKernels.elmo4j_cuda_stream_create(stream), "cudaStreamCreate");
      handle = new Pointer(stream.get(0));
    }
  }

  CudaDevice device() {
    return device;
  }

  /** For native calls. */
  Pointer handle() {
    return handle;
  }

  /** Makes later work on this stream wait for the work that is on the other stream now. */
  void waitFor(CudaStream other) {
    if (other != this) {
      device.check(
          CudaKernels.elmo4j_cuda_stream_wait(handle, other.handle), "cudaStreamWaitEvent");
    }
  }

  /**
   * Copies bytes to the device in this stream's order, through pinned memory.
   *
   * @param fill writes the bytes to the pinned memory
   */
  void upload(Pointer target, long bytes, Consumer<PinnedPool.Block> fill) {
    if (bytes == 0) {
      return;
    }
    boolean full;
    synchronized (this) {
      full = heldBytes > 0 && heldBytes + bytes > MAX_HELD_BYTES;
    }
    if (full) {
      synchronize();
    }
    PinnedPool.Block block = device.pinned().take(bytes);
    try {
      fill.accept(block);
      device.copy(target, block.pointer(0), bytes, this);
    } finally {
      // Only now, since another thread that waits for this stream would release the block.
      synchronized (this) {
        held.add(block);
        heldBytes += block.bytes();
      }
    }
  }

  /** Waits until all work that is on this stream now is complete. */
  void synchronize() {
    List<PinnedPool.Block> done;
    synchronized (this) {
      done = held;
      held = new ArrayList<>();
      heldBytes = 0;
    }
    int status = CudaDevice.fault("cudaStreamSynchronize");
    if (status == 0) {
      status = CudaKernels.elmo4j_cuda_stream_synchronize(handle);
    }
    done.forEach(PinnedPool.Block::close);
    device.check(status, "cudaStreamSynchronize");
  }

  /**
   * Destroys the stream once its work is complete. Streams that wait for this work are not
   * affected.
   */
  @Override
  public void close() {
    if (!device.hasFailed()) {
      device.check(CudaKernels.elmo4j_cuda_stream_destroy(handle), "cudaStreamDestroy");
    }
  }
}
