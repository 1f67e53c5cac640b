// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import org.elmo4j.backend.NativeMemory;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Fails a test class that leaves native memory behind. Registered for every class of this module by
 * {@code META-INF/services}; it runs after the class's own {@code @AfterAll}.
 */
public final class NoLeaks implements AfterAllCallback {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  @Override
  public void afterAll(ExtensionContext context) {
    assertEquals(0, settle(0), context.getDisplayName() + ": bytes of native memory never freed");
  }

  /**
   * Live native bytes, once they are no more than expected or patience ends: buffers handed out are
   * freed by the garbage collector, which takes a moment.
   */
  static long settle(long expected) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (NativeMemory.liveBytes() > expected && System.nanoTime() < deadline) {
      System.gc();
      try {
        Thread.sleep(5);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        break;
      }
    }
    return NativeMemory.liveBytes();
  }
}
