// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PushbackInputStream;
import java.io.PushbackReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.files.Records;
import org.elmo4j.internal.text.TextSplitter;

/** Sentences with labels, for training and evaluating a classifier. Immutable and thread-safe. */
public final class LabeledData {
  /** Which units have labels. */
  public enum Task {
    /** Each token. */
    TOKENS,
    /** Each sentence. */
    SENTENCES
  }

  /** The first column of the line that begins a document in CoNLL-2003 files. */
  private static final String DOCUMENT = "-DOCSTART-";

  /** The names of CoNLL-U's columns. */
  private static final List<String> CONLLU =
      List.of("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc");

  /** The default fields or columns of tokens and labels in records. */
  private static final String TOKENS = "tokens";

  private static final String LABELS = "labels";

  private static final DataForm CONLL = new DataForm(DataForm.Kind.CONLL, "", "");

  private final String source;
  private final Task task;
  private final List<LabeledSentence> sentences;
  private final DataForm form; // null for data from memory

  private LabeledData(String source, Task task, List<LabeledSentence> sentences, DataForm form) {
    this.source = source;
    this.task = task;
    this.form = form;
    this.sentences = List.copyOf(sentences);
    if (sentences.isEmpty()) {
      throw new ElmoException(source + ": expected sentences with labels, found none");
    }
  }

  /**
   * Returns data from sentences in memory.
   *
   * @param source the name of the data in messages
   * @throws ElmoException if there are no sentences, or the number of labels of a sentence does not
   *     match the task
   */
  public static LabeledData of(String source, Task task, List<LabeledSentence> sentences) {
    Arguments.require(source, "source");
    Arguments.require(task, "task");
    Arguments.require(sentences, "sentences");
    for (int i = 0; i < sentences.size(); i++) {
      LabeledSentence sentence = Arguments.require(sentences.get(i), source + ", sentence " + i);
      int labels = sentence.labels().size();
      int wanted = task == Task.TOKENS ? sentence.tokens().size() : 1;
      if (labels != wanted) {
        throw new ElmoException(
            source + ", sentence " + i + ": expected " + wanted + " labels, found " + labels);
      }
    }
    return new LabeledData(source, task, sentences, null);
  }

  /**
   * Reads labelled tokens like {@link #readTokens(Path, String)}, with the label in its usual
   * column.
   *
   * @throws ElmoException like {@link #readTokens(Path, String)}
   */
  public static LabeledData readTokens(Path file) {
    return readTokens(file, null);
  }

  /**
   * Reads labelled tokens in a CoNLL format: one token on each line, and a blank line after each
   * sentence. Columns are separated by tabs in CoNLL-U, which is detected from the file's name or
   * first line, and by white space otherwise (CoNLL-2003). In CoNLL-U, comments, ranges of
   * contracted words and empty nodes are skipped; the words of a contraction are read. Lines with
   * {@code -DOCSTART-} are skipped. The token is in the first column, or in the second if the first
   * column numbers the tokens.
   *
   * <p>If the first line of the file is a JSON object, or a header with the columns {@code tokens}
   * and {@code labels}, the file is read like {@link #readTokens(Path, String, String)} does.
   *
   * @param column the number of the label's column, from 1, or its name in CoNLL-U; null for {@code
   *     upos} in CoNLL-U and for the last column otherwise
   * @throws ElmoException if the file cannot be read, has no sentences or no such column, or a line
   *     has a different number of columns than the first
   */
  // OpenNLP's ConlluStream joins contracted words, and its exceptions do not state the line.
  public static LabeledData readTokens(Path file, String column) {
    Arguments.require(file, "file");
    List<LabeledSentence> sentences = new ArrayList<>();
    int number = 0;
    try (BufferedReader opened = open(file)) {
      String head = head(opened);
      BufferedReader lines = again(head, opened);
      Records.Form records = column == null ? Records.named(head.strip(), TOKENS, LABELS) : null;
      if (records != null) {
        return readRecords(lines, file, Task.TOKENS, records, TOKENS, LABELS, null, false);
      }
      Deque<String> ahead = firstSentence(lines);
      Columns columns = Columns.of(file, List.copyOf(ahead), column);
      List<String> tokens = new ArrayList<>();
      List<String> labels = new ArrayList<>();
      while (true) {
        String line = ahead.isEmpty() ? lines.readLine() : ahead.poll();
        if (line == null) {
          break;
        }
        number++;
        if (line.isBlank()) {
          end(tokens, labels, sentences);
          continue;
        }
        String[] parts = columns.split(line);
        if (parts == null) {
          continue;
        }
        if (parts.length != columns.count) {
          throw new ElmoException(
              file
                  + ", line "
                  + number
                  + ": expected "
                  + columns.count
                  + " columns, found "
                  + parts.length);
        }
        if (!columns.conllu || !parts[0].matches("[0-9]+[-.][0-9]+")) {
          tokens.add(parts[columns.token]);
          labels.add(parts[columns.label]);
        }
      }
      end(tokens, labels, sentences);
    } catch (IOException e) {
      throw unreadable(file, number + 1, e);
    }
    return new LabeledData(file.toString(), Task.TOKENS, sentences, CONLL);
  }

