// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend;

import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.ShortPointer;
import org.elmo4j.ElmoException;
import org.elmo4j.backend.cpu.CpuKernels;

/**
 * A block of native memory, counted. Whoever allocates it closes it. It is freed when it is closed
 * and nobody reads it: an access under way, or a buffer handed out by {@link #floats} that is still
 * reachable, puts the free off, so that no order of calls can reach freed memory. What is forgotten
 * is freed by the garbage collector, with a warning. Any number of threads may use it.
 */
public final class NativeMemory implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(NativeMemory.class.getName());
  private static final Cleaner CLEANER = Cleaner.create();
  private static final AtomicLong LIVE = new AtomicLong();
  private static final AtomicLong LINGERING = new AtomicLong();
  private static final AtomicLong MAPPED = new AtomicLong();
  private static final AtomicLong COUNT = new AtomicLong();
  private static final boolean TRACE = Boolean.getBoolean("elmo4j.leakTrace");
  private static final long LIMIT =
      Long.getLong("elmo4j.maxNativeBytes", Pointer.totalPhysicalBytes() / 10 * 9);

  // Closed memory that buffers still hold back; past this the garbage collector is asked to look
  // for them.
  private static final long LINGERING_LIMIT = Math.min(1L << 30, LIMIT / 4);

  private final Block block;
  private final Cleaner.Cleanable cleanable;

  /** The memory itself, shared by the handle, accesses under way and buffers handed out. */
  private static final class Block implements Runnable {
    final long id = COUNT.incrementAndGet();
    final long address;
    final long bytes;
    final boolean mapped;
    final AtomicInteger users = new AtomicInteger(1);
    final Throwable allocated = TRACE ? new Throwable("allocated here") : null;
    volatile boolean closed;

    Block(long address, long bytes, boolean mapped) {
      this.address = address;
      this.bytes = bytes;
      this.mapped = mapped;
    }

    /** Runs once: on close, or when the handle was lost. */
    @Override
    public void run() {
      if (!closed) {
        closed = true;
        LOG.log(
            System.Logger.Level.WARNING,
            "native memory "
                + id
                + " of "
                + bytes
                + " bytes was never closed"
                + (TRACE ? "" : "; run with -Delmo4j.leakTrace=true to see where it was allocated"),
            allocated);
      }
      LINGERING.addAndGet(mapped ? 0 : bytes);
      release();
    }

    void retain() {
      while (true) {
        int n = users.get();
        if (n == 0 || closed) {
          throw new IllegalStateException("this memory was closed");
        }
        if (users.compareAndSet(n, n + 1)) {
          return;
        }
      }
    }

    void release() {
      if (users.decrementAndGet() > 0) {
        return;
      }
      if (mapped) {
        CpuKernels.elmo4j_unmap(new Address(address), bytes);
        MAPPED.addAndGet(-bytes);
      } else {
        CpuKernels.elmo4j_free(new Address(address));
        LINGERING.addAndGet(-bytes);
        LIVE.addAndGet(-bytes);
      }
    }
  }

  /** A pointer that owns nothing. */
  private static final class Address extends Pointer {
    Address(long address) {
      this.address = address;
    }
  }

  private NativeMemory(Block block) {
    this.block = block;
    this.cleanable = CLEANER.register(this, block);
  }

  /**
   * Memory on a 64-byte boundary, not cleared.
   *
   * @param bytes 0 or more
   * @throws ElmoException if the machine, or the limit {@code elmo4j.maxNativeBytes} (by default
   *     nine tenths of physical memory), has not that much left
   */
  public static NativeMemory allocate(long bytes) {
    if (LINGERING.get() > LINGERING_LIMIT) {
      collect();
    }
    if (!reserve(bytes)) {
      collect();
      if (!reserve(bytes)) {
        throw new ElmoException(
            "native memory: expected room for "
                + bytes
                + " bytes, found "
                + LIVE.get()
                + " of "
                + LIMIT
                + " in use");
      }
    }
    Pointer pointer;
    try {
      pointer = CpuKernels.elmo4j_alloc(bytes);
    } catch (Throwable e) {
      LIVE.addAndGet(-bytes);
      throw e;
    }
    if (pointer == null || pointer.isNull()) {
      LIVE.addAndGet(-bytes);
      throw new ElmoException(
          "native memory: expected " + bytes + " bytes from the system, found none");
    }
    return new NativeMemory(new Block(pointer.address(), bytes, false));
  }

  /**
   * Memory of zeros behind which stands a file without a name, so that the system may write it out
   * and it may be larger than what is free: it does not count towards the limit of {@link
   * #allocate}. Its space goes back to the disk with it, or with the process.
   *
   * @param folder where the file lies
   * @param bytes 1 or more
   * @throws ElmoException if the folder is missing or has no room
   */
  public static NativeMemory map(Path folder, long bytes) {
    Pointer pointer = CpuKernels.elmo4j_map(folder.toString(), bytes);
    if (pointer == null || pointer.isNull()) {
      throw new ElmoException(
          folder + ": expected room for a temporary file of " + bytes + " bytes, found none");
    }
    MAPPED.addAndGet(bytes);
    return new NativeMemory(new Block(pointer.address(), bytes, true));
  }

  private static boolean reserve(long bytes) {
    if (LIVE.addAndGet(bytes) <= LIMIT) {
      return true;
    }
    LIVE.addAndGet(-bytes);
    return false;
  }

  /** Waits a moment for the garbage collector to find buffers that nobody reaches any more. */
  private static void collect() {
    long before = LIVE.get();
    System.gc();
    for (int i = 0; i < 20 && LIVE.get() >= before; i++) {
      try {
        Thread.sleep(5);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /**
   * Bytes of all native memory that elmo4j holds in this process, closed blocks that buffers hold
   * back included.
   */
  public static long liveBytes() {
    return LIVE.get() + MAPPED.get();
  }

  /** This block's size. */
  public long bytes() {
    return block.bytes;
  }

  /**
   * A read-only buffer of {@code count} floats from float {@code offset} on, without a copy. The
   * memory stays as long as the buffer is reachable.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public FloatBuffer floats(long offset, int count) {
    block.retain();
    try {
      checkRange(offset, count);
      if (count == 0) {
        return FloatBuffer.allocate(0).asReadOnlyBuffer();
      }
      ByteBuffer root =
          new BytePointer(at(offset * Float.BYTES))
              .capacity((long) count * Float.BYTES)
              .asByteBuffer();
      block.retain();
      Block held = block;
      CLEANER.register(root, held::release);
      return root.asFloatBuffer().asReadOnlyBuffer();
    } finally {
      block.release();
    }
  }

  /** One float. */
  public float getFloat(long offset) {
    block.retain();
    try {
      checkRange(offset, 1);
      return floatPointer(offset).get();
    } finally {
      block.release();
    }
  }

  /** Copies floats from float {@code offset} on into an array. */
  public void copyTo(long offset, float[] target) {
    block.retain();
    try {
      checkRange(offset, target.length);
      floatPointer(offset).get(target);
    } finally {
      block.release();
    }
  }

  private void checkRange(long offset, long count) {
    if (offset < 0 || count < 0 || (offset + count) * Float.BYTES > block.bytes) {
      throw new IndexOutOfBoundsException(
          "floats "
              + offset
              + " to "
              + (offset + count)
              + " are outside of "
              + block.bytes
              + " bytes");
    }
  }

  private Address at(long byteOffset) {
    return new Address(block.address + byteOffset);
  }

  /**
   * For native calls: owns nothing and checks nothing. The caller keeps this memory open while it
   * is used.
   */
  public FloatPointer floatPointer(long offset) {
    return new FloatPointer(at(offset * Float.BYTES));
  }

  /** As {@link #floatPointer}; the offset counts bytes. */
  public BytePointer bytePointer(long offset) {
    return new BytePointer(at(offset));
  }

  /** As {@link #floatPointer}; the offset counts ints. */
  public IntPointer intPointer(long offset) {
    return new IntPointer(at(offset * Integer.BYTES));
  }

  /** As {@link #floatPointer}; the offset counts shorts. */
  public ShortPointer shortPointer(long offset) {
    return new ShortPointer(at(offset * Short.BYTES));
  }

  /** Frees the memory once nobody reads it. Harmless when repeated. */
  @Override
  public void close() {
    block.closed = true;
    cleanable.clean();
  }
}
