// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options that say where text comes from: the command line, a file or standard input. */
final class TextInput {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = {"--input", "--text"},
      paramLabel = "FILE",
      description =
          "UTF-8 file in place of sentences on the command line: English text, or with --tokenized"
              + " one sentence a line.")
  private Path file;

  @Option(
      names = "--tokenized",
      description =
          "A line is a sentence, its tokens separated by single spaces; a blank line is a sentence"
              + " of none.")
  private boolean tokenized;

  /** Where to read from, or null for the command line or standard input. */
  Path file() {
    return file;
  }

  /** Whether lines are sentences of tokens, rather than running text. */
  boolean tokenized() {
    return tokenized;
  }

  /** Fails if there are both a file and {@code words}, the sentences of the command line. */
  void check(List<String> words) {
    if (file != null && !words.isEmpty()) {
      throw new ParameterException(
          command.commandLine(), "expected a sentence or --input, found both");
    }
  }

  /** The lines to read. */
  LineReader open(List<String> words, InputStream standardInput) throws IOException {
    if (!words.isEmpty()) {
      byte[] text = String.join(" ", words).getBytes(StandardCharsets.UTF_8);
      return new LineReader("the sentence", new ByteArrayInputStream(text));
    }
    return file == null ? new LineReader("standard input", standardInput) : LineReader.open(file);
  }
}
