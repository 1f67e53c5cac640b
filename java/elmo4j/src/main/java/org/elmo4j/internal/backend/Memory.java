// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.lang.ref.Cleaner;
import java.nio.FloatBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.ShortPointer;
import org.elmo4j.Device;

/**
 * A block of device memory. All blocks are counted. The code that allocates a block closes it. The
 * memory is freed once it is closed and no access is in progress, so that no order of calls can
 * reach freed memory. The garbage collector frees a block that was never closed, and logs a
 * warning. Thread-safe.
 */
public abstract class Memory implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Memory.class.getName());
  private static final AtomicLong LIVE = new AtomicLong();
  private static final AtomicLong COUNT = new AtomicLong();
  private static final boolean TRACE = Boolean.getBoolean("elmo4j.leakTrace");
  static final Cleaner CLEANER = Cleaner.create();

  private final Block block;
  private final Object reachable = new Object(); // as long as this; it is not half made as this is
  private final Cleaner.Cleanable cleanable;

  /**
   * Counts blocks that were never closed. A leak loses many blocks at once, so one warning gives
   * the number of those that are found within a moment.
   */
  private static final class Lost implements Runnable {
    private static final long QUIET = 200; // ms
    private static long all;
    private static long count;
    private static long bytes;
    private static Thread reporter;

    static synchronized void add(long lostBytes) {
      all++;
      count++;
      bytes += lostBytes;
      if (reporter == null) {
        Thread thread = new Thread(new Lost(), "elmo4j-lost-memory");
        thread.setDaemon(true);
        thread.start(); // It ends soon. elmo4j keeps no thread alive.
        reporter = thread;
      }
    }

    @Override
    public void run() {
      long seen = 0;
      while (true) {
        try {
          Thread.sleep(QUIET);
        } catch (InterruptedException e) {
          // Nobody interrupts this thread. If somebody did, the warning would come sooner.
        }
        synchronized (Lost.class) {
          if (count > seen) {
            seen = count;
            continue;
          }
          LOG.log(
              System.Logger.Level.WARNING,
              "native memory: "
                  + count
                  + (count == 1 ? " block of " : " blocks of ")
                  + bytes
                  + " bytes never closed, freed by the garbage collector; "
                  + "-Delmo4j.leakTrace=true tells where each was allocated");
          count = 0;
          bytes = 0;
          reporter = null;
          return;
        }
      }
    }
  }

  /** The memory itself. The handle, accesses in progress and returned buffers share it. */
  protected abstract static class Block implements Runnable {
    protected final long address;
    protected final long bytes;
    private final long id = COUNT.incrementAndGet();
    private final AtomicInteger users = new AtomicInteger(1);
    private final Throwable allocated = TRACE ? new Throwable("allocated here") : null;
    private volatile boolean closed;

    protected Block(long address, long bytes) {
      this.address = address;
      this.bytes = bytes;
      LIVE.addAndGet(bytes);
    }

    /** Frees the memory. Called once. */
    protected abstract void free();

    /**
     * Called once when the handle is closed or lost. {@link #free} follows when the last reader has
     * finished.
     */
    protected void closed() {}

    /** Runs once: on close, or when the handle was lost. */
    @Override
    public final void run() {
      if (!closed) {
        closed = true;
        if (TRACE) {
          LOG.log(
              System.Logger.Level.WARNING,
              "native memory " + id + " of " + bytes + " bytes was never closed",
              allocated);
        }
        Lost.add(bytes);
      }
      closed();
      release();
    }

    /**
     * Keeps the memory from being freed until {@link #release}.
     *
     * @throws IllegalStateException after it was closed
     */
    public final void retain() {
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

    /** Ends the effect of {@link #retain}. */
    public final void release() {
      if (users.decrementAndGet() == 0) {
        free();
        LIVE.addAndGet(-bytes);
      }
    }
  }

  private static final class Address extends Pointer {
    Address(long address) {
      this.address = address;
    }
  }

  protected Memory(Block block) {
    this.block = block;
    this.cleanable = CLEANER.register(reachable, block);
  }

  /**
   * Bytes of all memory that elmo4j holds in this process on all devices, including closed blocks
   * that buffers still keep alive.
   */
  public static long liveBytes() {
    return LIVE.get();
  }

  /**
   * The number of blocks so far that were never closed and that the garbage collector has found.
   */
  public static long lost() {
    synchronized (Lost.class) {
      return Lost.all;
    }
  }

  /** The device whose memory this is. */
  public abstract Device device();

  /** The size of this block. */
  public final long bytes() {
    return block.bytes;
  }

  /** Held while it is read. */
  protected final Block block() {
    return block;
  }

  /**
   * Returns a read-only buffer of {@code count} floats, starting at float {@code offset}. For host
   * memory it is a view, and the memory stays alive as long as the buffer is reachable. For other
   * memory it is a copy.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public abstract FloatBuffer floats(long offset, int count);

  /**
   * Copies floats, starting at float {@code offset}, to an array.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public abstract void copyTo(long offset, float[] target);

  /**
   * Copies floats, starting at float {@code offset}, to a buffer, as many as it has remaining. Its
   * position moves to its limit.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public abstract void copyTo(long offset, FloatBuffer target);

  /** One float. */
  public float getFloat(long offset) {
    float[] one = new float[1];
    copyTo(offset, one);
    return one[0];
  }

  /**
   * Copies the block to host memory. The caller owns the result of the future. The copy has the
   * bytes of the moment of the call, even if this memory is closed before the copy is complete.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public abstract CompletableFuture<NativeMemory> toHost();

  /** The address of the CUDA stream that this memory belongs to; 0 for host memory. */
  public long stream() {
    return 0;
  }

  /**
   * The address of the first byte on its device.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public final long address() {
    block.retain();
    block.release();
    return block.address;
  }

  /** Checks that {@code count} floats from {@code offset} on lie inside this block. */
  protected final void checkRange(long offset, long count) {
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

  /** A pointer to an address of any device. It does not own the memory. */
  public static Pointer at(long address) {
    return new Address(address);
  }

  /**
   * A pointer for native calls on the device. It owns nothing, and nothing is checked. The caller
   * keeps this memory open while the pointer is used.
   */
  public final FloatPointer floatPointer(long offset) {
    return new FloatPointer(at(block.address + offset * Float.BYTES));
  }

  /** Like {@link #floatPointer}; the offset counts bytes. */
  public final BytePointer bytePointer(long offset) {
    return new BytePointer(at(block.address + offset));
  }

  /** Like {@link #floatPointer}; the offset counts ints. */
  public final IntPointer intPointer(long offset) {
    return new IntPointer(at(block.address + offset * Integer.BYTES));
  }

  /** Like {@link #floatPointer}; the offset counts shorts. */
  public final ShortPointer shortPointer(long offset) {
    return new ShortPointer(at(block.address + offset * Short.BYTES));
  }

  /** Frees the memory once no access is in progress. Further calls have no effect. */
  @Override
  public final void close() {
    block.closed = true;
    cleanable.clean();
  }
}
