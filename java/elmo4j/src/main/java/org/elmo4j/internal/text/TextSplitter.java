// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.text;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import opennlp.tools.sentdetect.SentenceDetector;
import opennlp.tools.sentdetect.SentenceDetectorME;
import opennlp.tools.sentdetect.SentenceModel;
import opennlp.tools.tokenize.Tokenizer;
import opennlp.tools.tokenize.TokenizerME;
import opennlp.tools.tokenize.TokenizerModel;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.Library;
import org.elmo4j.internal.files.Resources;

/**
 * Splits running English text into sentences and tokens with the models of OpenNLP, which were
 * trained on UD English EWT. Thread-safe.
 */
public final class TextSplitter {
  private static final String RUNNING_TEXT = "running text";
  private static final String SENTENCES = "opennlp-en-ud-ewt-sentence-1.3-2.5.4.bin";
  private static final String TOKENS = "opennlp-en-ud-ewt-tokens-1.3-2.5.4.bin";

  /**
   * The longest run of characters without white space that OpenNLP gets: its time grows with the
   * square of the length.
   */
  private static final int MAX_RUN = 1000;

  /**
   * A word that ends in a clitic. The Penn treebank, and therefore ELMo's training text, makes the
   * clitic a token of its own; OpenNLP's model mostly does not.
   */
  private static final Pattern CLITIC =
      Pattern.compile("(?i)(.*\\p{L}|.*\\p{N})(n['\u2019]t|['\u2019](?:s|m|d|ll|re|ve))");

  private TextSplitter() {}

  /**
   * The code that links to OpenNLP. It is a class of its own, since it cannot be loaded if a
   * program leaves OpenNLP out. Not thread-safe. The models are loaded at first use, and threads
   * share them.
   */
  private static final class OpenNlp {
    private static SentenceModel sentenceModel;
    private static TokenizerModel tokenizerModel;

    final SentenceDetector detector;
    final Tokenizer tokenizer;

    /** The models are not loaded in a static initialiser, where a failure would be an Error. */
    OpenNlp() {
      synchronized (OpenNlp.class) {
        if (sentenceModel == null) {
          sentenceModel = load(SENTENCES, "opennlp-models-sentdetect-en", SentenceModel::new);
        }
        if (tokenizerModel == null) {
          tokenizerModel = load(TOKENS, "opennlp-models-tokenizer-en", TokenizerModel::new);
        }
        detector = new SentenceDetectorME(sentenceModel);
        tokenizer = new TokenizerME(tokenizerModel);
      }
    }

    private interface Reader<T> {
      T read(InputStream in) throws IOException;
    }

    private static <T> T load(String resource, String artifact, Reader<T> reader) {
      try (InputStream in = Resources.open(resource)) {
        if (in == null) {
          throw new ElmoException(
              RUNNING_TEXT
                  + ": expected the artifact org.apache.opennlp:"
                  + artifact
                  + " on the class path, found no resource "
                  + resource);
        }
        return reader.read(in);
      } catch (IOException e) {
        throw new ElmoException(
            RUNNING_TEXT + ": expected an OpenNLP model in " + resource + ", found damage", e);
      }
    }
  }

  /**
   * Splits a text into sentences, each a list of tokens. Clitics are separate tokens: did n't, Ann
   * 's. A blank line ends a sentence. A run of more than 1000 characters without white space
   * becomes one token in a sentence of its own. No sentence and no token is empty.
   *
   * @param text any text; may be empty
   * @throws ElmoException if OpenNLP or one of its models was left out of the class path
   */
  public static List<List<String>> split(String text) {
    List<List<String>> sentences = new ArrayList<>();
    Library.require(RUNNING_TEXT, Library.OPENNLP, Library.SLF4J);
    OpenNlp nlp = new OpenNlp();
    int start = 0;
    int lineEnds = 0;
    int runStart = 0;
    for (int i = 0; i <= text.length(); i++) {
      boolean end = i == text.length();
      if (!end && !isSpace(text.charAt(i))) {
        if (lineEnds > 1) {
          addSentences(text.substring(start, i), nlp, sentences);
          start = i;
        }
        lineEnds = 0;
        continue;
      }
      if (i - runStart > MAX_RUN) {
        addSentences(text.substring(start, runStart), nlp, sentences);
        sentences.add(List.of(text.substring(runStart, i)));
        start = i;
      }
      runStart = i + 1;
      // Of CR LF only the line feed is counted.
      if (!end && isLineEnd(text, i)) {
        lineEnds++;
      }
    }
    addSentences(text.substring(start), nlp, sentences);
    return sentences;
  }

  /** Returns the tokens of all sentences of {@link #split}. */
  public static List<String> tokens(String text) {
    return split(text).stream().flatMap(List::stream).toList();
  }

  private static void addSentences(String text, OpenNlp nlp, List<List<String>> sentences) {
    if (text.isBlank()) {
      return;
    }
    for (String sentence : nlp.detector.sentDetect(text)) {
      List<String> tokens = new ArrayList<>();
      for (String token : nlp.tokenizer.tokenize(sentence)) {
        addWithoutClitics(token, tokens);
      }
      if (!tokens.isEmpty()) {
        sentences.add(List.copyOf(tokens));
      }
    }
  }

  /** Adds a word and its clitics as separate tokens: should n't 've. */
  private static void addWithoutClitics(String token, List<String> tokens) {
    Matcher clitic = CLITIC.matcher(token);
    if (clitic.matches()) {
      addWithoutClitics(clitic.group(1), tokens);
      tokens.add(clitic.group(2));
    } else {
      tokens.add(token);
    }
  }

  /** White space as OpenNLP defines it. */
  private static boolean isSpace(char c) {
    return Character.isWhitespace(c) || Character.getType(c) == Character.SPACE_SEPARATOR;
  }

  private static boolean isLineEnd(String text, int i) {
    char c = text.charAt(i);
    return c == '\n' || c == '\r' && !text.startsWith("\n", i + 1);
  }

  /**
   * Splits at spaces (U+0020) only and drops empty pieces, like TF-Hub's {@code default} signature.
   */
  public static List<String> onSpaces(String text) {
    return Arrays.stream(text.split(" ")).filter(piece -> !piece.isEmpty()).toList();
  }
}
