// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.elmo4j.internal.backend.Batch;
import org.elmo4j.internal.backend.ContinuousBatcher;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.internal.kernels.CpuKernels;
import org.elmo4j.weights.ModelOptions;

/**
 * Continuous batching on the processor. Running sentences are divided among slot groups, one for
 * each two workers. In an iteration a slot group advances all its sentences by a few steps, each
 * direction on one worker; the worker that finishes first helps the other. After an iteration,
 * finished sentences leave and waiting ones take the free slots; the group then queues its next
 * iteration behind the workers' other tasks. So a step has as many rows as there are callers,
 * whereas a batch runs out of rows towards its end.
 */
final class CpuContinuousBatcher implements ContinuousBatcher, AutoCloseable {
  /** More rows do not make a step faster (product.h). */
  private static final int GROUP_SLOTS = 192;

  /**
   * Positions of an iteration with few sentences. The input's half of the gates is computed for all
   * of them at once (lstm.cpp).
   */
  private static final int FEW_POSITIONS = 64;

  /** Most steps of an iteration: a new sentence waits until it ends. */
  private static final int MAX_STEPS = 16;

  /** Longest wait for callers that got a result to submit again, in nanoseconds. */
  private static final long MAX_WAIT = 2_000_000;

  private final CpuWeights weights;
  private final Workers workers;
  private final int layers;
  private final int projection;
  private final int cells;
  private final float[] zeros;
  private final List<SlotGroup> slotGroups;

  CpuContinuousBatcher(CpuWeights weights, ModelOptions options, Workers workers) {
    this.weights = weights;
    this.workers = workers;
    layers = options.lstmLayers();
    projection = options.projectionDim();
    cells = options.lstmDim();
    zeros = new float[Math.max(projection, cells)];
    slotGroups =
        IntStream.range(0, Math.max(1, workers.threads() / 2))
            .mapToObj(i -> new SlotGroup())
            .toList();
  }

  @Override
  public int freeSlots() {
    int freeSlots = 0;
    for (int i = 0; i < slotGroups.size(); i++) {
      int free = GROUP_SLOTS - slotGroups.get(i).occupied.get();
      freeSlots += free < GROUP_SLOTS / 4 ? 0 : free;
    }
    return freeSlots;
  }

  @Override
  public long workspaceBytes(int sentences, int positions) {
    long row = 2L * (layers * (projection + cells) + cells); // state, m
    return (2L * layers * positions * projection + 2 * row * sentences) * Float.BYTES;
  }

  @Override
  public void add(
      Batch batch, Memory tokenRepresentations, List<Output> outputs, Listener listener) {
    int top = Output.topLayer(outputs);
    AddedBatch added;
    try {
      added =
          new AddedBatch(
              new CpuBatchRun(
                  weights, projection, cells, batch, top, tokenRepresentations, outputs),
              tokenRepresentations,
              listener);
    } catch (Throwable e) {
      for (int row = 0; row < batch.sentences(); row++) {
        listener.complete(row, e);
      }
      return;
    }
    for (int row = 0; row < batch.sentences(); row++) {
      Sentence sentence = new Sentence(added, row);
      if (top == 0) {
        sentence.finish(null);
      } else {
        emptiest().add(sentence);
      }
    }
    for (int i = 0; i < slotGroups.size(); i++) {
      slotGroups.get(i).start();
    }
  }

  private SlotGroup emptiest() {
    SlotGroup emptiest = slotGroups.get(0);
    for (int i = 1; i < slotGroups.size(); i++) {
      if (slotGroups.get(i).occupied.get() < emptiest.occupied.get()) {
        emptiest = slotGroups.get(i);
      }
    }
    return emptiest;
  }

  /** Waits until all sentences are complete. */
  @Override
  public void close() {
    slotGroups.forEach(SlotGroup::awaitIdle);
  }

