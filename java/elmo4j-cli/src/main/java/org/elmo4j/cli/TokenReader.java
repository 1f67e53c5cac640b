// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.text.TextSplitter;

/** Reads tokenized sentences from lines, in one of three formats. Not thread-safe. */
final class TokenReader {
  /** The formats of tokens. */
  enum Form {
    /** One sentence on each line, tokens separated by single spaces: bilm-tf, AllenNLP. */
    SPACES,
    /** One sentence on each line, tokens separated by tabs: ELMoForManyLangs. */
    TABS,
    /** One token on each line among other columns, a blank line after each sentence. */
    CONLL
  }

  /**
   * A sentence.
   *
   * @param text its line, or its tokens separated by spaces
   * @param lines the lines of columns that it was read from, including comments and blank lines
   * @param tokenLines the indices of the lines that hold its tokens
   */
  record Sentence(List<String> tokens, String text, List<String> lines, List<Integer> tokenLines) {}

  /** The number of lines from which the format is detected. */
  private static final int HEAD_LINES = 200;

  private static final int CONLLU_COLUMNS = 10;
  private static final String DOCUMENT = "-DOCSTART-";
  private static final String ID = "[0-9]+";
  private static final String RANGE_OR_EMPTY = "[0-9]+[-.][0-9]+";
  private static final String NAME_TAG = "O|[BIESLUM]-.+";

  private final LineReader lines;
  private final Form form;
  private final boolean told;
  private final boolean ids;

  /**
   * @param form the format, or null to detect it from the first lines
   * @throws ElmoException if it cannot be detected
   */
  TokenReader(LineReader lines, Form form) throws IOException {
    this.lines = lines;
    List<String> head = lines.head(HEAD_LINES);
    this.form = form != null ? form : form(head, lines.source());
    told = form != null;
    ids = this.form == Form.CONLL && startsWithIds(head);
  }

  Form form() {
    return form;
  }

  /** Whether the lines are certainly columns of CoNLL. */
  static boolean isConll(LineReader lines) throws IOException {
    List<String> head = lines.head(HEAD_LINES);
    return head.stream().anyMatch(line -> !line.isBlank()) && isConll(head);
  }

  private static Form form(List<String> head, String source) {
    if (isConll(head)) {
      return Form.CONLL;
    }
    List<String> full = head.stream().filter(line -> !line.isBlank()).toList();
    if (full.stream().noneMatch(line -> line.contains("\t"))) {
      return Form.SPACES;
    }
    boolean spaces = full.stream().anyMatch(line -> line.contains(" "));
    boolean oneLength =
        full.stream().mapToInt(line -> columns(line).length).distinct().count() == 1;
    if (!spaces && (!oneLength || full.size() == 1)) {
      return Form.TABS;
    }
    throw new ElmoException(
        source
            + ": expected --input-format spaces, tabs or conll, found lines with tabs that may be "
            + (spaces ? "any of them" : "tabs or conll"));
  }

  private static boolean isConll(List<String> head) {
    List<String> full = head.stream().filter(line -> !line.isBlank()).toList();
    if (full.isEmpty()) {
      return false;
    }
    if (columns(full.get(0))[0].equals(DOCUMENT)) {
      return true;
    }
    List<String> rows = full.stream().filter(line -> !isComment(line)).toList();
    if (rows.isEmpty()) {
      return false;
    }
    if (rows.stream().allMatch(TokenReader::isConllu)) {
      return true;
    }
    long lengths = full.stream().mapToInt(line -> columns(line).length).distinct().count();
    return lengths == 1
        && columns(full.get(0)).length > 1
        && full.size() > 1
        && full.stream().map(TokenReader::columns).allMatch(row -> last(row).matches(NAME_TAG));
  }

  private static boolean isConllu(String line) {
    String[] columns = line.split("\t", -1);
    return columns.length == CONLLU_COLUMNS && columns[0].matches(ID + "|" + RANGE_OR_EMPTY);
  }

  private static String last(String[] row) {
    return row[row.length - 1];
  }

  /** Only CoNLL-U has comments; elsewhere # is a token, followed by columns. */
  private static boolean isComment(String line) {
    return line.startsWith("#") && !line.contains("\t");
  }

  private static String[] columns(String line) {
    return line.contains("\t") ? line.split("\t", -1) : line.strip().split("\\s+");
  }

  /** Whether the first column numbers the tokens of each sentence, as in CoNLL-U and CoNLL-X. */
  private static boolean startsWithIds(List<String> head) {
    int expected = 1;
    int most = 0;
    for (String line : head) {
      if (line.isBlank()) {
        expected = 1;
        continue;
      }
      String[] columns = columns(line);
      if (isComment(line) || columns[0].matches(RANGE_OR_EMPTY) || columns[0].equals(DOCUMENT)) {
        continue;
      }
      if (columns.length < 2 || !columns[0].equals(Integer.toString(expected))) {
        return false;
      }
      most = Math.max(most, columns.length == CONLLU_COLUMNS ? 2 : expected);
      expected++;
    }
    return most > 1;
  }

  /**
   * Returns the next sentence, or null if there is none.
   *
   * @throws ElmoException like {@link LineReader#next}, and if a line does not have the format
   */
  Sentence next() throws IOException {
    if (form == Form.CONLL) {
      return nextOfColumns();
    }
    String line = lines.next();
    if (line == null) {
      return null;
    }
    if (form == Form.TABS) {
      // Like ELMoForManyLangs: white space at the ends of a line is dropped, and spaces inside a
      // token belong to it.
      List<String> tokens =
          Arrays.stream(line.strip().split("\t")).filter(token -> !token.isEmpty()).toList();
      return new Sentence(tokens, line.strip(), List.of(), List.of());
    }
    if (!told && line.contains("\t")) {
      throw new ElmoException(
          lines.where()
              + ": expected single spaces between tokens, found a tab; --input-format tabs, or"
              + " spaces if it belongs to a token");
    }
    // AllenNLP uses the stripped line as the key.
    return new Sentence(TextSplitter.onSpaces(line), line.strip(), List.of(), List.of());
  }

  private Sentence nextOfColumns() throws IOException {
    List<String> read = new ArrayList<>();
    List<String> tokens = new ArrayList<>();
    List<Integer> tokenLines = new ArrayList<>();
    for (String line; (line = lines.next()) != null; ) {
      if (line.isBlank() && !tokens.isEmpty()) {
        read.add(line);
        break;
      }
      read.add(line);
      String[] columns = columns(line);
      boolean token =
          !line.isBlank()
              && !columns[0].equals(DOCUMENT)
              && !(ids && (line.startsWith("#") || columns[0].matches(RANGE_OR_EMPTY)));
      if (token) {
        if (ids && columns.length < 2) {
          throw new ElmoException(
              lines.where() + ": expected a number and a token, found one column");
        }
        tokens.add(columns[ids ? 1 : 0]);
        tokenLines.add(read.size() - 1);
      }
    }
    return read.isEmpty() ? null : new Sentence(tokens, String.join(" ", tokens), read, tokenLines);
  }
}
