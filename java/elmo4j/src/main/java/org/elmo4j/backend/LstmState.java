// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.elmo4j.weights.ModelOptions;

/**
 * What an LSTM carries from one batch to the next: for each layer, direction and row the projected
 * output h and the cell state c. For one thread at a time.
 */
public final class LstmState implements AutoCloseable {
  private final int projection;
  private final int cells;
  private final List<NativeMemory> hidden = new ArrayList<>();
  private final List<NativeMemory> cell = new ArrayList<>();
  private int rows;

  /** No rows yet. */
  public LstmState(ModelOptions options) {
    this(options.projectionDim(), options.lstmDim(), 2 * options.lstmLayers());
  }

  private LstmState(int projection, int cells, int count) {
    this.projection = projection;
    this.cells = cells;
    for (int i = 0; i < count; i++) {
      hidden.add(NativeMemory.allocate(0));
      cell.add(NativeMemory.allocate(0));
    }
  }

  /** How many rows there are. */
  public int rows() {
    return rows;
  }

  /** Makes room for at least so many rows; new ones are zero, old ones keep their state. */
  public void grow(int atLeast) {
    if (atLeast > rows) {
      for (int i = 0; i < hidden.size(); i++) {
        hidden.set(i, grown(hidden.get(i), (long) atLeast * projection));
        cell.set(i, grown(cell.get(i), (long) atLeast * cells));
      }
      rows = atLeast;
    }
  }

  /** The same rows in memory of their own. */
  public LstmState copy() {
    LstmState copy = new LstmState(projection, cells, hidden.size());
    try {
      copy.grow(rows);
      for (int i = 0; i < hidden.size(); i++) {
        copyAll(hidden.get(i), copy.hidden.get(i));
        copyAll(cell.get(i), copy.cell.get(i));
      }
      return copy;
    } catch (Throwable e) {
      copy.close();
      throw e;
    }
  }

  private static NativeMemory grown(NativeMemory old, long floats) {
    NativeMemory memory = NativeMemory.allocate(floats * Float.BYTES);
    Pointer.memset(memory.floatPointer(0), 0, memory.bytes());
    copyAll(old, memory);
    old.close();
    return memory;
  }

  private static void copyAll(NativeMemory from, NativeMemory to) {
    Pointer.memcpy(to.floatPointer(0), from.floatPointer(0), from.bytes());
  }

  /** [rows, P] of one layer (from 0) and direction (0 forward, 1 backward). */
  public NativeMemory hidden(int layer, int direction) {
    return hidden.get(2 * layer + direction);
  }

  /** [rows, cells] of one layer (from 0) and direction (0 forward, 1 backward). */
  public NativeMemory cell(int layer, int direction) {
    return cell.get(2 * layer + direction);
  }

  @Override
  public void close() {
    hidden.forEach(NativeMemory::close);
    cell.forEach(NativeMemory::close);
  }
}
