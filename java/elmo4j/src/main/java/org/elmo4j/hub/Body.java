// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.hub;

import java.io.IOException;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Reads the body of an HTTP response piece by piece. Unlike the stream of Java's HTTP client it
 * does not wait forever if the server stops sending. One thread reads; the threads of the HTTP
 * client write.
 */
final class Body implements Flow.Subscriber<List<ByteBuffer>>, AutoCloseable {
  private static final Object END = new Object();

  private final BlockingQueue<Object> queue = new LinkedBlockingQueue<>();
  private final Duration patience;
  private volatile Flow.Subscription subscription;

  Body(Duration patience) {
    this.patience = patience;
  }

  /**
   * The next piece, or null at the end.
   *
   * @throws HttpTimeoutException if none comes in time
   * @throws IOException if the connection breaks
   */
  List<ByteBuffer> next() throws IOException, InterruptedException {
    Object item = queue.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
    if (item == null) {
      throw new HttpTimeoutException("silence");
    }
    if (item == END) {
      return null;
    }
    if (item instanceof Throwable e) {
      throw e instanceof IOException io ? io : new IOException(e);
    }
    subscription.request(1);
    @SuppressWarnings("unchecked") // Only onNext adds lists.
    List<ByteBuffer> piece = (List<ByteBuffer>) item;
    return piece;
  }

  @Override
  public void onSubscribe(Flow.Subscription subscription) {
    this.subscription = subscription;
    subscription.request(1);
  }

  @Override
  public void onNext(List<ByteBuffer> piece) {
    queue.add(piece);
  }

  @Override
  public void onError(Throwable e) {
    queue.add(e);
  }

  @Override
  public void onComplete() {
    queue.add(END);
  }

  /** Ends the exchange, and the connection if there is more to come. */
  @Override
  public void close() {
    if (subscription != null) {
      subscription.cancel();
    }
  }
}
