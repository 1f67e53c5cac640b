// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.search;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.cpu.Workers;
import org.elmo4j.internal.kernels.CpuKernels;

/**
 * Finds the rows of a matrix that have the largest products with some vectors. It computes the
 * products of all rows by the kernels' matrix product, a block of rows at a time. The product of a
 * row does not depend on its block, so the result does not depend on the number of threads.
 * Thread-safe.
 */
final class Nearest {
  /** The most elements in a block of rows, so that the block fits into a core's own cache. */
  private static final int BLOCK_FLOATS = 1 << 17;

  private static final int MAX_BLOCK_ROWS = 1 << 13;

  /**
   * A row and its product.
   *
   * @param row the number of the row, from 0
   */
  record Candidate(float score, long row) {}

  /**
   * Sorts the worst candidate first: the smallest product, or the later row if products are equal.
   */
  private static final Comparator<Candidate> WORST =
      Comparator.comparingDouble(Candidate::score)
          .thenComparing(Comparator.comparingLong(Candidate::row).reversed());

  /** The best candidates so far. */
  private static final class Top {
    private final PriorityQueue<Candidate> queue = new PriorityQueue<>(WORST);
    private final int k;
    private float least = Float.NEGATIVE_INFINITY;

    Top(int k) {
      this.k = k;
    }

    void add(Candidate candidate) {
      queue.add(candidate);
      if (queue.size() > k) {
        queue.poll();
      }
      if (queue.size() == k) {
        least = queue.peek().score;
      }
    }

    List<Candidate> sorted() {
      List<Candidate> sorted = new ArrayList<>(queue);
      sorted.sort(WORST.reversed());
      return sorted;
    }
  }

  private final NativeMemory matrix;
  private final long offset;
  private final long rows;
  private final int dim;
  private final int threads;
  private final Runnable check;

  /**
   * @param matrix contains [rows, dim] from float {@code offset} on; the caller closes it
   * @param check is called before each block is read; an exception from it ends the search
   */
  Nearest(NativeMemory matrix, long offset, long rows, int dim, int threads, Runnable check) {
    this.matrix = matrix;
    this.offset = offset;
    this.rows = rows;
    this.dim = dim;
    this.threads = threads;
    this.check = check;
  }

  /**
   * Returns the rows with the largest products for each vector, the largest first. Rows with equal
   * products are in the order of the matrix.
   *
   * @param vectors each has {@code dim} numbers
   */
  List<List<Candidate>> find(List<float[]> vectors, int k) {
    int count = vectors.size();
    int blockRows = Math.max(1, Math.min(MAX_BLOCK_ROWS, BLOCK_FLOATS / dim));
    long blocks = (rows + blockRows - 1) / blockRows;
    int tasks = (int) Math.min(threads, blocks);
    AtomicLong next = new AtomicLong();
    List<Top> best = tops(count, k);
    try (NativeMemory query = NativeMemory.allocate((dim + 1L) * count * Float.BYTES)) {
      put(vectors, query);
      Runnable task =
          () -> {
            List<Top> own = tops(count, k);
            try (NativeMemory room =
                NativeMemory.allocate((long) blockRows * count * Float.BYTES)) {
              float[] scores = new float[blockRows * count];
              for (long block; (block = next.getAndIncrement()) < blocks; ) {
                compare(block * blockRows, blockRows, query, room, scores, own);
              }
            }
            synchronized (best) {
              for (int v = 0; v < count; v++) {
                own.get(v).queue.forEach(best.get(v)::add);
              }
            }
          };
      if (tasks <= 1) {
        task.run();
      } else {
        try (Workers workers = new Workers(tasks)) {
          workers.run(tasks, i -> task.run());
        }
      }
    }
    return best.stream().map(Top::sorted).toList();
  }

  private static List<Top> tops(int count, int k) {
    List<Top> tops = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      tops.add(new Top(k));
    }
    return tops;
  }

  /** Writes the vectors as the product expects them: [dim, vectors], then a bias of zeros. */
  private void put(List<float[]> vectors, NativeMemory query) {
    int count = vectors.size();
    float[] columns = new float[(dim + 1) * count];
    for (int v = 0; v < count; v++) {
      for (int i = 0; i < dim; i++) {
        columns[i * count + v] = vectors.get(v)[i];
      }
    }
    query.floatPointer(0).put(columns);
  }

  private void compare(
      long first,
      int blockRows,
      NativeMemory query,
      NativeMemory room,
      float[] scores,
      List<Top> best) {
    int count = best.size();
    int here = (int) Math.min(blockRows, rows - first);
    check.run();
    CpuKernels.elmo4j_cpu_linear(
        here,
        dim,
        count,
        matrix.floatPointer(offset + first * dim),
        query.floatPointer(0),
        query.floatPointer((long) dim * count),
        0,
        room.floatPointer(0));
    room.floatPointer(0).get(scores, 0, here * count);
    float[] least = new float[count];
    for (int v = 0; v < count; v++) {
      least[v] = best.get(v).least;
    }
    for (int r = 0, i = 0; r < here; r++) {
      for (int v = 0; v < count; v++, i++) {
        // If products are equal, the first row is kept. NaN, which only damaged files contain, is
        // never kept.
        if (scores[i] > least[v]) {
          best.get(v).add(new Candidate(scores[i], first + r));
          least[v] = best.get(v).least;
        }
      }
    }
  }
}
