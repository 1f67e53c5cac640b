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
 * A block of a device's memory, counted. Whoever allocates it closes it. It is freed when it is
 * closed and nobody reads it: an access under way puts the free off, so that no order of calls can
 * reach freed memory. What is forgotten is freed by the garbage collector, with a warning. Any
 * number of threads may use it.
 */
public abstract class Memory implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Memory.class.getName());
  private static final AtomicLong LIVE = new AtomicLong();
  private static final AtomicLong COUNT = new AtomicLong();
  private static final boolean TRACE = Boolean.getBoolean("elmo4j.leakTrace");
  static final Cleaner CLEANER = Cleaner.create();

  private final Block block;
  private final Cleaner.Cleanable cleanable;

  /**
   * Blocks that nobody closed. A leak loses many at once: one warning counts those that are found
   * within a moment.
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
        thread.start(); // It ends soon: no thread of ours stays.
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
          // Nobody interrupts this thread; if so, it hurries.
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

  /** The memory itself, shared by the handle, accesses under way and buffers handed out. */
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

    /** Gives the memory back. Called once. */
    protected abstract void free();

    /** The handle is gone; {@link #free} comes with the last reader. Called once. */
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
     * Keeps the memory until {@link #release}.
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

    /** Ends what {@link #retain} began. */
    public final void release() {
      if (users.decrementAndGet() == 0) {
        free();
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

  protected Memory(Block block) {
    this.block = block;
    this.cleanable = CLEANER.register(this, block);
  }

  /**
   * Bytes of all memory that elmo4j holds in this process, on every device, closed blocks that
   * buffers hold back included.
   */
  public static long liveBytes() {
    return LIVE.get();
  }

  /** How many blocks nobody closed so far, found by the garbage collector. */
  public static long lost() {
    synchronized (Lost.class) {
      return Lost.all;
    }
  }

  /** Where it lies. */
  public abstract Device device();

  /** This block's size. */
  public final long bytes() {
    return block.bytes;
  }

  /** Held while it is read. */
  protected final Block block() {
    return block;
  }

  /**
   * A read-only buffer of {@code count} floats from float {@code offset} on: of host memory itself,
   * which then stays as long as the buffer is reachable; of other memory a copy.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public abstract FloatBuffer floats(long offset, int count);

  /**
   * Copies floats from float {@code offset} on into an array.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public abstract void copyTo(long offset, float[] target);

  /**
   * The same into a buffer, as many as remain in it; its position moves to its limit.
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
   * A copy in host memory, of which the taker of the future's result becomes the owner. The bytes
   * are those of when it was asked for, though this memory is closed meanwhile.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public abstract CompletableFuture<NativeMemory> toHost();

  /** The address of the CUDA stream that it belongs to; 0 for host memory. */
  public long stream() {
    return 0;
  }

  /**
   * Where it begins, on its device.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public final long address() {
    block.retain();
    block.release();
    return block.address;
  }

  /** Checks that so many floats from {@code offset} on are in here. */
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

  private Address at(long byteOffset) {
    return new Address(block.address + byteOffset);
  }

  /**
   * For native calls on its device: owns nothing and checks nothing. The caller keeps this memory
   * open while it is used.
   */
  public final FloatPointer floatPointer(long offset) {
    return new FloatPointer(at(offset * Float.BYTES));
  }

  /** As {@link #floatPointer}; the offset counts bytes. */
  public final BytePointer bytePointer(long offset) {
    return new BytePointer(at(offset));
  }

  /** As {@link #floatPointer}; the offset counts ints. */
  public final IntPointer intPointer(long offset) {
    return new IntPointer(at(offset * Integer.BYTES));
  }

  /** As {@link #floatPointer}; the offset counts shorts. */
  public final ShortPointer shortPointer(long offset) {
    return new ShortPointer(at(offset * Short.BYTES));
  }

  /** Frees the memory once nobody reads it. Harmless when repeated. */
  @Override
  public final void close() {
    block.closed = true;
    cleanable.clean();
  }
}
