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
 * Fails a test class that leaves native memory behind, or that only the garbage collector closed it
 * for. Registered for every class of this module by {@code META-INF/services}; it looks after the
 * class's own {@code @AfterAll}.
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
   * Live native bytes, once they are no more than expected or patience ends: buffers handed out are
   * freed by the garbage collector, which takes a moment.
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
