// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.nio.FloatBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.kernels.CudaKernels;

/**
 * Memory of a CUDA device. It belongs to a stream: work on that stream may use it, and other
 * streams first wait for that stream. It is freed in the order of the stream, so it may be closed
 * while kernels on the stream still use it.
 */
final class CudaMemory extends Memory {
  private static final System.Logger LOG = System.getLogger(Memory.class.getName());

  /** The most bytes that are copied to the heap at a time. */
  private static final long CHUNK = 4 << 20;

  /**
   * Threads that wait for copies. They end soon, since they would otherwise keep the class loader
   * of an application alive.
   */
  private static final Executor WAITING =
      new ThreadPoolExecutor(
          0,
          Integer.MAX_VALUE,
          1,
          TimeUnit.SECONDS,
          new SynchronousQueue<>(),
          task -> {
            Thread thread = new Thread(task, "elmo4j-cuda-copy");
            thread.setDaemon(true);
            return thread;
          });

  private final CudaStream stream;

  private static final class Allocated extends Block {
    private final CudaStream stream;

    Allocated(CudaStream stream, long address, long bytes) {
      super(address, bytes);
      this.stream = stream;
    }

    @Override
    protected void free() {
      if (bytes == 0 || stream.device().hasFailed()) {
        return; // After a sticky error the memory is already lost.
      }
      try {
        stream.device().enter();
        stream
            .device()
            .check(CudaKernels.elmo4j_cuda_free(at(address), stream.handle()), "cudaFreeAsync");
      } catch (ElmoException e) {
        // A failure while closing is ignored; the next call on the device reports the same error.
        LOG.log(System.Logger.Level.WARNING, e.getMessage());
      }
    }
  }

  CudaMemory(CudaStream stream, long address, long bytes) {
    super(new Allocated(stream, address, bytes));
    this.stream = stream;
  }

  /** The stream in whose order it is freed. */
  CudaStream owner() {
    return stream;
  }

  @Override
  public Device device() {
    return Device.cuda(stream.device().index());
  }

  @Override
  public long stream() {
    return stream.handle().address();
  }

  @Override
  public FloatBuffer floats(long offset, int count) {
    checkRange(offset, count);
    try (NativeMemory host = NativeMemory.allocate((long) count * Float.BYTES)) {
      read(
          offset * Float.BYTES,
          (long) count * Float.BYTES,
          (from, at, n) -> Pointer.memcpy(host.bytePointer(at), from, n));
      return host.floats(0, count);
    }
  }

  @Override
  public void copyTo(long offset, float[] target) {
    checkRange(offset, target.length);
    read(
        offset * Float.BYTES,
        (long) target.length * Float.BYTES,
        (from, at, n) ->
            new FloatPointer(from).get(target, (int) (at / Float.BYTES), (int) (n / Float.BYTES)));
  }

  @Override
  public void copyTo(long offset, FloatBuffer target) {
    int count = target.remaining();
    checkRange(offset, count);
    read(
        offset * Float.BYTES,
        (long) count * Float.BYTES,
        (from, at, n) -> target.put(new FloatPointer(from).capacity(n / Float.BYTES).asBuffer()));
  }

  /** Receives bytes that were copied to the host. */
  interface Sink {
    /**
     * @param from pinned memory
     * @param at the offset of the first byte among those requested
     * @param bytes the number of bytes
     */
    void take(Pointer from, long at, long bytes);
  }

  /**
   * Copies bytes to the host, one part at a time, and waits for the copies. It does not wait for
   * the owner stream: a result is complete when it is returned, and the stream may already be busy
   * with the next run.
   */
  void read(long offset, long bytes, Sink sink) {
    block().retain();
    try {
      CudaDevice device = stream.device();
      device.enter();
      CudaStream own = device.stream();
      try (PinnedPool.Block pinned = device.pinned().take(Math.min(bytes, CHUNK))) {
        for (long at = 0; at < bytes; at += CHUNK) {
          long n = Math.min(CHUNK, bytes - at);
          device.copy(pinned.pointer(0), bytePointer(offset + at), n, own);
          own.synchronize();
          sink.take(pinned.pointer(0), at, n);
        }
      }
    } finally {
      block().release();
    }
  }

  @Override
  public CompletableFuture<NativeMemory> toHost() {
    block().retain();
    PinnedPool.Block pinned = null;
    try {
      CudaDevice device = stream.device();
      device.enter();
      CudaStream own = device.stream();
      pinned = device.pinned().take(bytes());
      device.copy(pinned.pointer(0), bytePointer(0), bytes(), own);
      PinnedPool.Block target = pinned;
      return CompletableFuture.supplyAsync(
          () -> {
            try {
              device.enter();
              own.synchronize();
              return NativeMemory.of(target.pointer(0), bytes(), target::close);
            } catch (Throwable e) {
              target.close();
              throw e;
            } finally {
              block().release();
            }
          },
          WAITING);
    } catch (Throwable e) {
      if (pinned != null) {
        pinned.close();
      }
      block().release();
      throw e;
    }
  }

  /** Rounds a size up so that the next part is aligned. */
  static long align(long bytes) {
    return (bytes + 255) / 256 * 256;
  }
}
