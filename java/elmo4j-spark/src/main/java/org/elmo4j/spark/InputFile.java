// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.spark;

import org.apache.spark.rdd.InputFileBlockHolder;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * The file that a row came from, as {@code input_file_name()} tells it: Spark keeps that of the row
 * read last, and the stage reads ahead.
 */
record InputFile(UTF8String path, long start, long length) {
  static final InputFile NONE = new InputFile(UTF8String.EMPTY_UTF8, -1, -1);

  /** That of the row that was just read. */
  InputFile current() {
    UTF8String now = InputFileBlockHolder.getInputFilePath();
    long from = InputFileBlockHolder.getStartOffset();
    return path.equals(now) && start == from
        ? this
        : new InputFile(now, from, InputFileBlockHolder.getLength());
  }

  /** Tells Spark that rows are of this file again. */
  void restore() {
    if (path.numBytes() > 0) {
      InputFileBlockHolder.set(path.toString(), start, length);
    }
  }
}
