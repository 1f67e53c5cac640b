// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.elmo4j.Device;
import org.elmo4j.internal.kernels.NativeLibrary;

/**
 * A model once on each of its devices. A call runs on one of them: that with the fewest positions
 * (tokens and two boundaries a sentence) queued and under way, of equal ones the next in turn. Any
 * number of threads may use it; whoever closes it sees to it that no call is under way.
 */
public final class ReplicaPool implements AutoCloseable {
  private final List<Embedder> all = new ArrayList<>();
  private final long[] positions; // queued and under way, of each
  private int last; // which was picked last

  /**
   * Loads them, one after the other; where one fails, those before are closed.
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

  /** In the order of the devices. */
  public List<Embedder> all() {
    return all;
  }

  /** The one with the least to do, for a user that stays with it. */
  public Embedder pick() {
    return all.get(begin(null, 0));
  }

  /**
   * Runs a call on one of them.
   *
   * @param on which; null for the one with the least to do
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

  /** Called once. */
  @Override
  public void close() {
    all.forEach(Embedder::close);
    NativeLibrary.endUse();
  }
}
