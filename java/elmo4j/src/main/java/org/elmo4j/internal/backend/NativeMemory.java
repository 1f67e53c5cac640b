// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.Device;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.kernels.CpuKernels;
import org.elmo4j.internal.kernels.NativeLibrary;

/** Host memory. It is not freed as long as a buffer that {@link #floats} returned is reachable. */
public final class NativeMemory extends Memory {
  private static final AtomicLong ALLOCATED = new AtomicLong();
  private static final AtomicLong LINGERING = new AtomicLong();

  /** The limit. It is determined at first use, after the native library was loaded. */
  private static final class Limit {
    static final long BYTES =
        Long.getLong("elmo4j.maxNativeBytes", MemoryLimit.ofProcess() / 10 * 9);

    // Closed memory that buffers keep alive. If there is more than this, the garbage collector is
    // asked to find unreachable buffers.
    static final long LINGERING = Math.min(1L << 30, BYTES / 4);
  }

  private static final class Allocated extends Block {
    private final Pointer pointer;

    Allocated(Pointer pointer, long bytes) {
      super(pointer.address(), bytes);
      this.pointer = pointer;
    }

    @Override
    protected void closed() {
      LINGERING.addAndGet(bytes);
    }

    @Override
    protected void free() {
      CpuKernels.elmo4j_free(pointer);
      LINGERING.addAndGet(-bytes);
      ALLOCATED.addAndGet(-bytes);
    }
  }

  private static final class Lent extends Block {
    private final Runnable giveBack;

    Lent(Pointer pointer, long bytes, Runnable giveBack) {
      super(pointer.address(), bytes);
      this.giveBack = giveBack;
    }

    @Override
    protected void free() {
      giveBack.run();
    }
  }

  private NativeMemory(Block block) {
    super(block);
  }

  /**
   * Allocates memory on a 64-byte boundary. It is not cleared.
   *
   * @param bytes 0 or more
   * @throws ElmoException if the machine has too little memory, or the limit {@code
   *     elmo4j.maxNativeBytes} would be exceeded; its default is nine tenths of the memory of the
   *     machine or container
   */
  public static NativeMemory allocate(long bytes) {
    NativeLibrary.CPU.require();
    if (LINGERING.get() > Limit.LINGERING) {
      collect();
    }
    if (!reserve(bytes)) {
      collect();
      if (!reserve(bytes)) {
        throw new ElmoException(
            "native memory: expected room for "
                + bytes
                + " bytes, found "
                + ALLOCATED.get()
                + " of "
                + Limit.BYTES
                + " in use");
      }
    }
    Pointer pointer;
    try {
      pointer = CpuKernels.elmo4j_alloc(bytes);
    } catch (Throwable e) {
      ALLOCATED.addAndGet(-bytes);
      throw e;
    }
    if (pointer == null || pointer.isNull()) {
      ALLOCATED.addAndGet(-bytes);
      throw new ElmoException(
          "native memory: expected " + bytes + " bytes from the system, found none");
    }
    return new NativeMemory(new Allocated(pointer, bytes));
  }

  /**
   * Maps a new file without a name, filled with zeros. The operating system can write its pages to
   * the disk, so the size may exceed the free memory, and it does not count towards the limit of
   * {@link #allocate}. The disk space is freed when this memory is closed or the process ends.
   *
   * @param folder the folder of the file
   * @param bytes 1 or more
   * @throws ElmoException if the folder is missing or the disk has too little space
   */
  public static NativeMemory map(Path folder, long bytes) {
    NativeLibrary.CPU.require();
    Pointer pointer = CpuKernels.elmo4j_map(folder.toString(), bytes);
    if (pointer == null || pointer.isNull()) {
      throw new ElmoException(
          folder + ": expected room for a temporary file of " + bytes + " bytes, found none");
    }
    return of(pointer, bytes, () -> CpuKernels.elmo4j_unmap(pointer, bytes));
  }

  /**
   * Maps the first bytes of a file, read-only. The operating system keeps or drops the pages, so
   * the file may be larger than memory, and it does not count towards the limit of {@link
   * #allocate}. The process ends if it reads a mapped page after the file was cut before it.
   * Callers check the file's size before each use.
   *
   * @param bytes 1 or more
   * @throws ElmoException if the file cannot be mapped or is shorter
   */
  public static NativeMemory mapFile(Path file, long bytes) {
    NativeLibrary.CPU.require();
    Pointer pointer = CpuKernels.elmo4j_map_file(file.toString(), bytes);
    if (pointer == null || pointer.isNull()) {
      throw new ElmoException(file + ": expected " + bytes + " bytes to map, found less or none");
    }
    return of(pointer, bytes, () -> CpuKernels.elmo4j_unmap(pointer, bytes));
  }

  /**
   * Wraps memory that other code allocated.
   *
   * @param giveBack is called once to free it
   */
  public static NativeMemory of(Pointer pointer, long bytes, Runnable giveBack) {
    return new NativeMemory(new Lent(pointer, bytes, giveBack));
  }

  private static boolean reserve(long bytes) {
    if (ALLOCATED.addAndGet(bytes) <= Limit.BYTES) {
      return true;
    }
    ALLOCATED.addAndGet(-bytes);
    return false;
  }

  /** Gives the garbage collector a moment to find unreachable buffers. */
  private static void collect() {
    long before = ALLOCATED.get();
    System.gc();
    for (int i = 0; i < 20 && ALLOCATED.get() >= before; i++) {
      try {
        Thread.sleep(5);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  @Override
  public Device device() {
    return Device.cpu();
  }

  @Override
  public FloatBuffer floats(long offset, int count) {
    Block held = block();
    held.retain();
    try {
      checkRange(offset, count);
      if (count == 0) {
        return FloatBuffer.allocate(0).asReadOnlyBuffer();
      }
      ByteBuffer root =
          bytePointer(offset * Float.BYTES).capacity((long) count * Float.BYTES).asByteBuffer();
      held.retain();
      CLEANER.register(root, held::release);
      return root.asFloatBuffer().asReadOnlyBuffer();
    } finally {
      held.release();
    }
  }

  @Override
  public void copyTo(long offset, float[] target) {
    block().retain();
    try {
      checkRange(offset, target.length);
      floatPointer(offset).get(target);
    } finally {
      block().release();
    }
  }

  @Override
  public void copyTo(long offset, FloatBuffer target) {
    block().retain();
    try {
      int count = target.remaining();
      checkRange(offset, count);
      if (count > 0) {
        target.put(floatPointer(offset).capacity(count).asBuffer());
      }
    } finally {
      block().release();
    }
  }

  @Override
  public CompletableFuture<NativeMemory> toHost() {
    block().retain();
    try {
      NativeMemory copy = allocate(bytes());
      Pointer.memcpy(copy.bytePointer(0), bytePointer(0), bytes());
      return CompletableFuture.completedFuture(copy);
    } finally {
      block().release();
    }
  }
}
