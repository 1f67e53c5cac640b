// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.Library;

/** The way to {@link Hdf5File}, whose class cannot be loaded where jHDF was left out. */
final class Hdf5 {
  private static final byte[] SIGNATURE = {(byte) 0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};

  private Hdf5() {}

  /** Where the format's signature lies, for a block of the user's own may come first; or -1. */
  static long signatureAt(DataFile data) throws IOException {
    for (long at = 0; at <= data.size() - SIGNATURE.length; at = at == 0 ? 512 : 2 * at) {
      byte[] found = new byte[SIGNATURE.length];
      data.read(at, ByteBuffer.wrap(found));
      if (Arrays.equals(found, SIGNATURE)) {
        return at;
      }
    }
    return -1;
  }

  /**
   * Opens a file; the caller closes it.
   *
   * @throws ElmoException if it cannot be read or is no HDF5 file, or jHDF was left out
   */
  static Hdf5File open(Path path) {
    Library.require(path + ": an HDF5 file", Library.JHDF, Library.SLF4J, Library.COMMONS_LANG);
    return Hdf5File.open(path);
  }
}
