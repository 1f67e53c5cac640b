// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend.cpu;

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
import org.elmo4j.backend.Batch;
import org.elmo4j.backend.Flow;
import org.elmo4j.backend.Memory;
import org.elmo4j.backend.NativeMemory;
import org.elmo4j.backend.Output;
import org.elmo4j.weights.ModelOptions;

/**
 * Sentences under way on the processor, in lanes of two workers. A lane takes all its sentences a
 * few steps on, one direction a worker, and who is ready first helps the other; then those that
 * ended leave, those that wait join, and it queues again behind the workers' other tasks. So its
 * rows stay as many as there are callers, where a batch runs out of rows towards its end.
 */
final class CpuFlow implements Flow, AutoCloseable {
  /** More rows make a step no faster (product.h). */
  private static final int LANE_SENTENCES = 192;

  /** Positions of a round of few sentences: the input's half of the gates likes many (lstm.cpp). */
  private static final int FEW_POSITIONS = 64;

  /** Steps of a round at most: who joins waits for its end. */
  private static final int MAX_STEPS = 16;

  /** Longest wait for who got a result to come back, in nanoseconds. */
  private static final long MAX_WAIT = 2_000_000;

  private final CpuBackend backend;
  private final Workers workers;
  private final boolean shared; // whether directions can help each other
  private final int layers;
  private final int projection;
  private final int cells;
  private final float[] zeros;
  private final List<Lane> lanes;

  CpuFlow(CpuBackend backend, ModelOptions options, Workers workers) {
    this.backend = backend;
    this.workers = workers;
    shared = backend.canShare();
    layers = options.lstmLayers();
    projection = options.projectionDim();
    cells = options.lstmDim();
    zeros = new float[Math.max(projection, cells)];
    lanes =
        IntStream.range(0, Math.max(1, workers.threads() / 2)).mapToObj(i -> new Lane()).toList();
  }

  @Override
  public int room() {
    int room = 0;
    for (int i = 0; i < lanes.size(); i++) {
      int free = LANE_SENTENCES - lanes.get(i).members.get();
      room += free < LANE_SENTENCES / 4 ? 0 : free;
    }
    return room;
  }

  @Override
  public long workspaceBytes(int sentences, int positions) {
    long row = 2L * (layers * (projection + cells) + cells); // state, m
    return (2L * layers * positions * projection + 2 * row * sentences) * Float.BYTES;
  }

  @Override
  public void join(Batch batch, Memory words, List<Output> outputs, Done done) {
    int top = outputs.stream().mapToInt(Output::topLayer).max().orElse(0);
    Group group;
    try {
      group = new Group(backend.new Running(batch, top, words, outputs), words, done);
    } catch (Throwable e) {
      for (int row = 0; row < batch.sentences(); row++) {
        done.done(row, e);
      }
      return;
    }
    for (int row = 0; row < batch.sentences(); row++) {
      Sentence sentence = new Sentence(group, row);
      if (top == 0) {
        sentence.finish(null);
      } else {
        emptiest().add(sentence);
      }
    }
    for (int i = 0; i < lanes.size(); i++) {
      lanes.get(i).begin();
    }
  }

  private Lane emptiest() {
    Lane emptiest = lanes.get(0);
    for (int i = 1; i < lanes.size(); i++) {
      if (lanes.get(i).members.get() < emptiest.members.get()) {
        emptiest = lanes.get(i);
      }
    }
    return emptiest;
  }

  /** Waits until nothing is under way. */
  @Override
  public void close() {
    lanes.forEach(Lane::awaitRest);
  }

  /** Sentences that joined together. */
  private static final class Group {
    final CpuBackend.Running running;
    final long words;
    final long outputs;
    final Done done;
    final AtomicInteger left;

    Group(CpuBackend.Running running, Memory words, Done done) {
      this.running = running;
      this.words = words.address();
      this.outputs = running.outputs.address();
      this.done = done;
      left = new AtomicInteger(running.batch.sentences());
    }
  }

  private static final class Sentence {
    final Group group;
    final int row;
    final int start;
    final int length;
    int steps; // done

    Sentence(Group group, int row) {
      this.group = group;
      this.row = row;
      start = group.running.batch.start()[row];
      length = group.running.batch.length()[row];
    }

    /** The position of its group that a direction reads at a step. */
    int position(int direction, int step) {
      return start + (direction == 0 ? step : length - 1 - step);
    }

    void finish(Throwable failure) {
      Throwable wrong = failure;
      try {
        if (wrong == null) {
          group.running.write(row, row + 1);
        }
      } catch (Throwable e) {
        wrong = e;
      }
      if (group.left.decrementAndGet() == 0) {
        group.running.close();
      }
      group.done.done(row, wrong);
    }
  }

