// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cpu;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
import org.elmo4j.internal.backend.Batch;
import org.elmo4j.internal.backend.ContinuousBatcher;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.Output;
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
  private final ModelOptions options;
  private final Workers workers;
  private final int layers;
  private final int projection;
  private final int cells;
  private final List<SlotGroup> slotGroups;

  CpuContinuousBatcher(CpuWeights weights, ModelOptions options, Workers workers) {
    this.weights = weights;
    this.options = options;
    this.workers = workers;
    layers = options.lstmLayers();
    projection = options.projectionDim();
    cells = options.lstmDim();
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
                  weights, projection, cells, batch, top, tokenRepresentations, null, outputs),
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
  static final class AddedBatch {
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

  static final class Sentence {
    final AddedBatch added;
    final int row;
    final int steps;
    int done; // of its steps

    Sentence(AddedBatch added, int row) {
      this.added = added;
      this.row = row;
      steps = added.run.steps(row);
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
   * The sentences of two workers. Iterations run one after another; sentences may be added while
   * one runs.
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
          steps = Math.min(steps, sentence.steps - sentence.done);
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
          int size = Math.max(16, 2 * rows.size()); // More will come.
          DirectionBuffers larger = new DirectionBuffers(weights, options, FEW_POSITIONS, size);
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
        sentence.done += steps;
        if (wrong != null || sentence.done == sentence.steps) {
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
     * @param left the number of sentences that got a result
     * @param the number of running and waiting sentences before those left
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
}
