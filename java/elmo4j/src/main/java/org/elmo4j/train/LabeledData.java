// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PushbackReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.files.Json;

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
   * Reads labelled tokens: a token a line, its columns separated by tabs (CoNLL-U, where the name
   * ends in {@code .conllu}) or by white space (CoNLL-2003), a blank line behind each sentence. Of
   * CoNLL-U comments, ranges of contracted words and empty nodes are passed over, the words they
   * stand for are kept; of CoNLL-2003 the lines {@code -DOCSTART-}.
   *
   * @param column the label's column, from 1, or its name in CoNLL-U; null for {@code upos} of
   *     CoNLL-U, else the last one
   * @throws ElmoException if the file cannot be read, has no sentences, or a line has another
   *     number of columns than the first or no such column
   */
  // OpenNLP's ConlluStream joins contracted words, and its failures name no line.
  public static LabeledData readTokens(Path file, String column) {
    Arguments.require(file, "file");
    boolean conllu = file.toString().toLowerCase(Locale.ROOT).endsWith(".conllu");
    int named = column == null || !conllu ? -1 : CONLLU.indexOf(column.toLowerCase(Locale.ROOT));
    int wanted;
    if (column == null) {
      wanted = conllu ? CONLLU.indexOf("upos") : -1;
    } else if (named >= 0) {
      wanted = named;
    } else if (column.matches("[1-9][0-9]{0,3}")) {
      wanted = Integer.parseInt(column) - 1;
    } else {
      throw new ElmoException(
          "label column: expected a number from 1"
              + (conllu ? " or one of " + String.join(", ", CONLLU) : "")
              + ", found "
              + Json.brief(column));
    }
    int tokenColumn = conllu ? CONLLU.indexOf("form") : 0;
    List<LabeledSentence> sentences = new ArrayList<>();
    List<String> tokens = new ArrayList<>();
    List<String> labels = new ArrayList<>();
    int columns = conllu ? CONLLU.size() : 0;
    int number = 0;
    try (BufferedReader lines = open(file)) {
      for (String line; (line = lines.readLine()) != null; ) {
        number++;
        String where = file + ", line " + number;
        if (line.isBlank()) {
          end(tokens, labels, sentences);
          continue;
        }
        if (conllu && line.startsWith("#")) {
          continue;
        }
        String[] parts = conllu ? line.split("\t", -1) : line.strip().split("\\s+");
        if (columns == 0) {
          columns = parts.length;
          wanted = wanted < 0 ? columns - 1 : wanted;
          if (columns < 2) {
            throw new ElmoException(where + ": expected a token and its label, found one column");
          }
        }
        if (parts.length != columns) {
          throw new ElmoException(
              where + ": expected " + columns + " columns, found " + parts.length);
        }
        if (wanted >= columns || wanted == tokenColumn) {
          throw new ElmoException(
              where
                  + ": expected labels in a column up to "
                  + columns
                  + " that is not the tokens', found column "
                  + (wanted + 1)
                  + " asked for");
        }
        if (conllu ? parts[0].matches("[0-9]+[-.][0-9]+") : parts[0].equals("-DOCSTART-")) {
          continue;
        }
        tokens.add(parts[tokenColumn]);
        labels.add(parts[wanted]);
      }
    } catch (IOException e) {
      throw unreadable(file, number + 1, e);
    }
    end(tokens, labels, sentences);
    return new LabeledData(file.toString(), Task.TOKENS, sentences);
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
   * Reads labelled sentences from columns: a name that ends in {@code .csv} has commas and RFC
   * 4180's quotes, any other one tabs and no quotes.
   *
   * @param text the text's column: its name in the first line, or its number from 1 where the file
   *     has no such line
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
    boolean csv = file.toString().toLowerCase(Locale.ROOT).endsWith(".csv");
    CsvSchema schema = CsvSchema.emptySchema();
    schema = csv ? schema : schema.withColumnSeparator('\t').withoutQuoteChar();
    boolean numbers = isNumber(text) && isNumber(label);
    List<LabeledSentence> sentences = new ArrayList<>();
    long line = 1;
    try (Reader reader = open(file);
        MappingIterator<String[]> rows =
            new CsvMapper()
                .enable(CsvParser.Feature.WRAP_AS_ARRAY)
                .enable(CsvParser.Feature.SKIP_EMPTY_LINES)
                .readerFor(String[].class)
                .with(schema)
                .readValues(reader)) {
      int textColumn = numbers ? Integer.parseInt(text) - 1 : -1;
      int labelColumn = numbers ? Integer.parseInt(label) - 1 : -1;
      int columns = -1;
      while (rows.hasNextValue()) {
        String[] row = rows.nextValue();
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
    } catch (JsonProcessingException e) {
      throw new ElmoException(
          file
              + ", row "
              + line
              + ": expected columns, found "
              + Json.brief(e.getOriginalMessage()),
          e);
    } catch (IOException e) {
      throw unreadable(file, line, e);
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
