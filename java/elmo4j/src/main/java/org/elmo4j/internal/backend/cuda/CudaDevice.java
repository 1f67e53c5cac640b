// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.ElmoDeviceException;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.kernels.CudaKernels;

/**
 * One CUDA device: its streams, its memory, and its errors. Every CUDA status passes through {@link
 * #check}. It exists as long as the process. Thread-safe.
 */
final class CudaDevice {
  private static final int OUT_OF_MEMORY = 2; // cudaErrorMemoryAllocation

  /**
   * Errors after which nothing works in this process any more: ECC, NVLink, a contained error,
   * illegal address, launch timeout, assertion, the hardware's exceptions, launch failure, leaked
   * tensor memory, the MPS server's end, an external device's error.
   */
  static final Set<Integer> STICKY =
      Set.of(214, 220, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911);

  /** The number of streams. If more threads than this make calls, they share streams. */
  private static final int STREAMS = 16;

  /**
   * A fault that a test injects: the call returns {@code status} after {@code before} successful
   * calls of that name.
   */
  record Fault(AtomicInteger before, int status) {}

  /** The injected faults by the name of the call; empty except in tests. */
  static final Map<String, Fault> FAULTS = new ConcurrentHashMap<>();

  private final int index;
  private final String name;
  private final long[] properties = new long[4];
  private final AtomicReferenceArray<CudaStream> streams = new AtomicReferenceArray<>(STREAMS);
  private final PinnedPool pinned = new PinnedPool(this);
  private volatile String failure; // set by the first sticky error
  private Integer code; // the result of hasCode

  CudaDevice(int index) {
    this.index = index;
    byte[] text = new byte[256];
    check(
        CudaKernels.elmo4j_cuda_device(index, text, text.length, properties),
        "cudaGetDeviceProperties");
    int end = 0;
    while (text[end] != 0) {
      end++;
    }
    name = new String(text, 0, end, StandardCharsets.UTF_8);
  }

  int index() {
    return index;
  }

  /** The compute capability times ten, for example 75 for 7.5. */
  int capability() {
    return (int) (10 * properties[0] + properties[1]);
  }

  /**
   * Returns status 0 if the kernels were compiled for this device. It creates the context of the
   * device.
   */
  synchronized int hasCode() {
    if (code == null) {
      int status = CudaKernels.elmo4j_cuda_set_device(index);
      code = status != 0 ? status : CudaKernels.elmo4j_cuda_has_code();
    }
    return code;
  }

  PinnedPool pinned() {
    return pinned;
  }

  /**
   * Makes this the current device of the calling thread. Each piece of work starts with this call.
   */
  void enter() {
    if (failure != null) {
      throw new ElmoDeviceException(failure);
    }
    check(CudaKernels.elmo4j_cuda_set_device(index), "cudaSetDevice");
  }

  /** The stream of the calling thread. The caller has entered the device. */
  CudaStream stream() {
    int at = (int) (Thread.currentThread().getId() % STREAMS);
    CudaStream stream = streams.get(at);
    if (stream != null) {
      return stream;
    }
    synchronized (streams) {
      stream = streams.get(at);
      if (stream == null) {
        stream = new CudaStream(this);
        streams.set(at, stream);
      }
      return stream;
    }
  }

  /** The free memory in bytes. */
  long freeBytes() {
    long[] free = new long[1];
    check(CudaKernels.elmo4j_cuda_memory(free, new long[1]), "cudaMemGetInfo");
    return free[0];
  }

  /**
   * Allocates memory in the order of the calling thread's stream.
   *
   * @param bytes 0 or more
   */
  CudaMemory allocate(long bytes) {
    return allocate(bytes, stream());
  }

  /**
   * Allocates memory in the order of a stream. Work that is queued on that stream later may use it.
   */
  CudaMemory allocate(long bytes, CudaStream stream) {
    Pointer memory = new Pointer();
    if (bytes > 0) {
      int status = fault("cudaMallocAsync");
      if (status == 0) {
        status = CudaKernels.elmo4j_cuda_malloc(memory, bytes, stream.handle());
      }
      if (status == OUT_OF_MEMORY) {
        throw new OutOfDeviceMemory(
            "memory of "
                + this
                + ": expected room for "
                + bytes
                + " bytes, found "
                + freeBytes()
                + " free (cudaMallocAsync: "
                + describe(status)
                + ")");
      }
      check(status, "cudaMallocAsync");
    }
    return new CudaMemory(stream, memory.address(), bytes);
  }

  /** The status that a test injects for this call; 0 if there is none. */
  static int fault(String call) {
    Fault fault = FAULTS.isEmpty() ? null : FAULTS.get(call);
    if (fault == null || fault.before().getAndDecrement() != 0) {
      return 0;
    }
    FAULTS.remove(call);
    return fault.status();
  }

  /**
   * Throws if a status is an error.
   *
   * @param call the name of the call that returned it
   */
  void check(int status, String call) {
    if (status == 0) {
      return;
    }
    String message = call + " on " + this + ": expected it to succeed, found " + describe(status);
    if (STICKY.contains(status)) {
      failure = message + "; nothing works on this device any more: the process must be restarted";
      throw new ElmoDeviceException(failure);
    }
    throw status == OUT_OF_MEMORY ? new OutOfDeviceMemory(message) : new ElmoException(message);
  }

  /** Whether a sticky error has occurred. */
  boolean hasFailed() {
    return failure != null;
  }

  /** For tests: clears the sticky error. */
  void forget() {
    failure = null;
  }

  /** The number, name and meaning of a status. */
  static String describe(int status) {
    return "error "
        + status
        + ", "
        + CudaKernels.elmo4j_cuda_error_name(status).getString()
        + " ("
        + CudaKernels.elmo4j_cuda_error_string(status).getString()
        + ")";
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "cuda:%d (%s, compute capability %d.%d, %d multiprocessors, %.1f GB)",
        index,
        name,
        properties[0],
        properties[1],
        properties[2],
        properties[3] / 1e9);
  }

  /** Sets memory to zero, on a stream. */
  void clear(Pointer memory, long bytes, CudaStream stream) {
    if (bytes > 0) {
      check(CudaKernels.elmo4j_cuda_clear(memory, bytes, stream.handle()), "cudaMemsetAsync");
    }
  }

  /** Copies bytes of this device's and of pinned memory, on a stream. */
  void copy(Pointer target, Pointer source, long bytes, CudaStream stream) {
    if (bytes > 0) {
      check(
          CudaKernels.elmo4j_cuda_copy(target, source, bytes, stream.handle()), "cudaMemcpyAsync");
    }
  }

  /** Row i of the source becomes row {@code index[i]} of the target. */
  void scatterRows(
      int kind,
      int count,
      int dim,
      Pointer source,
      IntPointer index,
      Memory target,
      CudaStream stream) {
    check(
        CudaKernels.elmo4j_cuda_scatter_rows(
            kind, count, dim, source, index, target.bytePointer(0), stream.handle()),
        "elmo4j_cuda_scatter_rows");
  }
}
