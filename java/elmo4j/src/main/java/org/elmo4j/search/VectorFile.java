// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.search;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.Stream;
import org.elmo4j.ElmoException;
import org.elmo4j.Embeddings;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.weights.SafetensorsHeader;

/**
 * Vectors of many sentences, or of many uses of a word, in a file that is made once ({@link
 * #write}), and the nearest of them. The search is exact: it compares all of them, by the product
 * that the model itself computes with. The file is mapped, so that it may be larger than memory: it
 * takes what the system has to spare, and none of the Java heap. What it holds, {@code FORMAT.md}
 * says; any safetensors library reads it.
 *
 * <p>Any number of threads may search at once. {@link #close} waits for searches under way and ends
 * the mapping; calls after it throw {@link IllegalStateException}. The file must not be made shorter
 * while it is open; to replace it, move another over it, as {@link #write} does.
 */
public final class VectorFile implements AutoCloseable {
  private static final int MAX_DIM = 1 << 20;

  /** Vectors that are compared with one reading of the file. */
  private static final int PASS = 256;

  /**
   * What was found.
   *
   * @param cosine of the angle between it and what was looked for, -1 to 1; 0 where one of them is
   *     all zeros
   * @param sentence the number of its sentence in the text, from 0
   * @param token the place in its sentence of the token that it is of, from 0; -1 for the sentence
   * @param text its sentence's tokens with spaces between
   */
  public record Hit(double cosine, long sentence, int token, String text) {}

  private final Path path;
  private final VectorRows rows;
  private final long size;
  private final int dim;
  private final long length;
  private final SafetensorsHeader header;
  private final NativeMemory memory;
  private final RandomAccessFile open;
  private final Nearest nearest;
  // Read: a search under way. Write: closing.
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  private VectorFile(Path path, int threads) throws IOException {
    this.path = path;
    header = SafetensorsHeader.read(path);
    header.expect("format", VectorFileWriter.FORMAT);
    header.expect("format_version", VectorFileWriter.VERSION);
    rows =
        new VectorRows(
            header.required("model"),
            header.required("layer"),
            columns(),
            header.required("pool"),
            header.required("word"),
            header.required("corpus"));
    dim = rows.dim();
    size = tensor(VectorFileWriter.VECTORS).shape()[0];
    check(VectorFileWriter.VECTORS, "F32", size, (long) dim * Float.BYTES);
    check(VectorFileWriter.SENTENCES, "I64", size, Long.BYTES);
    check(VectorFileWriter.TEXT_ENDS, "I64", size, Long.BYTES);
    check(VectorFileWriter.TOKENS, "I32", size, Integer.BYTES);
    check(VectorFileWriter.TEXTS, "U8", texts(), 1);
    if ((header.dataStart() + tensor(VectorFileWriter.VECTORS).begin()) % Float.BYTES != 0) {
      throw damaged("vectors at a multiple of 4 bytes", "them elsewhere");
    }
    length = header.dataStart() + header.entries().values().stream().mapToLong(e -> e.end()).max()
        .orElseThrow();
    open = new RandomAccessFile(path.toFile(), "r");
    try {
      memory = NativeMemory.mapFile(path, length);
    } catch (Throwable e) {
      open.close();
      throw e;
    }
    long first = at(VectorFileWriter.VECTORS) / Float.BYTES;
    nearest = new Nearest(memory, first, size, dim, threads, this::checkLength);
  }

  private SafetensorsHeader.Entry tensor(String name) {
    SafetensorsHeader.Entry entry = header.entries().get(name);
    if (entry == null) {
      throw damaged("a tensor " + name, "none");
    }
    return entry;
  }

  private int columns() {
    long[] shape = tensor(VectorFileWriter.VECTORS).shape();
    if (shape.length != 2 || shape[1] < 1 || shape[1] > MAX_DIM) {
      throw damaged("vectors of 1 to " + MAX_DIM + " numbers", "shape " + Arrays.toString(shape));
    }
    return (int) shape[1];
  }

