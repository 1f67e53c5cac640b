// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Tests reading ahead with futures that the test completes. */
class ReadAheadTest {
  private final List<CompletableFuture<AutoCloseable>> submitted = new ArrayList<>();
  private final List<Integer> closed = new ArrayList<>();
  private int read;

  private CompletableFuture<AutoCloseable> submit(List<String> sentence) {
    CompletableFuture<AutoCloseable> future = new CompletableFuture<>();
    submitted.add(future);
    return future;
  }

  private AutoCloseable complete(int i) {
    AutoCloseable result = () -> closed.add(i);
    assertTrue(submitted.get(i).complete(result));
    return result;
  }

  /** Returns sentences of one token, which take 3 positions each. */
  private Iterator<List<String>> source(int count) {
    return IntStream.range(0, count).peek(i -> read++).mapToObj(i -> List.of("s" + i)).iterator();
  }

  @Test
  void resultsComeInTheSourcesOrderWhateverTheOrderOfCompletion() {
    ReadAhead<AutoCloseable> results = new ReadAhead<>(source(3), this::submit, 100);
    assertTrue(results.hasNext());
    AutoCloseable third = complete(2);
    AutoCloseable first = complete(0);
    AutoCloseable second = complete(1);
    assertSame(first, results.next());
    assertSame(second, results.next());
    assertSame(third, results.next());
    assertFalse(results.hasNext());
    assertThrows(NoSuchElementException.class, results::next);
  }

  @Test
  void noMoreIsReadAheadThanAllowed() {
    ReadAhead<AutoCloseable> results = new ReadAhead<>(source(100), this::submit, 9);
    for (int i = 0; i < 50; i++) {
      assertTrue(results.hasNext());
      assertEquals(i + 3, submitted.size());
      assertTrue(read <= i + 4, "an iterator of a stream may hold one more");
      complete(i);
      results.next();
    }
  }

  @Test
  void aFailureOfTheSourceComesBehindTheResultsBeforeIt() {
    RuntimeException failure = new RuntimeException("no more");
    Iterator<List<String>> source =
        IntStream.range(0, 3)
            .mapToObj(
                i -> {
                  if (i == 2) {
                    throw failure;
                  }
                  return List.of("s");
                })
            .iterator();
    ReadAhead<AutoCloseable> results = new ReadAhead<>(source, this::submit, 100);
    assertTrue(results.hasNext());
    assertSame(complete(0), results.next());
    assertSame(complete(1), results.next());
    assertTrue(results.hasNext());
    assertSame(failure, assertThrows(RuntimeException.class, results::next));
    assertFalse(results.hasNext());
  }

  @Test
  void aFailureOfARunIsThrownAsItIsAndEndsAll() {
    ReadAhead<AutoCloseable> results = new ReadAhead<>(source(100), this::submit, 9);
    assertTrue(results.hasNext());
    IllegalStateException failure = new IllegalStateException("closed");
    submitted.get(0).completeExceptionally(failure);
    complete(1);
    assertSame(failure, assertThrows(IllegalStateException.class, results::next));
    assertEquals(List.of(1), closed);
    assertTrue(submitted.get(2).isCancelled());
    assertFalse(results.hasNext());
  }

  @Test
  void closingCancelsWhatIsUnderWayAndClosesWhatIsDone() {
    ReadAhead<AutoCloseable> results = new ReadAhead<>(source(100), this::submit, 12);
    assertTrue(results.hasNext());
    complete(0);
    complete(2);
    results.next();
    results.close();
    results.close();
    assertEquals(List.of(2), closed); // The caller took the first result and closes it.
    assertTrue(submitted.get(1).isCancelled());
    assertTrue(submitted.get(3).isCancelled());
    assertFalse(results.hasNext());
  }
}
