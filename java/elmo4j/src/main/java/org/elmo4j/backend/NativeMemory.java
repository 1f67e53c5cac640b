// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.backend;

import java.nio.FloatBuffer;

/** Stub. */
public final class NativeMemory implements AutoCloseable {
  public static long liveBytes() { throw new UnsupportedOperationException(); }
  public FloatBuffer floats(long offset, int count) { throw new UnsupportedOperationException(); }
  public float getFloat(long at) { throw new UnsupportedOperationException(); }
  public void copyTo(long offset, float[] target) { throw new UnsupportedOperationException(); }
  @Override public void close() {}
}
