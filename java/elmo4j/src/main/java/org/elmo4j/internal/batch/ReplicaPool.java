// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.elmo4j.Device;
import org.elmo4j.internal.kernels.NativeLibrary;

/**
 * Holds one copy of a model for each of its devices. A call runs on the device that has the fewest
 * queued and running positions (the tokens and two boundaries of each sentence), or on the next in
 * turn if several have equally few. Thread-safe; the caller of {@link #close} makes sure that no
 * call is running.
 */
public final class ReplicaPool implements AutoCloseable {
  private final List<Embedder> all = new ArrayList<>();
  private final long[] positions; // queued and running on each device
  private int last; // the device that was chosen last

  /**
   * Loads the copies one after the other. If one fails, those before it are closed.
   *
   * @param devices one or more
   */
  public ReplicaPool(List<Device> devices, Function<Device, Embedder> load) {
    positions = new long[devices.size()];
    last = devices.size() - 1;
    NativeLibrary.beginUse();
    try {
      devices.forEach(device -> all.add(load.apply(device)));
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /** All copies, in the order of the devices. */
  public List<Embedder> all() {
    return all;
  }

  /** The copy with the fewest positions, for a caller that will always use the same one. */
  public Embedder pick() {
    return all.get(begin(null, 0));
  }

  /**
   * Runs a call on one of the copies.
   *
   * @param on the copy, or null for the one with the fewest positions
   */
  public <T> T run(
      Embedder on, List<? extends List<String>> sentences, Function<Embedder, T> call) {
    long size = 0;
    for (List<String> sentence : sentences) {
      size += Batches.positions(sentence);
    }
    int replica = begin(on, size);
    try {
      return call.apply(all.get(replica));
    } finally {
      end(replica, size);
    }
  }

  private synchronized int begin(Embedder on, long size) {
    int least = all.indexOf(on);
    if (least < 0) {
      for (int i = 1; i <= positions.length; i++) {
        int next = (last + i) % positions.length;
        if (least < 0 || positions[next] < positions[least]) {
          least = next;
        }
      }
      last = least;
    }
    positions[least] += size;
    return least;
  }

  private synchronized void end(int replica, long size) {
    positions[replica] -= size;
  }

  /** Closes all copies. To be called once. */
  @Override
  public void close() {
    all.forEach(Embedder::close);
    NativeLibrary.endUse();
  }
}