  private long texts() {
    SafetensorsHeader.Entry entry = tensor(VectorFileWriter.TEXTS);
    return entry.end() - entry.begin();
  }

  private long at(String name) {
    return header.dataStart() + tensor(name).begin();
  }

  private void check(String name, String dtype, long count, long each) {
    SafetensorsHeader.Entry entry = tensor(name);
    long bytes = entry.end() - entry.begin();
    if (!entry.dtype().equals(dtype) || bytes / each != count || bytes % each != 0) {
      throw damaged(
          name + ": " + dtype + " for " + count + " rows",
          Json.brief(entry.dtype()) + " in " + bytes + " bytes");
    }
  }

  private ElmoException damaged(String expected, String found) {
    return new ElmoException(path + ": expected " + expected + ", found " + found);
  }

  /** Reading behind the end of a file that was made shorter would end the process. */
  private void checkLength() {
    long found;
    try {
      found = open.length();
    } catch (IOException e) {
      throw new ElmoException(path + ": expected a readable file, found " + Json.line(e), e);
    }
    if (found < length) {
      throw damaged(length + " bytes while it is open", "it cut to " + found);
    }
  }

  /**
   * Makes a file: of each sentence what {@code rows} says. It appears whole or not at all; one that
   * was there is replaced. Sentences are numbered as they come. Memory does not grow with them.
   *
   * @param embeddings with the layer of {@code rows}, such as {@link
   *     org.elmo4j.ElmoModel#embedAll(Iterator, org.elmo4j.Layer...)} gives them; each is closed,
   *     and the stream is
   * @return how many vectors there are
   * @throws ElmoException if the file cannot be written, or the layer is not there or of another
   *     size; what the stream throws comes through
   */
  public static long write(Path file, VectorRows rows, Stream<Embeddings> embeddings) {
    Arguments.require(file, "file");
    Arguments.require(rows, "rows");
    Arguments.require(embeddings, "embeddings");
    try (embeddings;
        VectorFileWriter writer = new VectorFileWriter(file, rows)) {
      long sentence = 0;
      for (Iterator<Embeddings> each = embeddings.iterator(); each.hasNext(); ) {
        try (Embeddings batch = each.next()) {
          for (int s = 0; s < batch.batchSize(); s++, sentence++) {
            String text = String.join(" ", batch.tokens(s));
            for (VectorRows.Row row : rows.rows(batch, s)) {
              writer.add(row.vector(), sentence, row.token(), text);
            }
          }
        }
      }
      return writer.finish();
    } catch (IOException e) {
      throw new ElmoException(file + ": expected room for vectors, found " + Json.line(e), e);
    }
  }

  private void checkVector(float[] vector) {
    if (vector.length != dim) {
      throw new ElmoException(
          "vector: expected " + dim + " numbers, found " + vector.length);
    }
    for (float value : vector) {
      if (!Float.isFinite(value)) {
        throw new ElmoException("vector: expected finite numbers, found " + value);
      }
    }
  }

  /** A vector of the same direction and length 1; zeros where it is all zeros. */
  static float[] unit(float[] vector) {
    double squares = 0;
    for (float value : vector) {
      squares += (double) value * value;
    }
    float[] unit = new float[vector.length];
    for (int i = 0; i < unit.length && squares > 0; i++) {
      unit[i] = (float) (vector[i] / Math.sqrt(squares));
    }
    return unit;
  }

  /**
   * Opens a file, to be searched on all processors.
   *
   * @throws ElmoException if it cannot be read or is no such file
   */
  public static VectorFile open(Path file) {
    return open(file, Runtime.getRuntime().availableProcessors());
  }

  /**
   * Opens a file.
   *
   * @param threads that a search runs on, 1 or more
   * @throws ElmoException if it cannot be read or is no such file, or there are no threads
   */
  public static VectorFile open(Path file, int threads) {
    Arguments.require(file, "file");
    if (threads < 1) {
      throw new ElmoException("threads: expected 1 or more, found " + threads);
    }
    try {
      return new VectorFile(file, threads);
    } catch (IOException e) {
      throw new ElmoException(file + ": expected a readable file, found " + Json.line(e), e);
    }
  }

