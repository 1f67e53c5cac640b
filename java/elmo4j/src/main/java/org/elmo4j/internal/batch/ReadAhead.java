// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;

/**
 * Iterates over the results of a source's sentences in order, and reads ahead so that several
 * sentences run together. An exception of the source is thrown in its place, after the results of
 * the sentences before it. Not thread-safe.
 *
 * @param <R> a result, which the caller closes
 */
public final class ReadAhead<R extends AutoCloseable> implements Iterator<R>, AutoCloseable {
  private record Pending<R>(CompletableFuture<R> future, int positions) {}

  private final Iterator<? extends List<String>> source;
  private final Function<List<String>, CompletableFuture<R>> submit;
  private final long maxPositions;
  private final Deque<Pending<R>> pending = new ArrayDeque<>();
  private long positions;
  private Throwable failure;
  private boolean exhausted;

  /**
   * Makes an iterator. It reads nothing until it is used.
   *
   * @param submit starts a sentence
   * @param maxPositions the most positions to read ahead, without those of the last sentence; a
   *     sentence has its tokens and two boundaries
   */
  public ReadAhead(
      Iterator<? extends List<String>> source,
      Function<List<String>, CompletableFuture<R>> submit,
      long maxPositions) {
    this.source = source;
    this.submit = submit;
    this.maxPositions = maxPositions;
  }

  private void fill() {
    try {
      while (!exhausted && positions < maxPositions) {
        if (!source.hasNext()) {
          exhausted = true;
          return;
        }
        List<String> sentence = source.next();
        CompletableFuture<R> future = submit.apply(sentence);
        Pending<R> next = new Pending<>(future, Batches.positions(sentence));
        pending.add(next);
        positions += next.positions;
      }
    } catch (RuntimeException | Error e) {
      failure = e;
      exhausted = true;
    }
  }

  @Override
  public boolean hasNext() {
    fill();
    return !pending.isEmpty() || failure != null;
  }

  @Override
  public R next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    Pending<R> first = pending.poll();
    if (first == null) {
      Throwable e = failure;
      failure = null;
      throw unchecked(e);
    }
    positions -= first.positions;
    try {
      return first.future.join();
    } catch (CompletionException | CancellationException e) {
      close();
      throw unchecked(e.getCause() == null ? e : e.getCause());
    }
  }

  private static RuntimeException unchecked(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    return (RuntimeException) e; // Sources and runs cannot throw anything else.
  }

  /**
   * Cancels the sentences that were read ahead and closes their results. Further calls have no
   * effect.
   */
  @Override
  public void close() {
    exhausted = true;
    failure = null;
    for (Pending<R> request; (request = pending.poll()) != null; ) {
      // Once it is cancelled, the thread that computes it closes it.
      if (!request.future.cancel(false) && !request.future.isCompletedExceptionally()) {
        RequestBatcher.close(request.future.join());
      }
    }
  }
}
