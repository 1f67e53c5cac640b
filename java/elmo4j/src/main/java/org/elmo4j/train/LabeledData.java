// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PushbackReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.files.Library;

/**
 * Sentences with labels: what a classifier learns from and is measured on. Immutable; any thread
 * may use it.
 */
public final class LabeledData {
  /** What has a label. */
  public enum Task {
    /** Each token. */
    TOKENS,
    /** Each sentence. */
    SENTENCES
  }

  /** What begins a document in CoNLL-2003's files, whatever columns follow. */
  private static final String DOCUMENT = "-DOCSTART-";

  /** The names of CoNLL-U's columns. */
  private static final List<String> CONLLU =
      List.of("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc");

  private final String source;
  private final Task task;
  private final List<LabeledSentence> sentences;

  private LabeledData(String source, Task task, List<LabeledSentence> sentences) {
    this.source = source;
    this.task = task;
    this.sentences = List.copyOf(sentences);
    if (sentences.isEmpty()) {
      throw new ElmoException(source + ": expected sentences with labels, found none");
    }
  }

  /**
   * Sentences from memory.
   *
   * @param source what messages call them
   * @throws ElmoException if there are none, or one has another number of labels than the task asks
   *     for
   */
  public static LabeledData of(String source, Task task, List<LabeledSentence> sentences) {
    Arguments.require(source, "source");
    Arguments.require(task, "task");
    Arguments.require(sentences, "sentences");
    for (int i = 0; i < sentences.size(); i++) {
      int labels = sentences.get(i).labels().size();
      int wanted = task == Task.TOKENS ? sentences.get(i).tokens().size() : 1;
      if (labels != wanted) {
        throw new ElmoException(
            source + ", sentence " + i + ": expected " + wanted + " labels, found " + labels);
      }
    }
    return new LabeledData(source, task, sentences);
  }

