// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import org.elmo4j.internal.backend.Memory;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Fails a test class that leaves native memory allocated or leaves an object to be closed by the
 * garbage collector. {@code META-INF/services} registers it for every class of this module; it
 * checks after the class's own {@code @AfterAll}.
 */
public final class NoLeaks implements BeforeAllCallback, AfterAllCallback {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private long lost;

  @Override
  public void beforeAll(ExtensionContext context) {
    lost = Memory.lost();
  }

  @Override
  public void afterAll(ExtensionContext context) {
    String name = context.getDisplayName();
    assertEquals(0, settle(0), name + ": bytes of native memory never freed");
    assertEquals(lost, Memory.lost(), name + ": blocks of native memory never closed");
  }

  /**
   * Collects garbage until at most {@code expected} native bytes are live or {@code PATIENCE} has
   * passed, because buffers that were handed out are freed by the garbage collector. Returns the
   * live bytes.
   */
  public static long settle(long expected) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (Memory.liveBytes() > expected && System.nanoTime() < deadline) {
      System.gc();
      try {
        Thread.sleep(5);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        break;
      }
    }
    return Memory.liveBytes();
  }
}
