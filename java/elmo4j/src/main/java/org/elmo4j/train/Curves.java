// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.io.IOException;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVPrinter;
import org.apache.commons.csv.CSVRecord;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.files.FoundFile;

/**
 * Learning curves as a CSV file: a header, then one line for each epoch, in the order of training.
 */
final class Curves {
  static final String FILE = "curves.csv";

  private static final String[] COLUMNS = {
    "run", "epoch", "train_loss", "dev_loss", "dev_score", "kept"
  };
  private static final CSVFormat FORMAT =
      CSVFormat.RFC4180.builder().setHeader(COLUMNS).setRecordSeparator('\n').build();

  private Curves() {}

  static void write(List<Epoch> epochs, Path file) throws IOException {
    StringBuilder text = new StringBuilder();
    try (CSVPrinter rows = new CSVPrinter(text, FORMAT)) {
      for (Epoch epoch : epochs) {
        rows.printRecord(
            epoch.run(),
            epoch.epoch(),
            epoch.trainLoss(),
            epoch.developmentLoss(),
            epoch.developmentScore(),
            epoch.kept());
      }
    }
    byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, channel -> AtomicFile.writeAll(channel, ByteBuffer.wrap(bytes)));
  }

  /**
   * Reads the epochs from a file.
   *
   * @throws ElmoException if the file does not hold learning curves
   */
  static List<Epoch> read(Path file) {
    List<Epoch> epochs = new ArrayList<>();
    long line = 1;
    try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8);
        CSVParser rows = FORMAT.builder().setSkipHeaderRecord(true).build().parse(reader)) {
      for (CSVRecord row : rows) {
        line = rows.getCurrentLineNumber();
        epochs.add(
            new Epoch(
                row.get(0),
                Integer.parseInt(row.get(1)),
                Double.parseDouble(row.get(2)),
                Double.parseDouble(row.get(3)),
                Double.parseDouble(row.get(4)),
                Boolean.parseBoolean(row.get(5))));
      }
    } catch (IOException | RuntimeException e) {
      throw new ElmoException(
          file
              + ", line "
              + line
              + ": expected "
              + String.join(",", COLUMNS)
              + ", found "
              + FoundFile.reason(e),
          e);
    }
    return List.copyOf(epochs);
  }
}
