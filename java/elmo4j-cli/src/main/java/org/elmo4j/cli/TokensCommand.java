// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.elmo4j.ElmoException;
import org.elmo4j.text.TextSplitter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code elmo tokens}: the sentences and tokens that {@code elmo embed} finds in a text. */
@Command(
    name = "tokens",
    description = {
      "Splits English text into sentences and tokens, as embed does.",
      "Writes one sentence a line, its tokens separated by single spaces: what --tokenized reads.",
      ""
    })
final class TokensCommand implements Callable<Integer> {
  /** As {@code elmo embed}, so that both see the same sentences. */
  private static final int CHUNK_CHARACTERS = 1 << 14;

  @ParentCommand private Main main;

  @Parameters(
      arity = "0..1",
      paramLabel = "FILE",
      description = "UTF-8 text; a blank line ends a sentence. Without one: standard input.")
  private Path input;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "Where to write; by default standard output.")
  private Path output;

  @Override
  public Integer call() throws IOException {
    try (LineReader lines = openInput()) {
      if (output == null) {
        write(lines, main.out);
      } else {
        try (PendingFile file = PendingFile.create(output)) {
          write(lines, Channels.newOutputStream(file.channel()));
          file.commit();
        }
      }
    }
    return 0;
  }

  private LineReader openInput() throws IOException {
    if (input == null) {
      return new LineReader("standard input", main.in);
    }
    if (!Files.exists(input)) {
      throw new NoSuchFileException(input.toString());
    }
    if (Files.isDirectory(input)) {
      throw new ElmoException(input + ": expected a file, found a folder");
    }
    InputStream in = Files.newInputStream(input);
    return new LineReader(input.toString(), in);
  }

  private static void write(LineReader lines, OutputStream out) throws IOException {
    Writer writer = new BufferedWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8));
    StringBuilder text = new StringBuilder();
    for (String line; (line = lines.next()) != null; ) {
      text.append(line).append('\n');
      // A sentence does not go on after a blank line.
      if (text.length() >= (line.isBlank() ? CHUNK_CHARACTERS : 64 * CHUNK_CHARACTERS)) {
        writeSentences(text.toString(), writer);
        text.setLength(0);
      }
    }
    writeSentences(text.toString(), writer);
    writer.flush();
  }

  private static void writeSentences(String text, Writer writer) throws IOException {
    for (List<String> sentence : TextSplitter.split(text)) {
      writer.write(String.join(" ", sentence));
      writer.write('\n');
    }
  }
}
