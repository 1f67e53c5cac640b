// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Standard output. The tool writes to it only through this class. A write that fails throws {@link
 * Failure}. Unlike an IOException, it also passes through a {@link PrintWriter}. Not thread-safe.
 */
final class Output extends OutputStream {
  /** Thrown if a write to standard output fails. */
  static final class Failure extends UncheckedIOException {
    private static final long serialVersionUID = 1;

    Failure(IOException cause) {
      super("standard output: " + cause.getMessage(), cause);
    }

    /** Whether the reader at the other end of a pipe has gone. */
    boolean isClosedPipe() {
      return "Broken pipe".equals(getCause().getMessage());
    }
  }

  private final OutputStream out;
  private final PrintWriter text;
  private final OutputStream bytes;
  private Failure failure;

  /**
   * @param out the destination of the bytes
   * @param terminal whether it is a terminal
   */
  Output(OutputStream out, boolean terminal) {
    this.out = new BufferedOutputStream(out, 1 << 14);
    OutputStream escaped = new EscapedStream(this);
    text = new PrintWriter(escaped, false, StandardCharsets.UTF_8);
    bytes = terminal ? escaped : this;
  }

  /** Returns a writer for text that people read: control characters are escaped. */
  PrintWriter text() {
    return text;
  }

  /**
   * Returns a stream for programs: bytes are unchanged, but on a terminal escaped as in {@link
   * #text}.
   */
  OutputStream bytes() {
    return bytes;
  }

  @Override
  public void write(int b) {
    put(() -> out.write(b));
  }

  @Override
  public void write(byte[] b, int from, int length) {
    put(() -> out.write(b, from, length));
  }

  @Override
  public void flush() {
    put(out::flush);
  }

  /** Flushes everything. If this returns normally, all output was written. */
  void finish() {
    if (failure != null) {
      throw failure;
    }
    text.flush();
    flush();
  }

  private interface Action {
    void run() throws IOException;
  }

  private void put(Action action) {
    try {
      action.run();
    } catch (IOException e) {
      failure = new Failure(e);
      throw failure;
    }
  }

  /**
   * Returns the process's standard output. It detects a closed pipe by the file descriptor, because
   * the message of the system's exception depends on the language.
   */
  static OutputStream named(OutputStream out, Path descriptor) {
    return new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
      }

      @Override
      public void write(byte[] b, int from, int length) throws IOException {
        try {
          out.write(b, from, length);
        } catch (IOException e) {
          throw isPipe(descriptor) ? new IOException("Broken pipe", e) : e;
        }
      }
    };
  }

  private static boolean isPipe(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().startsWith("pipe:");
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }
}
