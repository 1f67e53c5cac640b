// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.NoSuchElementException;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.text.TextSplitter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The options that say where text comes from: the command line, a file or standard input. */
final class TextInput {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = {"--input", "--text"},
      paramLabel = "FILE",
      converter = Main.FileOrStream.class,
      description =
          "A UTF-8 file to read instead of sentences on the command line: English text, "
              + "or with --tokenized sentences of tokens. - is standard input.")
  private Path file;

  @Option(
      names = "--tokenized",
      description =
          "The text is already split into tokens: each line is a sentence whose tokens "
              + "are separated by single spaces. A blank line is a sentence without tokens. "
              + "--input-format names other formats.")
  private boolean tokenized;

  @Option(
      names = "--input-format",
      paramLabel = "FORM",
      description =
          "The format of tokens: spaces or tabs (what separates the tokens of a line), or "
              + "conll (one token on each line). It implies --tokenized. Default: detected from "
              + "the first lines.")
  private TokenReader.Form format;

  /** The file to read from, or null for the command line or standard input. */
  Path file() {
    return file == null || Main.isStandard(file) ? null : file;
  }

  /** Whether the text is sentences of tokens, rather than running text. */
  boolean tokenized() {
    return tokenized || format != null;
  }

  /** Whether --input-format was given. */
  boolean formatGiven() {
    return format != null;
  }

  /**
   * Throws an exception if there are both a file and sentences on the command line, or if sentences
   * look like names of files, as in AllenNLP's {@code elmo in.txt out.hdf5}.
   */
  void check(List<String> sentences) {
    if (file != null && !sentences.isEmpty()) {
      throw Main.usage(command, "expected a sentence or --input, found both");
    }
    if (sentences.stream().noneMatch(each -> isOutput(each) || isFile(each))) {
      return;
    }
    String in = sentences.stream().filter(each -> !isOutput(each)).findFirst().orElse("IN.txt");
    String out = sentences.stream().filter(TextInput::isOutput).findFirst().orElse(null);
    throw Main.usage(
        command,
        "expected sentences, found "
            + String.join(" and ", sentences.subList(0, Math.min(2, sentences.size())))
            + "; for files type --input "
            + in
            + (out == null ? "" : " --output " + out)
            + ", and --tokenized where its lines are tokens with spaces between");
  }

  private static boolean isOutput(String argument) {
    return argument.toLowerCase(Locale.ROOT).matches("\\S+\\.(hdf5|h5|npz|jsonl)");
  }

  /** Ordinary words are taken for text even if a file has that name. */
  private static boolean isFile(String argument) {
    try {
      return argument.matches("\\S*\\w[./]\\S+") && Files.isRegularFile(Path.of(argument));
    } catch (InvalidPathException e) {
      return false;
    }
  }

  /** Opens the text to read: the given sentences, each on its own, or the lines of a file. */
  LineReader open(List<String> sentences) throws IOException {
    if (sentences.isEmpty() || sentences.equals(List.of(Main.STANDARD))) {
      return Main.open(command, file);
    }
    return new LineReader(sentences);
  }

  /** Returns a reader of the tokenized sentences in what {@link #open} returned. */
  TokenReader tokens(LineReader lines) throws IOException {
    return new TokenReader(lines, format);
  }

  /** Returns all sentences of what {@link #open} returned. Each is read when it is asked for. */
  Iterator<List<String>> sentences(LineReader lines) throws IOException {
    TokenReader reader = tokenized() ? tokens(lines) : null;
    return new Iterator<>() {
      private final Deque<List<String>> ready = new ArrayDeque<>();

      @Override
      public boolean hasNext() {
        try {
          while (ready.isEmpty()) {
            if (reader != null) {
              TokenReader.Sentence next = reader.next();
              if (next == null) {
                return false;
              }
              ready.add(next.tokens());
            } else {
              String text = lines.nextText();
              if (text == null) {
                return false;
              }
              ready.addAll(TextSplitter.split(text));
            }
          }
          return true;
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }

      @Override
      public List<String> next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        return ready.remove();
      }
    };
  }

  /**
   * Returns a text that tells the sentences of the file from others: the SHA-256 of its bytes, and
   * how they are read.
   *
   * @throws ElmoException if it is not a regular file, because others cannot be read twice
   */
  String fingerprint() throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new ElmoException(file + ": expected a regular file, found another kind");
    }
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
    try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
      in.transferTo(OutputStream.nullOutputStream());
    }
    String form = format != null ? format.name() : tokenized ? "tokenized" : "text";
    return HexFormat.of().formatHex(digest.digest()) + " " + form.toLowerCase(Locale.ROOT);
  }
}
