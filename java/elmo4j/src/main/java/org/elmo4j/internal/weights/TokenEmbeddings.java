// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.weights.ModelOptions;

/**
 * Reads token representations that were computed earlier: the file of bilm-tf's {@code
 * dump_token_embeddings} (HDF5, dataset {@code embedding} [tokens, P], 32-bit floats) and the
 * vocabulary that it was made from (UTF-8, one token on each line). Not thread-safe.
 */
public final class TokenEmbeddings implements AutoCloseable {
  private static final String DATASET = "embedding";
  private static final long MAX_VOCABULARY_BYTES = 64L << 20;
  private static final int MAX_TOKEN = 1 << 16;

  /** bilm-tf ignores this line of old vocabularies. */
  private static final String NO_TOKEN = "!!!MAXTERMID";

  private final String source;
  private final Hdf5File file;
  private final List<String> tokens;
  private final int dim;
  private final ByteOrder order;
  private final long start;

  private TokenEmbeddings(Path vocabulary, Hdf5File file, ModelOptions options) {
    this.source = file.source;
    this.file = file;
    this.dim = options.projectionDim();
    // Of a vocabulary that is too long, reads just enough to show that it does not fit.
    this.tokens = readVocabulary(vocabulary, file.data.size() / (Float.BYTES * (long) dim));
    Hdf5Dataset dataset = file.find("dataset " + DATASET, DATASET);
    if (dataset == null) {
      throw new ElmoException(
          source + ": expected a dataset " + DATASET + ", found none of that name");
    }
    long[] wanted = {tokens.size(), dim};
    long[] shape = dataset.shape();
    if (!Arrays.equals(wanted, shape)) {
      throw new ElmoException(
          source
              + ": dataset "
              + DATASET
              + ": expected shape "
              + Arrays.toString(wanted)
              + ", the tokens of "
              + vocabulary
              + " and the model's projection_dim, found "
              + Arrays.toString(shape));
    }
    dataset.locate("dataset " + DATASET);
    if (dataset.position() < 0 || dataset.dtype() != Dtype.F32) {
      throw new ElmoException(
          source
              + ": dataset "
              + DATASET
              + ": expected 32-bit floats in one piece, found another form");
    }
    this.order = dataset.order();
    this.start = dataset.position();
  }

  /**
   * Opens both files and checks that they fit each other and the model. It reads no rows yet.
   *
   * @param options the options of the model that computed the rows
   * @throws ElmoException if a file cannot be read, is damaged, or does not fit
   */
  public static TokenEmbeddings open(Path vocabulary, Path embeddings, ModelOptions options) {
    Hdf5File file = Hdf5.open(embeddings);
    try {
      return new TokenEmbeddings(vocabulary, file, options);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  /** Reads all tokens, but at most {@code most} + 1. */
  private static List<String> readVocabulary(Path file, long most) {
    List<String> tokens = new ArrayList<>();
    try {
      if (Files.size(file) > MAX_VOCABULARY_BYTES) {
        throw new ElmoException(
            file
                + ": expected a vocabulary of at most "
                + MAX_VOCABULARY_BYTES
                + " bytes, found "
                + Files.size(file));
      }
      try (BufferedReader lines = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
        for (String line; tokens.size() <= most && (line = line(lines, file)) != null; ) {
          if (!line.strip().equals(NO_TOKEN)) {
            tokens.add(line.strip());
          }
        }
      }
    } catch (IOException e) {
      throw new ElmoException(
          file + ": expected a vocabulary in UTF-8, found " + FoundFile.reason(e), e);
    }
    return Collections.unmodifiableList(tokens);
  }

  /** Like {@code readLine}, but limits the length of a line. */
  private static String line(BufferedReader lines, Path file) throws IOException {
    StringBuilder line = new StringBuilder();
    int c = lines.read();
    if (c < 0) {
      return null;
    }
    for (; c >= 0 && c != '\n' && c != '\r'; c = lines.read()) {
      if (line.length() == MAX_TOKEN) {
        throw new ElmoException(
            file + ": expected lines of at most " + MAX_TOKEN + " characters, found a longer one");
      }
      line.append((char) c);
    }
    if (c == '\r') {
      lines.mark(1);
      if (lines.read() != '\n') {
        lines.reset();
      }
    }
    return line.toString();
  }

  /**
   * The token of each row. {@code <S>} and {@code </S>} are the boundaries. A token may occur
   * twice, with the same numbers.
   */
  public List<String> tokens() {
    return tokens;
  }

  /** P: the size of a row. */
  public int dim() {
    return dim;
  }

  /**
   * Reads rows of consecutive tokens.
   *
   * @param first the index of the first token
   * @param count the number of tokens
   * @param target filled from its position on with {@code count * dim()} numbers
   * @throws ElmoException if there are no such rows, they do not fit into the target, or a value is
   *     not finite
   */
  public void read(int first, int count, FloatBuffer target) {
    long numbers = (long) count * dim;
    if (first < 0 || count < 0 || first > tokens.size() - count) {
      throw new ElmoException(
          source
              + ": expected rows of 0 to "
              + tokens.size()
              + ", found "
              + count
              + " from "
              + first
              + " on");
    }
    if (target.remaining() < numbers) {
      throw new ElmoException(
          source + ": expected room for " + numbers + " numbers, found " + target.remaining());
    }
    long at = start + (long) first * dim * Float.BYTES;
    int from = target.position();
    try {
      file.data.forEachPiece(at, at + numbers * Float.BYTES, piece -> decode(piece, target));
    } catch (IOException e) {
      throw new ElmoException(source + ": expected its values, found " + FoundFile.reason(e), e);
    }
    for (int i = 0; i < numbers; i++) {
      if (!Float.isFinite(target.get(from + i))) {
        throw new ElmoException(
            source
                + ": row "
                + (first + i / dim)
                + " ["
                + i % dim
                + "]: expected a finite number, found "
                + target.get(from + i));
      }
    }
  }

  private void decode(ByteBuffer piece, FloatBuffer target) {
    Dtype.F32.decode(piece.order(order), target);
  }

  @Override
  public void close() {
    file.close();
  }
}
