// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import org.apache.spark.rdd.InputFileBlockHolder;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * The file that a row came from, which {@code input_file_name()} returns. Spark stores only the
 * file of the row that was read last. The stage reads rows ahead, so it must set the file again for
 * each row that it returns.
 */
record InputFile(UTF8String path, long start, long length) {
  static final InputFile NONE = new InputFile(UTF8String.EMPTY_UTF8, -1, -1);

  /** Returns the file of the row that was just read; the same object if it has not changed. */
  InputFile current() {
    UTF8String now = InputFileBlockHolder.getInputFilePath();
    long from = InputFileBlockHolder.getStartOffset();
    return path.equals(now) && start == from
        ? this
        : new InputFile(now, from, InputFileBlockHolder.getLength());
  }

  /** Sets this file as Spark's current one again. */
  void restore() {
    if (path.numBytes() > 0) {
      InputFileBlockHolder.set(path.toString(), start, length);
    }
  }
}