  /** Sentences that were added together. */
  private static final class AddedBatch {
    final CpuBatchRun run;
    final long tokenRepresentations;
    final long outputs;
    final Listener listener;
    final AtomicInteger left;

    AddedBatch(CpuBatchRun run, Memory tokenRepresentations, Listener listener) {
      this.run = run;
      this.tokenRepresentations = tokenRepresentations.address();
      this.outputs = run.outputs.address();
      this.listener = listener;
      left = new AtomicInteger(run.batch.sentences());
    }
  }

  private static final class Sentence {
    final AddedBatch added;
    final int row;
    final int start;
    final int length;
    int steps; // done

    Sentence(AddedBatch added, int row) {
      this.added = added;
      this.row = row;
      start = added.run.batch.start()[row];
      length = added.run.batch.length()[row];
    }

    /** The position of its batch that a direction reads at a step. */
    int position(int direction, int step) {
      return start + (direction == 0 ? step : length - 1 - step);
    }

    void finish(Throwable failure) {
      Throwable wrong = failure;
      try {
        if (wrong == null) {
          added.run.write(row, row + 1);
        }
      } catch (Throwable e) {
        wrong = e;
      }
      if (added.left.decrementAndGet() == 0) {
        added.run.close();
      }
      added.listener.complete(row, wrong);
    }
  }

  /**
   * The sentences of two workers. One iteration follows another; sentences may be added meanwhile.
   */
  private final class SlotGroup {
    final AtomicInteger occupied = new AtomicInteger(); // slots: running and waiting sentences

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition idle = lock.newCondition();
    // Guarded by the lock.
    private final Deque<Sentence> waiting = new ArrayDeque<>();
    private boolean running;

    // State of the iteration.
    private final List<Runnable> directions = List.of(() -> direction(0), () -> direction(1));
    private final List<Sentence> rows = new ArrayList<>();
    private final AtomicInteger directionsLeft = new AtomicInteger();
    private final DirectionBuffers[] buffers = new DirectionBuffers[2]; // one a direction
    private int steps;
    private int top; // layer
    private long began; // ns
    private volatile Throwable failure;

    /** Adds a sentence to the next iteration. */
    void add(Sentence sentence) {
      lock.lock();
      try {
        waiting.add(sentence);
        occupied.incrementAndGet();
      } finally {
        lock.unlock();
      }
    }

    /** Starts an iteration if none is running and a sentence waits. */
    void start() {
      lock.lock();
      try {
        if (running || waiting.isEmpty()) {
          return;
        }
        running = true;
      } finally {
        lock.unlock();
      }
      startIteration();
    }

    /** Starts an iteration of all sentences, or becomes idle if there are none. */
    private void startIteration() {
      int before = rows.size();
      lock.lock();
      try {
        for (Sentence next; (next = waiting.poll()) != null; ) {
          rows.add(next);
        }
        if (rows.isEmpty()) {
          closeBuffers();
          running = false;
          idle.signalAll();
          return;
        }
      } finally {
        lock.unlock();
      }
      began = System.nanoTime();
      try {
        growBuffers(before);
        steps = Math.max(1, Math.min(MAX_STEPS, FEW_POSITIONS / rows.size()));
        top = 0;
        for (Sentence sentence : rows) {
          steps = Math.min(steps, sentence.length - sentence.steps);
          top = Math.max(top, sentence.added.run.layers);
        }
      } catch (Throwable e) {
        failure = e;
        endIteration();
        return;
      }
      directionsLeft.set(2);
      for (DirectionBuffers buffer : buffers) {
        buffer.begin();
      }
      for (Runnable direction : directions) {
        try {
          workers.execute(direction);
        } catch (Throwable e) {
          direction.run(); // The queue has no memory; no caller may wait forever.
        }
      }
    }

