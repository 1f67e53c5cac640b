// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.tukaani.xz.XZInputStream;

/** Gives tests the first sentences of tests/data/ud-ewt. */
public final class EnglishWebTreebank {
  private static final Path FOLDER =
      Path.of(System.getProperty("elmo4j.root"), "tests", "data", "ud-ewt");

  private EnglishWebTreebank() {}

  /** Unpacks the first {@code sentences} sentences of {@code dev} or {@code test} into a file. */
  public static Path head(String part, int sentences, Path folder) throws IOException {
    StringBuilder text = new StringBuilder();
    Path packed = FOLDER.resolve("en_ewt-ud-" + part + ".conllu.xz");
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                new XZInputStream(Files.newInputStream(packed)), StandardCharsets.UTF_8))) {
      int left = sentences;
      for (String line; left > 0 && (line = lines.readLine()) != null; ) {
        text.append(line).append('\n');
        left -= line.isEmpty() ? 1 : 0;
      }
    }
    return Files.writeString(folder.resolve(part + ".conllu"), text);
  }
}