  /** Two workers' sentences. Rounds follow each other; only joining goes on beside them. */
  private final class Lane {
    final AtomicInteger members = new AtomicInteger(); // joining, or rows

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition rested = lock.newCondition();
    // Guarded by the lock.
    private final Deque<Sentence> joining = new ArrayDeque<>();
    private boolean underWay;

    // The round's.
    private final List<Runnable> directions = List.of(() -> direction(0), () -> direction(1));
    private final List<Sentence> rows = new ArrayList<>();
    private final AtomicInteger directionsLeft = new AtomicInteger();
    private final Room[] rooms = new Room[2]; // one a direction
    private int steps;
    private int top; // layer
    private long began; // ns
    private volatile Throwable failure;

    /** Lets a sentence join the next round. */
    void add(Sentence sentence) {
      lock.lock();
      try {
        joining.add(sentence);
        members.incrementAndGet();
      } finally {
        lock.unlock();
      }
    }

    /** Begins if it rests and somebody has joined. */
    void begin() {
      lock.lock();
      try {
        if (underWay || joining.isEmpty()) {
          return;
        }
        underWay = true;
      } finally {
        lock.unlock();
      }
      round();
    }

    /** Begins the next steps of all, or rests. */
    private void round() {
      int before = rows.size();
      lock.lock();
      try {
        for (Sentence next; (next = joining.poll()) != null; ) {
          rows.add(next);
        }
        if (rows.isEmpty()) {
          closeRooms();
          underWay = false;
          rested.signalAll();
          return;
        }
      } finally {
        lock.unlock();
      }
      began = System.nanoTime();
      try {
        makeRoom(before);
        steps = Math.max(1, Math.min(MAX_STEPS, FEW_POSITIONS / rows.size()));
        top = 0;
        for (Sentence sentence : rows) {
          steps = Math.min(steps, sentence.length - sentence.steps);
          top = Math.max(top, sentence.group.running.layers);
        }
      } catch (Throwable e) {
        failure = e;
        end();
        return;
      }
      directionsLeft.set(2);
      for (Room room : rooms) {
        room.begin();
      }
      for (Runnable direction : directions) {
        try {
          workers.execute(direction);
        } catch (Throwable e) {
          direction.run(); // No memory for the queue: nobody may wait for ever.
        }
      }
    }

    /** Room for all rows, with the state of those before {@code known} and zeros for the others. */
    private void makeRoom(int known) {
      for (int direction = 0; direction < 2; direction++) {
        Room room = rooms[direction];
        if (room == null || room.size < rows.size()) {
          Room larger = new Room(Math.max(16, 2 * rows.size())); // More will come.
          if (room != null) {
            larger.copyState(room, known);
            room.close();
          }
          rooms[direction] = larger;
        }
        for (int row = known; row < rows.size(); row++) {
          rooms[direction].clearState(row);
        }
      }
    }

    private void closeRooms() {
      for (int direction = 0; direction < 2; direction++) {
        if (rooms[direction] != null) {
          rooms[direction].close();
          rooms[direction] = null;
        }
      }
    }

    private void direction(int direction) {
      try {
        rooms[direction].run(direction, rows, steps, top);
        if (shared && !workers.haveWaiting()) {
          rooms[1 - direction].help();
        }
      } catch (Throwable e) {
        failure = e;
      }
      if (directionsLeft.decrementAndGet() == 0) {
        end();
      }
    }

    /** After a round: who ended leaves. */
    private void end() {
      Throwable wrong = failure;
      failure = null;
      int all = members.get();
      int left = 0;
      for (int r = rows.size() - 1; r >= 0; r--) {
        Sentence sentence = rows.get(r);
        sentence.steps += steps;
        if (wrong != null || sentence.steps == sentence.length) {
          Sentence last = rows.remove(rows.size() - 1);
          if (wrong == null && r < rows.size()) {
            rows.set(r, last);
            for (Room room : rooms) {
              room.moveState(rows.size(), r);
            }
          }
          members.decrementAndGet();
          sentence.finish(wrong);
          left++;
        }
      }
      awaitReturn(left, all);
      round();
    }

    /**
     * Whoever got a result may come back at once, and would find the next round begun. Waiting for
     * it is worth the time that the missing rows' share of a round takes.
     *
     * @param left how many got one
     * @param all members before they left
     */
    private void awaitReturn(int left, int all) {
      if (left == 0 || rows.isEmpty() || all > FEW_POSITIONS) {
        return;
      }
      long now = System.nanoTime();
      long until = now + Math.min(MAX_WAIT, (now - began) * left / all);
      // Not asleep: to be woken would take a good part of that time.
      while (members.get() < all && System.nanoTime() - until < 0) {
        Thread.yield();
      }
    }