  /** How many vectors there are. */
  public long size() {
    return size;
  }

  /** Numbers of a vector. */
  public int dim() {
    return dim;
  }

  /** What the vectors are of. */
  public VectorRows rows() {
    return rows;
  }

  /**
   * Makes sure that the vectors are of the same model, layer and kind, and of the same text where
   * both name one: others cannot be compared.
   *
   * @throws ElmoException if they are not
   */
  public void require(VectorRows wanted) {
    String difference = Arguments.require(wanted, "rows").difference(rows);
    if (difference != null) {
      throw new ElmoException(path + ": expected vectors of " + difference);
    }
  }

  /**
   * The nearest to a vector, by the cosine, the nearest first; of equally near ones the first of the
   * text.
   *
   * @param vector {@link #dim} numbers, of any length
   * @param k how many, 1 or more; all where there are fewer
   * @throws ElmoException if the vector has other numbers, or the file was damaged
   * @throws IllegalStateException after {@link #close}
   */
  public List<Hit> nearest(float[] vector, int k) {
    return nearest(List.of(Arguments.require(vector, "vector")), k).get(0);
  }

  /**
   * As {@link #nearest(float[], int)} for each of several vectors, which share the reading of the
   * file: 30 cost less than twice what one does.
   */
  public List<List<Hit>> nearest(List<float[]> vectors, int k) {
    List<float[]> units = new ArrayList<>();
    for (float[] vector : Arguments.require(vectors, "vectors")) {
      checkVector(Arguments.require(vector, "vector"));
      units.add(unit(vector));
    }
    if (k < 1) {
      throw new ElmoException("k: expected 1 or more, found " + k);
    }
    lock.readLock().lock();
    try {
      if (closed) {
        throw new IllegalStateException("the file " + path + " was closed");
      }
      List<List<Hit>> hits = new ArrayList<>();
      for (int from = 0; from < units.size(); from += PASS) {
        List<float[]> some = units.subList(from, Math.min(units.size(), from + PASS));
        for (List<Nearest.Candidate> best : nearest.find(some, k)) {
          hits.add(best.stream().map(this::hit).toList());
        }
      }
      return hits;
    } finally {
      lock.readLock().unlock();
    }
  }

  private Hit hit(Nearest.Candidate candidate) {
    checkLength();
    long row = candidate.row();
    long ends = at(VectorFileWriter.TEXT_ENDS) + row * Long.BYTES;
    long end = bytes(ends, Long.BYTES).getLong();
    long begin = row == 0 ? 0 : bytes(ends - Long.BYTES, Long.BYTES).getLong();
    if (begin < 0 || end < begin || end > texts() || end - begin > Integer.MAX_VALUE - 8) {
      throw damaged("a text for row " + row, "bytes " + begin + " to " + end);
    }
    byte[] text = new byte[(int) (end - begin)];
    if (text.length > 0) {
      bytes(at(VectorFileWriter.TEXTS) + begin, text.length).get(text);
    }
    return new Hit(
        Math.max(-1, Math.min(1, candidate.score())),
        bytes(at(VectorFileWriter.SENTENCES) + row * Long.BYTES, Long.BYTES).getLong(),
        bytes(at(VectorFileWriter.TOKENS) + row * Integer.BYTES, Integer.BYTES).getInt(),
        new String(text, StandardCharsets.UTF_8));
  }

  private ByteBuffer bytes(long offset, int count) {
    return memory
        .bytePointer(offset)
        .capacity(count)
        .asByteBuffer()
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Waits for searches under way, then ends the mapping. Harmless when repeated. */
  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        memory.close();
        open.close();
      }
    } catch (IOException e) {
      // It was only read from: nothing is lost.
    } finally {
      lock.writeLock().unlock();
    }
  }
}
