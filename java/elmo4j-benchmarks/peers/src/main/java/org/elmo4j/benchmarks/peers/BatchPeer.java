// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.elmo4j.ElmoException;
import org.elmo4j.weights.ModelOptions;

/**
 * Does what a careful user of a tensor library would do: computes each distinct word once, puts
 * sentences of similar length into one batch, and runs several batches at once.
 *
 * @param <T> the type of the table of word representations
 */
abstract class BatchPeer<T> implements Peer {
  private static final int GROUP = 256;

  private final ModelOptions options;
  private final boolean packed;
  private final ExecutorService callers;

  BatchPeer(ModelOptions options, boolean packed, int callers) {
    this.options = options;
    this.packed = packed;
    this.callers = Executors.newFixedThreadPool(callers);
  }

  /** Computes the table of all words, [words, P]. */
  abstract T words(Words words);

  /** Runs the layers of a batch. Several threads may call this at once. */
  abstract void layers(T table, Batch batch, Sink sink);

  abstract void release(T table);

  @Override
  public final Times pass(List<List<String>> sentences, int batchSize, Sink sink) {
    double processor = Peer.processorSeconds();
    long start = System.nanoTime();
    Words words = Words.of(sentences, options, GROUP);
    T table = callAll(List.<Callable<T>>of(() -> words(words))).get(0);
    try {
      long known = System.nanoTime();
      List<Callable<Void>> tasks = new ArrayList<>();
      for (Batch batch : Batch.of(words.sentences(), batchSize, packed)) {
        tasks.add(
            () -> {
              layers(table, batch, sink);
              return null;
            });
      }
      callAll(tasks);
      long end = System.nanoTime();
      return new Times(
          (end - start) * 1e-9, (end - known) * 1e-9, Peer.processorSeconds() - processor);
    } finally {
      release(table);
    }
  }

  private <R> List<R> callAll(List<Callable<R>> tasks) {
    try {
      List<R> results = new ArrayList<>();
      for (Future<R> future : callers.invokeAll(tasks)) {
        results.add(future.get());
      }
      return results;
    } catch (ExecutionException e) {
      throw new ElmoException(name() + ": " + e.getCause(), e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ElmoException(name() + ": interrupted", e);
    }
  }

  @Override
  public void close() {
    callers.shutdown();
  }
}
