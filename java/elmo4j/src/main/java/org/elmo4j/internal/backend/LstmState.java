// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.elmo4j.weights.ModelOptions;

/**
 * The LSTM state that is carried from one batch to the next: the projected output h and the cell
 * state c for each layer, direction and row, in memory of the backend. Not thread-safe.
 */
public final class LstmState implements AutoCloseable {
  private final Backend backend;
  private final int projection;
  private final int cells;
  private final List<Memory> hidden = new ArrayList<>();
  private final List<Memory> cell = new ArrayList<>();
  private int rows;

  /** Makes state without rows. */
  public LstmState(Backend backend, ModelOptions options) {
    this(backend, options.projectionDim(), options.lstmDim());
    for (int i = 0; i < 2 * options.lstmLayers(); i++) {
      hidden.add(backend.allocate(0));
      cell.add(backend.allocate(0));
    }
  }

  private LstmState(Backend backend, int projection, int cells) {
    this.backend = backend;
    this.projection = projection;
    this.cells = cells;
  }

  /** The number of rows. */
  public int rows() {
    return rows;
  }

  /**
   * Adds rows until there are at least {@code atLeast}. New rows are zero; old rows keep their
   * state.
   */
  public void grow(int atLeast) {
    if (atLeast > rows) {
      LstmState larger = copy(atLeast);
      close();
      for (int i = 0; i < hidden.size(); i++) {
        hidden.set(i, larger.hidden.get(i));
        cell.set(i, larger.cell.get(i));
      }
      rows = atLeast;
    }
  }

  /** Copies the state to new memory. */
  public LstmState copy() {
    return copy(rows);
  }

  private LstmState copy(int atLeast) {
    LstmState copy = new LstmState(backend, projection, cells);
    try {
      for (int i = 0; i < hidden.size(); i++) {
        copy.hidden.add(copy(hidden.get(i), atLeast, projection, backend.numberBytes()));
        copy.cell.add(copy(cell.get(i), atLeast, cells, Float.BYTES));
      }
    } catch (Throwable e) {
      copy.close();
      throw e;
    }
    copy.rows = atLeast;
    return copy;
  }

  private Memory copy(Memory old, int atLeast, int width, int numberBytes) {
    Memory memory = backend.allocate((long) atLeast * width * numberBytes);
    try {
      int[] kept = IntStream.range(0, rows).toArray();
      backend.clear(memory);
      backend.copyRows(width, numberBytes, rows, old, kept, memory, kept);
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
    return memory;
  }

  /** [rows, P] of one layer (from 0) and direction (0 forward, 1 backward). */
  public Memory hidden(int layer, int direction) {
    return hidden.get(2 * layer + direction);
  }

  /** [rows, cells] of one layer (from 0) and direction (0 forward, 1 backward). */
  public Memory cell(int layer, int direction) {
    return cell.get(2 * layer + direction);
  }

  /** A copy of one row of {@link #hidden}. */
  public float[] hiddenRow(int layer, int direction, int row) {
    float[] values = new float[projection];
    backend.read(hidden(layer, direction), backend.numberBytes(), (long) row * projection, values);
    return values;
  }

  /** A copy of one row of {@link #cell}. */
  public float[] cellRow(int layer, int direction, int row) {
    float[] values = new float[cells];
    backend.read(cell(layer, direction), Float.BYTES, (long) row * cells, values);
    return values;
  }

  @Override
  public void close() {
    hidden.forEach(Memory::close);
    cell.forEach(Memory::close);
  }
}
