// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.ChannelWriter;

/**
 * Writes NumPy's .npz: a zip file with one float32 array for each sentence (NumPy Enhancement
 * Proposal 1, version 1.0), named by the sentence's number. Sentences are written to disk at once.
 * Only the directory of the zip file stays in memory, about a hundred bytes for each sentence. Not
 * thread-safe.
 */
final class NpzWriter implements SentenceWriter {
  private final AtomicFile file;
  private final ZipOutputStream zip;
  private final ChannelWriter out;

  NpzWriter(AtomicFile file) throws IOException {
    this.file = file;
    OutputStream stream = file.stream();
    zip = new ZipOutputStream(new BufferedOutputStream(stream, 1 << 18));
    zip.setLevel(Deflater.NO_COMPRESSION);
    out = new ChannelWriter(Channels.newChannel(zip));
  }

  @Override
  public void write(Sentence sentence) throws IOException {
    ZipEntry entry = new ZipEntry(sentence.index() + ".npy");
    entry.setTime(0); // so that the same input gives the same file
    zip.putNextEntry(entry);
    out.write(header(sentence.shape()));
    sentence.values().writeTo(out::floats);
    out.flush();
    zip.closeEntry();
  }

  private static byte[] header(long[] shape) {
    String dimensions =
        Arrays.stream(shape).mapToObj(n -> n + ",").collect(Collectors.joining(" ", "(", ")"));
    String text = "{'descr': '<f4', 'fortran_order': False, 'shape': " + dimensions + ", }";
    int prefix = 10;
    int padding = -(prefix + text.length() + 1) & 63;
    String padded = text + " ".repeat(padding) + "\n";
    ByteBuffer header =
        ByteBuffer.allocate(prefix + padded.length()).order(ByteOrder.LITTLE_ENDIAN);
    header.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    header.putShort((short) padded.length());
    header.put(padded.getBytes(StandardCharsets.US_ASCII));
    return header.array();
  }

  @Override
  public void finish() throws IOException {
    zip.finish();
    zip.flush();
    file.commit();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
