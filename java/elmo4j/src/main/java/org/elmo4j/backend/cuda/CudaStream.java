// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend.cuda;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;

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

  /** Pinned memory for what is put on this stream; it goes back when that has been waited for. */
  PinnedPool.Block pinned(long bytes) {
    synchronized (this) {
      if (heldBytes == 0 || heldBytes + bytes <= MAX_HELD_BYTES) {
        return hold(bytes);
      }
    }
    synchronize();
    synchronized (this) {
      return hold(bytes);
    }
  }

  private PinnedPool.Block hold(long bytes) {
    PinnedPool.Block block = device.pinned().take(bytes);
    held.add(block);
    heldBytes += block.bytes();
    return block;
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
