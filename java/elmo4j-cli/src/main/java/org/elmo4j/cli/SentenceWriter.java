// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.Closeable;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.List;

/** Writes embedded sentences one after the other. Not thread-safe. */
interface SentenceWriter extends Closeable {
  /** Takes the next sentence; its numbers are read before the call returns. */
  void write(Sentence sentence) throws IOException;

  /** Completes the output. If it is a file, moves it to its final place. */
  void finish() throws IOException;

  /** Releases everything and deletes an output that was not finished. */
  @Override
  void close() throws IOException;

  /**
   * One embedded sentence.
   *
   * @param index its number, from 0
   * @param text its text as in the input
   * @param tokens its tokens
   * @param shape the dimensions of its numbers, outermost first
   * @param values its numbers, row-major
   */
  record Sentence(long index, String text, List<String> tokens, long[] shape, Values values) {
    /** How many numbers there are. */
    long size() {
      long size = 1;
      for (long n : shape) {
        size *= n;
      }
      return size;
    }
  }

  /** Numbers that come in pieces, in order. */
  interface Values {
    /** Hands all pieces to {@code sink}. */
    void writeTo(Sink sink) throws IOException;
  }

  /** Takes pieces of numbers. */
  interface Sink {
    /** Takes the numbers between the buffer's position and limit; may move its position. */
    void put(FloatBuffer piece) throws IOException;
  }
}
