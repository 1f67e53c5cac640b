// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.batch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.backend.NativeMemory;
import org.junit.jupiter.api.Test;

/** Tests which memory the word cache takes. */
class WordCacheMemoryTest {
  /**
   * With memory of the loading thread, a caller on a CUDA device would wait for the work that this
   * thread has queued.
   */
  @Test
  void itIsSharedByAllCalls() {
    List<String> asked = new ArrayList<>();
    Backend backend =
        (Backend)
            Proxy.newProxyInstance(
                Backend.class.getClassLoader(),
                new Class<?>[] {Backend.class},
                (proxy, method, arguments) -> {
                  asked.add(method.getName());
                  return method.getName().equals("numberBytes")
                      ? (Object) Float.BYTES
                      : NativeMemory.allocate((Long) arguments[0]);
                });
    try (WordCache cache = new WordCache(backend, 64 * (160 + 4 * 8), 8, 100)) {
      assertTrue(cache.capacity() > 0);
      assertEquals(List.of("numberBytes", "allocateShared"), asked);
    }
  }
}