    /** Makes buffers for all rows; rows before {@code known} keep their state, others are zero. */
    private void growBuffers(int known) {
      for (int direction = 0; direction < 2; direction++) {
        DirectionBuffers buffer = buffers[direction];
        if (buffer == null || buffer.size < rows.size()) {
          DirectionBuffers larger =
              new DirectionBuffers(Math.max(16, 2 * rows.size())); // More will come.
          if (buffer != null) {
            larger.copyState(buffer, known);
            buffer.close();
          }
          buffers[direction] = larger;
        }
        for (int row = known; row < rows.size(); row++) {
          buffers[direction].clearState(row);
        }
      }
    }

    private void closeBuffers() {
      for (int direction = 0; direction < 2; direction++) {
        if (buffers[direction] != null) {
          buffers[direction].close();
          buffers[direction] = null;
        }
      }
    }

    private void direction(int direction) {
      try {
        buffers[direction].run(direction, rows, steps, top);
        if (!workers.haveWaiting()) {
          buffers[1 - direction].help();
        }
      } catch (Throwable e) {
        failure = e;
      }
      if (directionsLeft.decrementAndGet() == 0) {
        endIteration();
      }
    }

    /** Ends an iteration: finished sentences leave. */
    private void endIteration() {
      Throwable wrong = failure;
      failure = null;
      int all = occupied.get();
      int left = 0;
      for (int r = rows.size() - 1; r >= 0; r--) {
        Sentence sentence = rows.get(r);
        sentence.steps += steps;
        if (wrong != null || sentence.steps == sentence.length) {
          Sentence last = rows.remove(rows.size() - 1);
          if (wrong == null && r < rows.size()) {
            rows.set(r, last);
            for (DirectionBuffers buffer : buffers) {
              buffer.moveState(rows.size(), r);
            }
          }
          occupied.decrementAndGet();
          sentence.finish(wrong);
          left++;
        }
      }
      awaitReturn(left, all);
      startIteration();
    }

    /**
     * Waits a moment for callers that got a result to submit again, so that they do not miss the
     * next iteration. The wait is at most what the missing rows would save of an iteration.
     *
     * @param left how many got a result
     * @param all running sentences before they left
     */
    private void awaitReturn(int left, int all) {
      if (left == 0 || rows.isEmpty() || all > FEW_POSITIONS) {
        return;
      }
      long now = System.nanoTime();
      long until = now + Math.min(MAX_WAIT, (now - began) * left / all);
      // It does not sleep: waking up would take a good part of that time.
      while (occupied.get() < all && System.nanoTime() - until < 0) {
        Thread.yield();
      }
    }