  /**
   * Reads labelled tokens, with one sentence in each record. Records are JSON objects, one on each
   * line, or rows of a table; the format is detected like in {@link #readSentences}. Tokens and
   * labels are JSON arrays, or strings that are split at white space.
   *
   * @param tokens the JSON field or column of the tokens: its name, or the column's number from 1
   *     if the file has no header line
   * @param labels the JSON field or column of the labels, given like {@code tokens}
   * @throws ElmoException if the file cannot be read, has no sentences or no such columns, a row
   *     has a different number of columns than the first, or a sentence does not have one label for
   *     each token
   */
  public static LabeledData readTokens(Path file, String tokens, String labels) {
    Arguments.require(file, "file");
    Arguments.require(tokens, "tokens");
    Arguments.require(labels, "labels");
    return readRecords(file, Task.TOKENS, tokens, labels, null, false);
  }

  /** Reads the lines up to the end of the first sentence, from which the columns are detected. */
  private static Deque<String> firstSentence(BufferedReader lines) throws IOException {
    Deque<String> first = new ArrayDeque<>();
    boolean begun = false;
    for (String line; (line = lines.readLine()) != null; ) {
      first.add(line);
      if (line.isBlank() && begun) {
        break;
      }
      begun |= !line.isBlank() && !line.startsWith("#") && !line.strip().startsWith(DOCUMENT);
    }
    return first;
  }

  /** The number of columns, and the indexes of the columns with tokens and labels, from 0. */
  private record Columns(boolean conllu, int count, int token, int label) {
    static Columns of(Path file, List<String> first, String column) {
      boolean conllu =
          file.toString().toLowerCase(Locale.ROOT).endsWith(".conllu")
              || first.stream()
                  .filter(line -> !line.isBlank() && !line.startsWith("#"))
                  .findFirst()
                  .filter(LabeledData::isConllu)
                  .isPresent();
      int label = conllu ? CONLLU.indexOf("upos") : -1;
      if (column != null) {
        int named = conllu ? CONLLU.indexOf(column.toLowerCase(Locale.ROOT)) : -1;
        if (named < 0 && !Records.isNumber(column)) {
          throw new ElmoException(
              "label column: expected a number from 1"
                  + (conllu ? " or one of " + String.join(", ", CONLLU) : "")
                  + ", found "
                  + Json.brief(column));
        }
        label = named >= 0 ? named : Integer.parseInt(column) - 1;
      }
      if (conllu) {
        return checked(new Columns(true, CONLLU.size(), CONLLU.indexOf("form"), label), file, 1);
      }
      Columns unknown = new Columns(false, 0, 0, 0);
      List<String[]> rows = new ArrayList<>();
      int at = 0;
      for (int i = 0; i < first.size(); i++) {
        String[] row = first.get(i).isBlank() ? null : unknown.split(first.get(i));
        if (row != null) {
          at = rows.isEmpty() ? i + 1 : at;
          rows.add(row);
        }
      }
      if (rows.isEmpty()) {
        return unknown;
      }
      int count = rows.get(0).length;
      if (count < 2) {
        throw new ElmoException(
            file + ", line " + at + ": expected a token and its label, found one column");
      }
      boolean counted = count > 2 && rows.size() > 1;
      for (int i = 0; counted && i < rows.size(); i++) {
        counted = rows.get(i)[0].equals(String.valueOf(i + 1));
      }
      return checked(
          new Columns(false, count, counted ? 1 : 0, label < 0 ? count - 1 : label), file, at);
    }

