// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.Adler32;
import java.util.zip.CRC32;
import java.util.zip.Checksum;
import java.util.zip.Deflater;

/**
 * A gzip or zlib file of pieces that repeat. Each piece is deflated only once, since deflating
 * hundreds of megabytes takes seconds.
 */
final class RepeatedBytes {
  private final Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final boolean gzip;
  private final Checksum checksum;
  private long length;

  private RepeatedBytes(boolean gzip, int... header) {
    this.gzip = gzip;
    this.checksum = gzip ? new CRC32() : new Adler32();
    for (int value : header) {
      out.write(value);
    }
  }

  static RepeatedBytes gzip() {
    return new RepeatedBytes(true, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);
  }

  static RepeatedBytes zlib() {
    return new RepeatedBytes(false, 0x78, 1);
  }

  RepeatedBytes add(byte[] piece, int times) {
    deflater.setInput(piece);
    byte[] deflated = deflate(piece.length + 1000, Deflater.FULL_FLUSH);
    for (int i = 0; i < times; i++) {
      out.writeBytes(deflated);
      checksum.update(piece);
    }
    length += (long) times * piece.length;
    return this;
  }

  private byte[] deflate(int most, int flush) {
    byte[] buffer = new byte[most];
    return Arrays.copyOf(buffer, deflater.deflate(buffer, 0, most, flush));
  }

  byte[] end() {
    deflater.finish();
    out.writeBytes(deflate(100, Deflater.NO_FLUSH));
    deflater.end();
    int sum = (int) checksum.getValue();
    out.writeBytes(
        gzip
            ? ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(sum)
                .putInt((int) length)
                .array()
            : ByteBuffer.allocate(4).putInt(sum).array());
    return out.toByteArray();
  }
}