    void awaitIdle() {
      lock.lock();
      try {
        while (running) {
          idle.awaitUninterruptibly();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** Native memory of one direction of a slot group, and pointers into it that are made once. */
  private final class DirectionBuffers implements AutoCloseable {
    final int size; // rows
    private final NativeMemory memory;
    private long end; // of what was laid out, in floats

    private final FloatBuffer state;
    private final int[] h = new int[layers]; // where [size, P] of each layer begins, in floats
    private final int[] c = new int[layers];
    private final FloatPointer[] hPointer = new FloatPointer[layers];
    private final FloatPointer[] cPointer = new FloatPointer[layers];
    // Addresses of rows, step by step, for each layer; layer 0 is the token representations.
    private final LongBuffer[] rowAddresses = new LongBuffer[layers + 1];
    private final List<PointerPointer<FloatPointer>> rowAddressPointer = new ArrayList<>();
    private final long unwanted; // address of a row for outputs that nobody reads
    private final FloatPointer scratch;
    private final Pointer sharing;
    private volatile boolean helpable;

    DirectionBuffers(int size) {
      this.size = size;
      int positions = Math.max(size, FEW_POSITIONS); // of an iteration
      for (int layer = 0; layer < layers; layer++) {
        h[layer] = Math.toIntExact(layOut((long) size * projection));
        c[layer] = Math.toIntExact(layOut((long) size * cells));
      }
      long stateEnd = end;
      long[] addressStarts = new long[layers + 1];
      for (int layer = 0; layer <= layers; layer++) {
        addressStarts[layer] = layOut(positions * (long) (Long.BYTES / Float.BYTES));
      }
      long unwantedRow = layOut(projection);
      long scratchStart = layOut(weights.lstmScratch(size));
      long sharingStart = layOut(CpuKernels.elmo4j_cpu_sharing_size() / Float.BYTES);
      memory = NativeMemory.allocate(end * Float.BYTES);
      state = memory.floatPointer(0).capacity(stateEnd).asBuffer();
      for (int layer = 0; layer < layers; layer++) {
        hPointer[layer] = memory.floatPointer(h[layer]);
        cPointer[layer] = memory.floatPointer(c[layer]);
      }
      for (int layer = 0; layer <= layers; layer++) {
        FloatPointer at = memory.floatPointer(addressStarts[layer]);
        rowAddresses[layer] = new LongPointer(at).capacity(positions).asBuffer();
        rowAddressPointer.add(new PointerPointer<>(at));
      }
      unwanted = memory.address() + unwantedRow * Float.BYTES;
      scratch = memory.floatPointer(scratchStart);
      sharing = memory.floatPointer(sharingStart);
    }

    private long layOut(long floats) {
      long at = end;
      end += CpuBackend.aligned(floats);
      return at;
    }

    /** Copies the state of the first rows of another. */
    void copyState(DirectionBuffers from, int rows) {
      for (int layer = 0; layer < layers; layer++) {
        state.put(h[layer], from.state, from.h[layer], rows * projection);
        state.put(c[layer], from.state, from.c[layer], rows * cells);
      }
    }

    void clearState(int row) {
      for (int layer = 0; layer < layers; layer++) {
        state.put(h[layer] + row * projection, zeros, 0, projection);
        state.put(c[layer] + row * cells, zeros, 0, cells);
      }
    }

    void moveState(int from, int to) {
      for (int layer = 0; layer < layers; layer++) {
        state.put(h[layer] + to * projection, state, h[layer] + from * projection, projection);
        state.put(c[layer] + to * cells, state, c[layer] + from * cells, cells);
      }
    }

    /** Prepares an iteration; no thread may use the buffers. */
    void begin() {
      helpable = false;
      CpuKernels.elmo4j_cpu_sharing_begin(sharing);
    }

    /** Helps {@link #run}, if it is running, until it ends. */
    void help() {
      if (helpable) {
        CpuKernels.elmo4j_cpu_sharing_help(sharing);
      }
    }

    /** Advances all rows by some steps through the layers up to {@code top}. */
    void run(int direction, List<Sentence> rows, int steps, int top) {
      long rowBytes = (long) projection * Float.BYTES;
      int count = rows.size();
      for (int r = 0; r < count; r++) {
        Sentence sentence = rows.get(r);
        AddedBatch added = sentence.added;
        int[] tokenRow = added.run.batch.tokenRow();
        for (int t = 0; t < steps; t++) {
          int position = sentence.position(direction, sentence.steps + t);
          int at = t * count + r;
          rowAddresses[0].put(at, added.tokenRepresentations + tokenRow[position] * rowBytes);
          for (int layer = 1; layer <= top; layer++) {
            boolean wanted = layer <= added.run.layers;
            long output =
                added.outputs + added.run.outputRow(layer, direction, position) * rowBytes;
            rowAddresses[layer].put(at, wanted ? output : unwanted);
          }
        }
      }
      helpable = true;
      try {
        for (int layer = 0; layer < top; layer++) {
          CpuKernels.elmo4j_cpu_lstm_steps(
              weights.lstm[layer][direction],
              count,
              steps,
              rowAddressPointer.get(layer),
              hPointer[layer],
              cPointer[layer],
              rowAddressPointer.get(layer + 1),
              scratch,
              sharing);
        }
      } finally {
        CpuKernels.elmo4j_cpu_sharing_end(sharing);
      }
    }

    @Override
    public void close() {
      memory.close();
    }
  }
}