    private static Columns checked(Columns columns, Path file, int line) {
      if (columns.label >= columns.count || columns.label == columns.token) {
        throw new ElmoException(
            file
                + ", line "
                + line
                + ": expected labels in a column up to "
                + columns.count
                + " that is not the tokens', found column "
                + (columns.label + 1)
                + " asked for");
      }
      return columns;
    }

    /** Returns the columns of a line; null if the line is skipped. */
    String[] split(String line) {
      String[] parts = conllu ? line.split("\t", -1) : line.strip().split("\\s+");
      boolean none = conllu && line.startsWith("#") || parts[0].strip().equals(DOCUMENT);
      return none ? null : parts;
    }
  }

  /** Returns whether a line is CoNLL-U: ten columns, the first of which is an id. */
  private static boolean isConllu(String line) {
    String[] parts = line.split("\t", -1);
    return parts.length == CONLLU.size() && parts[0].matches("[0-9]+([-.][0-9]+)?");
  }

  private static void end(
      List<String> tokens, List<String> labels, List<LabeledSentence> sentences) {
    if (!tokens.isEmpty()) {
      sentences.add(new LabeledSentence(tokens, labels));
      tokens.clear();
      labels.clear();
    }
  }

  /**
   * Reads labelled sentences. If the file begins with a brace, it has one JSON object on each line.
   * Otherwise it is a table. If the first line has commas and no tabs, or the file's name ends in
   * {@code .csv}, columns are separated by commas, with the quotes of RFC 4180. Otherwise they are
   * separated by tabs, without quotes.
   *
   * @param text the JSON field or column of the text: its name, or the column's number from 1 if
   *     the file has no header line
   * @param label the JSON field or column of the label, given like {@code text}
   * @param tokenizer splits a text into tokens
   * @throws ElmoException if the file cannot be read, has no sentences or no such columns, or a row
   *     has a different number of columns than the first; the message states the line
   */
  public static LabeledData readSentences(
      Path file, String text, String label, Function<String, List<String>> tokenizer) {
    return readSentences(file, text, label, tokenizer, false);
  }

  /**
   * Reads labelled sentences like {@link #readSentences}, but each text is tokens separated by
   * single spaces. The {@link #form} of the data says so.
   *
   * @param text the JSON field or column of the text, given like for {@link #readSentences}
   * @param label the JSON field or column of the label, given likewise
   * @throws ElmoException like {@link #readSentences}
   */
  public static LabeledData readTokenizedSentences(Path file, String text, String label) {
    return readSentences(file, text, label, TextSplitter::onSpaces, true);
  }

  private static LabeledData readSentences(
      Path file,
      String text,
      String label,
      Function<String, List<String>> tokenizer,
      boolean tokenized) {
    Arguments.require(file, "file");
    Arguments.require(text, "text");
    Arguments.require(label, "label");
    Arguments.require(tokenizer, "tokenizer");
    return readRecords(file, Task.SENTENCES, text, label, tokenizer, tokenized);
  }

  /** Reads records, whose format is detected from the first line. */
  private static LabeledData readRecords(
      Path file,
      Task task,
      String text,
      String label,
      Function<String, List<String>> tokenizer,
      boolean tokenized) {
    try (BufferedReader opened = open(file)) {
      String head = head(opened);
      Records.Form form = recordForm(file, head.strip());
      return readRecords(again(head, opened), file, task, form, text, label, tokenizer, tokenized);
    } catch (IOException e) {
      throw unreadable(file, 1, e);
    }
  }

  private static Records.Form recordForm(Path file, String first) {
    return first.startsWith("{") ? Records.Form.JSONL : Records.table(file.toString(), first);
  }

