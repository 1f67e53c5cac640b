// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.WireFormat;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Builds a protobuf message as a list of parts, so that hundreds of megabytes of weights are not
 * copied into the enclosing messages. Not thread-safe.
 */
final class Proto {
  private final List<ByteBuffer> parts = new ArrayList<>();
  private long size;

  /** Adds an integer or an enum value. */
  Proto number(int field, long value) {
    return encoded(out -> out.writeInt64(field, value));
  }

  /** Adds a 32-bit float. */
  Proto real(int field, float value) {
    return encoded(out -> out.writeFloat(field, value));
  }

  /** Adds a string. */
  Proto text(int field, String value) {
    return encoded(out -> out.writeString(field, value));
  }

  /** Adds bytes. The buffer is not copied. */
  Proto bytes(int field, ByteBuffer value) {
    header(field, value.remaining());
    add(value);
    return this;
  }

  /** Adds a message with its present fields. Fields that it gets later are not included. */
  Proto message(int field, Proto value) {
    header(field, value.size);
    value.parts.forEach(this::add);
    return this;
  }

  /** Adds all fields of another message. */
  Proto append(Proto other) {
    other.parts.forEach(this::add);
    return this;
  }

  /** Writes the message to a file, which must not exist. */
  void write(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (ByteBuffer part : parts) {
        for (ByteBuffer rest = part.duplicate(); rest.hasRemaining(); ) {
          channel.write(rest);
        }
      }
    }
  }

  private void header(int field, long length) {
    encoded(
        out -> {
          out.writeTag(field, WireFormat.WIRETYPE_LENGTH_DELIMITED);
          out.writeUInt64NoTag(length);
        });
  }

  private void add(ByteBuffer part) {
    parts.add(part);
    size += part.remaining();
  }

  private Proto encoded(Writer writer) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      CodedOutputStream out = CodedOutputStream.newInstance(bytes);
      writer.write(out);
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e); // cannot happen with a stream in memory
    }
    add(ByteBuffer.wrap(bytes.toByteArray()));
    return this;
  }

  private interface Writer {
    void write(CodedOutputStream out) throws IOException;
  }
}
