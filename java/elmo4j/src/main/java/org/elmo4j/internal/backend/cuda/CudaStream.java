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
 * A CUDA stream: what is put on it runs in order, beside other streams. Those that results belong
 * to live as long as the process. Any number of threads may use it.
 */
final class CudaStream implements AutoCloseable {
  /** Pinned memory that copies under way may hold before they are waited for. */
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

  /** What comes on this stream waits for what is on the other one now. */
  void waitFor(CudaStream other) {
    if (other != this) {
      device.check(
          CudaKernels.elmo4j_cuda_stream_wait(handle, other.handle), "cudaStreamWaitEvent");
    }
  }

  /**
   * Copies bytes to the device in this stream's order, through pinned memory.
   *
   * @param fill writes them there
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
      // Only now: another thread that waits for this stream gives back what is held.
      synchronized (this) {
        held.add(block);
        heldBytes += block.bytes();
      }
    }
  }

  /** Waits until all that is on this stream now is done. */
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

  /** Gives it back, once what is on it is done. Harmless to what was ordered behind it. */
  @Override
  public void close() {
    if (!device.hasFailed()) {
      device.check(CudaKernels.elmo4j_cuda_stream_destroy(handle), "cudaStreamDestroy");
    }
  }
}