  /**
   * Reads records with one sentence each.
   *
   * @param lines the file
   * @param tokenizer splits a text into tokens; null to split it at white space
   * @param tokenized what the form says of the texts
   */
  private static LabeledData readRecords(
      BufferedReader lines,
      Path file,
      Task task,
      Records.Form form,
      String text,
      String label,
      Function<String, List<String>> tokenizer,
      boolean tokenized) {
    List<LabeledSentence> sentences = new ArrayList<>();
    long line = 0;
    try (Records records = new Records(lines, file.toString(), form, text, label)) {
      for (Records.Row row; (row = records.next()) != null; line = records.line()) {
        boolean words = tokenizer == null || row.text().isArray();
        List<String> tokens =
            words ? Records.words(row.text()) : tokenizer.apply(row.text().asText());
        List<String> labels =
            task == Task.TOKENS ? Records.words(row.label()) : List.of(row.label().asText());
        boolean one = task == Task.SENTENCES && row.label().isArray();
        if (one || (task == Task.TOKENS && labels.size() != tokens.size())) {
          throw new ElmoException(
              file
                  + ", line "
                  + row.line()
                  + (one
                      ? ": expected a label, found " + Json.brief(row.label())
                      : ": expected a label for each of "
                          + tokens.size()
                          + " tokens, found "
                          + labels.size()
                          + " labels"));
        }
        sentences.add(new LabeledSentence(tokens, labels));
      }
    } catch (IOException e) {
      throw unreadable(file, line + 1, e);
    }
    DataForm.Kind kind = DataForm.Kind.valueOf(form.name());
    DataForm data = new DataForm(kind, text, label, tokenized);
    return new LabeledData(file.toString(), task, sentences, data);
  }

  /** Reads up to the end of the first line that is not blank. */
  private static String head(BufferedReader lines) throws IOException {
    StringBuilder head = new StringBuilder();
    String line = lines.readLine();
    while (line != null && line.isBlank()) {
      head.append(line).append('\n');
      line = lines.readLine();
    }
    return line == null ? head.toString() : head.append(line).append('\n').toString();
  }

  /**
   * Returns a reader of what {@link #head} has read and of the rest. The file itself may be a pipe,
   * which cannot be read twice.
   */
  private static BufferedReader again(String head, BufferedReader rest) throws IOException {
    PushbackReader all = new PushbackReader(rest, head.length() + 1);
    all.unread(head.toCharArray());
    return new BufferedReader(all);
  }

  /** Opens a UTF-8 file and skips a byte order mark. Reading bytes that are not UTF-8 fails. */
  private static BufferedReader open(Path file) throws IOException {
    // Not a BufferedInputStream, which asks a pipe for its position.
    PushbackInputStream in = new PushbackInputStream(Files.newInputStream(file), FoundFile.HEAD);
    try {
      byte[] head = in.readNBytes(FoundFile.HEAD);
      in.unread(head);
      String kind = FoundFile.kind(head, head.length);
      if (kind != null) {
        throw new ElmoException(file + ": expected a file of UTF-8 text, found " + kind);
      }
      PushbackReader reader =
          new PushbackReader(
              new InputStreamReader(
                  in,
                  StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)));
      int first = reader.read();
      if (first >= 0 && first != '\uFEFF') {
        reader.unread(first);
      }
      return new BufferedReader(reader);
    } catch (IOException | ElmoException e) {
      in.close();
      throw e;
    }
  }

  private static ElmoException unreadable(Path file, long line, IOException e) {
    String found =
        e instanceof CharacterCodingException
            ? "other bytes near line " + line
            : FoundFile.unreadable(file, e);
    return new ElmoException(file + ": expected a file of UTF-8 text, found " + found, e);
  }

  /** The name of the data in messages: the file, or the name given to {@link #of}. */
  public String source() {
    return source;
  }

  /** The form of the file that the data come from; empty for data from memory. */
  public Optional<DataForm> form() {
    return Optional.ofNullable(form);
  }

  /** Which units have labels. */
  public Task task() {
    return task;
  }

  /** The sentences, one or more. */
  public List<LabeledSentence> sentences() {
    return sentences;
  }

  /** The different labels, sorted. */
  public List<String> labels() {
    Set<String> labels = new TreeSet<>();
    sentences.forEach(sentence -> labels.addAll(sentence.labels()));
    return Collections.unmodifiableList(new ArrayList<>(labels));
  }

  /** Returns data with some of the sentences, and the same name. */
  LabeledData subset(List<LabeledSentence> some) {
    return new LabeledData(source, task, some, form);
  }
}