  /**
   * Reads labelled tokens: a token a line, its columns separated by tabs (CoNLL-U, which its name
   * or its first line shows) or by white space (CoNLL-2003), a blank line behind each sentence. Of
   * CoNLL-U comments, ranges of contracted words and empty nodes are passed over, the words they
   * stand for are kept. Lines {@code -DOCSTART-} are passed over. Tokens stand in the first column,
   * or in the second where the first counts them.
   *
   * @param column the label's column, from 1, or its name in CoNLL-U; null for {@code upos} of
   *     CoNLL-U, else the last one
   * @throws ElmoException if the file cannot be read, has no sentences, or a line has another
   *     number of columns than the first or no such column
   */
  // OpenNLP's ConlluStream joins contracted words, and its failures name no line.
  public static LabeledData readTokens(Path file, String column) {
    Arguments.require(file, "file");
    List<LabeledSentence> sentences = new ArrayList<>();
    int number = 0;
    try (BufferedReader lines = open(file)) {
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
    return new LabeledData(file.toString(), Task.TOKENS, sentences);
  }

  /** The lines up to the end of the first sentence, which show what the columns are. */
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

  /** Where tokens and labels stand, from 0, of how many columns. */
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
        if (named < 0 && !isNumber(column)) {
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

    /** Null for a line that is passed over. */
    String[] split(String line) {
      String[] parts = conllu ? line.split("\t", -1) : line.strip().split("\\s+");
      boolean none = conllu && line.startsWith("#") || parts[0].strip().equals(DOCUMENT);
      return none ? null : parts;
    }
  }

  /** Whether a line is one of CoNLL-U: its ten columns, an id first. */
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
   * Reads labelled sentences: objects of JSON, one a line, where the file begins with a brace; else
   * columns, with commas and RFC 4180's quotes where the first line has commas and no tabs or the
   * name ends in {@code .csv}, or with tabs and no quotes.
   *
   * @param text the text's field of JSON or column: its name in the first line, or its number from
   *     1 where the file has no such line
   * @param label the label's column, likewise
   * @param tokenizer splits a text into tokens
   * @throws ElmoException if the file cannot be read, has no sentences or no such columns, or a row
   *     has another number of columns than the first
   */
  public static LabeledData readSentences(
      Path file, String text, String label, Function<String, List<String>> tokenizer) {
    Arguments.require(file, "file");
    Arguments.require(text, "text");
    Arguments.require(label, "label");
    Arguments.require(tokenizer, "tokenizer");
    String first = firstLine(file);
    if (first.startsWith("{")) {
      return readJsonLines(file, text, label, tokenizer);
    }
    boolean csv =
        file.toString().toLowerCase(Locale.ROOT).endsWith(".csv")
            || (first.contains(",") && !first.contains("\t"));
    Library.require(file + ": a table", Library.COMMONS_CSV);
    CSVFormat format = csv ? CSVFormat.RFC4180 : CSVFormat.newFormat('\t');
    boolean numbers = isNumber(text) && isNumber(label);
    List<LabeledSentence> sentences = new ArrayList<>();
    long line = 1;
    try (Reader reader = open(file);
        CSVParser rows = format.builder().setIgnoreEmptyLines(true).build().parse(reader)) {
      int textColumn = numbers ? Integer.parseInt(text) - 1 : -1;
      int labelColumn = numbers ? Integer.parseInt(label) - 1 : -1;
      int columns = -1;
      for (CSVRecord record : rows) {
        String[] row = record.values();
        String where = file + ", row " + line++;
        if (columns < 0) {
          columns = row.length;
          if (!numbers) {
            textColumn = Arrays.asList(row).indexOf(text);
            labelColumn = Arrays.asList(row).indexOf(label);
          }
          boolean found =
              textColumn >= 0 && labelColumn >= 0 && Math.max(textColumn, labelColumn) < columns;
          if (!found) {
            throw new ElmoException(
                where
                    + ": expected columns "
                    + Json.brief(text)
                    + " and "
                    + Json.brief(label)
                    + ", found "
                    + (numbers ? columns + " columns" : Json.brief(String.join(", ", row))));
          }
          if (!numbers) {
            continue;
          }
        }
        if (row.length != columns) {
          throw new ElmoException(
              where + ": expected " + columns + " columns, found " + row.length);
        }
        sentences.add(
            new LabeledSentence(tokenizer.apply(row[textColumn]), List.of(row[labelColumn])));
      }
    } catch (UncheckedIOException e) {
      if (e.getCause() instanceof CharacterCodingException other) {
        throw unreadable(file, line, other);
      }
      throw new ElmoException(
          file + ", row " + line + ": expected columns, found " + Json.line(e.getCause()), e);
    } catch (IOException e) {
      throw unreadable(file, line, e);
    }
    return new LabeledData(file.toString(), Task.SENTENCES, sentences);
  }

  /** The first line that is not blank; empty where there is none. */
  private static String firstLine(Path file) {
    try (BufferedReader lines = open(file)) {
      String line = lines.readLine();
      while (line != null && line.isBlank()) {
        line = lines.readLine();
      }
      return line == null ? "" : line.strip();
    } catch (IOException e) {
      throw unreadable(file, 1, e);
    }
  }

  private static LabeledData readJsonLines(
      Path file, String text, String label, Function<String, List<String>> tokenizer) {
    List<LabeledSentence> sentences = new ArrayList<>();
    long number = 0;
    try (BufferedReader lines = open(file)) {
      for (String line; (line = lines.readLine()) != null; ) {
        String where = file + ", line " + ++number;
        if (line.isBlank()) {
          continue;
        }
        JsonNode json = Json.parse(line.getBytes(StandardCharsets.UTF_8), where);
        JsonNode words = json.path(text);
        JsonNode name = json.path(label);
        if (!words.isTextual() || !name.isValueNode() || name.isNull()) {
          throw new ElmoException(
              where
                  + ": expected fields "
                  + Json.brief(text)
                  + " and "
                  + Json.brief(label)
                  + ", found "
                  + Json.brief(json));
        }
        sentences.add(new LabeledSentence(tokenizer.apply(words.asText()), List.of(name.asText())));
      }
    } catch (IOException e) {
      throw unreadable(file, number + 1, e);
    }
    return new LabeledData(file.toString(), Task.SENTENCES, sentences);
  }

  private static boolean isNumber(String column) {
    return column.matches("[1-9][0-9]{0,3}");
  }

  /** UTF-8, a byte order mark passed over; what is no UTF-8 is an error. */
  private static BufferedReader open(Path file) throws IOException {
    PushbackReader reader =
        new PushbackReader(
            new InputStreamReader(
                Files.newInputStream(file),
                StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)));
    try {
      int first = reader.read();
      if (first >= 0 && first != '\uFEFF') {
        reader.unread(first);
      }
      return new BufferedReader(reader);
    } catch (IOException e) {
      reader.close();
      throw e;
    }
  }

  private static ElmoException unreadable(Path file, long line, IOException e) {
    String found =
        e instanceof CharacterCodingException
            ? "other bytes near line " + line
            : Files.exists(file) ? Json.line(e) : "no such file";
    return new ElmoException(file + ": expected a file of UTF-8 text, found " + found, e);
  }

  /** Where the sentences come from, for messages. */
  public String source() {
    return source;
  }

  /** What has a label. */
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

  /** Some of the sentences, under the same name. */
  LabeledData subset(List<LabeledSentence> some) {
    return new LabeledData(source, task, some);
  }
}