    void awaitRest() {
      lock.lock();
      try {
        while (underWay) {
          rested.awaitUninterruptibly();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** One direction of a lane: native memory, and pointers into it that are made once. */
  private final class Room implements AutoCloseable {
    final int size; // rows
    private final NativeMemory memory;
    private long end; // of what was laid out, in floats

    private final FloatBuffer state;
    private final int[] h = new int[layers]; // where [size, P] of each layer begin
    private final int[] c = new int[layers];
    private final FloatPointer[] hPointer = new FloatPointer[layers];
    private final FloatPointer[] cPointer = new FloatPointer[layers];
    // For each layer, the representations being layer 0: addresses of rows, step by step.
    private final LongBuffer[] place = new LongBuffer[layers + 1];
    private final List<PointerPointer<FloatPointer>> placePointer = new ArrayList<>();
    private final long unwanted; // address of a row
    private final FloatPointer scratch;
    private final Pointer team;
    private volatile boolean running;

    Room(int size) {
      this.size = size;
      int positions = Math.max(size, FEW_POSITIONS); // of a round
      for (int layer = 0; layer < layers; layer++) {
        h[layer] = Math.toIntExact(take((long) size * projection));
        c[layer] = Math.toIntExact(take((long) size * cells));
      }
      long stateEnd = end;
      long[] places = new long[layers + 1];
      for (int layer = 0; layer <= layers; layer++) {
        places[layer] = take(positions * (long) (Long.BYTES / Float.BYTES));
      }
      long unwantedRow = take(projection);
      long scratchStart = take(backend.lstmScratch(size));
      long teamStart = take(CpuKernels.elmo4j_cpu_team_size() / Float.BYTES);
      memory = NativeMemory.allocate(end * Float.BYTES);
      state = memory.floatPointer(0).capacity(stateEnd).asBuffer();
      for (int layer = 0; layer < layers; layer++) {
        hPointer[layer] = memory.floatPointer(h[layer]);
        cPointer[layer] = memory.floatPointer(c[layer]);
      }
      for (int layer = 0; layer <= layers; layer++) {
        FloatPointer at = memory.floatPointer(places[layer]);
        place[layer] = new LongPointer(at).capacity(positions).asBuffer();
        placePointer.add(new PointerPointer<>(at));
      }
      unwanted = memory.address() + unwantedRow * Float.BYTES;
      scratch = memory.floatPointer(scratchStart);
      team = memory.floatPointer(teamStart);
    }

    private long take(long floats) {
      long at = end;
      end += CpuBackend.aligned(floats);
      return at;
    }

    /** The state of the first rows of another. */
    void copyState(Room from, int rows) {
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

    /** Before a round: nobody is in here. */
    void begin() {
      running = false;
      CpuKernels.elmo4j_cpu_team_begin(team);
    }

    /** Takes part in {@link #run}, if it has begun, until it ends. */
    void help() {
      if (running) {
        CpuKernels.elmo4j_cpu_team_help(team);
      }
    }

    /** Takes all rows some steps on, through the layers up to {@code top}. */
    void run(int direction, List<Sentence> rows, int steps, int top) {
      long rowBytes = (long) projection * Float.BYTES;
      int count = rows.size();
      for (int r = 0; r < count; r++) {
        Sentence sentence = rows.get(r);
        Group group = sentence.group;
        int[] word = group.running.batch.word();
        for (int t = 0; t < steps; t++) {
          int position = sentence.position(direction, sentence.steps + t);
          int at = t * count + r;
          place[0].put(at, group.words + word[position] * rowBytes);
          for (int layer = 1; layer <= top; layer++) {
            boolean wanted = layer <= group.running.layers;
            long output =
                group.outputs + group.running.outputRow(layer, direction, position) * rowBytes;
            place[layer].put(at, wanted ? output : unwanted);
          }
        }
      }
      running = true;
      try {
        for (int layer = 0; layer < top; layer++) {
          backend.lstmSteps(
              layer,
              direction,
              count,
              steps,
              placePointer.get(layer),
              hPointer[layer],
              cPointer[layer],
              placePointer.get(layer + 1),
              scratch,
              team);
        }
      } finally {
        CpuKernels.elmo4j_cpu_team_end(team);
      }
    }

    @Override
    public void close() {
      memory.close();
    }
  }
}
