// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.elmo4j.internal.files.AtomicFile;
import org.elmo4j.internal.text.TextSplitter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code elmo tokens}: splits a text into sentences and tokens, like {@code elmo embed}. */
@Command(
    name = "tokens",
    description = {
      "Splits English text into sentences and tokens, like embed.",
      "Writes one sentence on each line, with single spaces between its tokens: the input for "
          + "--tokenized.",
      ""
    },
    footer = {"  elmo tokens book.txt", "  elmo tokens book.txt --output sentences.txt"})
final class TokensCommand implements Callable<Integer> {
  @Spec private CommandSpec command;
  @Mixin private OutputFile output;

  @Parameters(
      arity = "0..1",
      paramLabel = "FILE",
      converter = Main.FileOrStream.class,
      description =
          "UTF-8 text, in which a blank line ends a sentence. Default, and -: standard " + "input.")
  private Path input;

  @Override
  public Integer call() throws IOException {
    output.check(input);
    try (LineReader lines = Main.open(command, input);
        AtomicFile file = output.create()) {
      write(lines, file.stream());
      file.commit();
    }
    return 0;
  }

  private static void write(LineReader lines, OutputStream out) throws IOException {
    Writer writer = new BufferedWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8));
    for (String text; (text = lines.nextText()) != null; ) {
      for (List<String> sentence : TextSplitter.split(text)) {
        writer.write(String.join(" ", sentence));
        writer.write('\n');
      }
    }
    writer.flush();
  }
}
