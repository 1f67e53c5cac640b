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
import org.elmo4j.internal.files.FoundFile;
import org.elmo4j.internal.files.Json;
import org.elmo4j.internal.weights.SafetensorsHeader;

/**
 * A file with vectors of many sentences, or of many uses of a word. {@link #write} creates it once,
 * and {@link #nearest(float[], int)} finds the vectors that are nearest to another. The search is
 * exact: it compares all vectors, by the matrix product that the model itself computes with. The
 * file is mapped to memory, so it may be larger than memory and takes none of the Java heap. {@code
 * FORMAT.md} describes its format, which any safetensors library reads.
 *
 * <p>Any number of threads may search at the same time. {@link #close} waits for running searches
 * and unmaps the file; searches after it throw {@link IllegalStateException}. No program may
 * shorten the file while it is open. To replace it, move another file over it, as {@link #write}
 * does.
 */
public final class VectorFile implements AutoCloseable {
  private static final int MAX_DIM = 1 << 20;

  /** The most queries that are answered in one pass over the file. */
  private static final int PASS = 256;

  /**
   * A vector that was found.
   *
   * @param cosine the cosine of the angle between it and the query, from -1 to 1; 0 if one of them
   *     is all zeros
   * @param sentence the number of the sentence in the text, from 0
   * @param token the position in the sentence of the token that the vector stands for, from 0; -1
   *     if it stands for the sentence
   * @param text the tokens of the sentence with spaces between them
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
  // Searches hold the read lock; close() holds the write lock.
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
    length =
        header.dataStart()
            + header.entries().values().stream().mapToLong(e -> e.end()).max().orElseThrow();
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

  /**
   * Checks that the file was not shortened. Reading a mapped page after its end would crash the
   * process.
   */
  private void checkLength() {
    long found;
    try {
      found = open.length();
    } catch (IOException e) {
      throw new ElmoException(path + ": expected a readable file, found " + FoundFile.reason(e), e);
    }
    if (found < length) {
      throw damaged(length + " bytes while it is open", "it cut to " + found);
    }
  }

  /**
   * Writes a file with the vectors that {@code rows} describes. The file appears complete or not at
   * all, and replaces one that exists. Sentences are numbered in the order in which they come.
   * Memory does not grow with their number.
   *
   * @param embeddings results that contain the layer, such as those of {@link
   *     org.elmo4j.ElmoModel#embedAll(Iterator, org.elmo4j.Layer...)}. This method closes each of
   *     them and the stream. Exceptions of the stream are passed on.
   * @return the number of vectors in the file
   * @throws ElmoException if the file cannot be written, or the embeddings do not have the layer
   */
  public static long write(Path file, VectorRows rows, Stream<Embeddings> embeddings) {
    Arguments.require(file, "file");
    Arguments.require(rows, "rows");
    Arguments.require(embeddings, "embeddings");
    try (embeddings;
        VectorFileWriter writer = new VectorFileWriter(file, rows)) {
      long sentence = 0;
      for (Iterator<Embeddings> each = embeddings.iterator(); each.hasNext(); ) {
        try (Embeddings batch = Arguments.require(each.next(), "embeddings")) {
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
      throw new ElmoException(
          file + ": expected room for vectors, found " + FoundFile.reason(e), e);
    }
  }

  private void checkVector(float[] vector) {
    if (vector.length != dim) {
      throw new ElmoException("vector: expected " + dim + " numbers, found " + vector.length);
    }
    for (float value : vector) {
      if (!Float.isFinite(value)) {
        throw new ElmoException("vector: expected finite numbers, found " + value);
      }
    }
  }

  /** Returns the vector scaled to length 1; zeros if all numbers are zero. */
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
   * Opens a file. Searches in it use all processors.
   *
   * @throws ElmoException if it cannot be read or is not a file of vectors
   */
  public static VectorFile open(Path file) {
    return open(file, Runtime.getRuntime().availableProcessors());
  }

  /**
   * Opens a file.
   *
   * @param threads the number of threads that a search uses, 1 or more
   * @throws ElmoException if it cannot be read, is not a file of vectors, or {@code threads} is
   *     less than 1
   */
  public static VectorFile open(Path file, int threads) {
    Arguments.require(file, "file");
    if (threads < 1) {
      throw new ElmoException("threads: expected 1 or more, found " + threads);
    }
    try {
      return new VectorFile(file, threads);
    } catch (IOException e) {
      throw new ElmoException(file + ": expected a readable file, found " + FoundFile.reason(e), e);
    }
  }

  /** Returns the number of vectors. */
  public long size() {
    return size;
  }

  /** Returns the number of elements of a vector. */
  public int dim() {
    return dim;
  }

  /** Returns the description of the vectors. */
  public VectorRows rows() {
    return rows;
  }

  /**
   * Checks that the vectors come from the same model and layer and stand for the same as others, so
   * that they can be compared. If both name a text, it must be the same too.
   *
   * @throws ElmoException if they do not
   */
  public void require(VectorRows wanted) {
    String difference = Arguments.require(wanted, "rows").difference(rows);
    if (difference != null) {
      throw new ElmoException(path + ": expected vectors of " + difference);
    }
  }

  /**
   * Returns the vectors that have the largest cosine with the given one, the nearest first. Equally
   * near vectors are in the order of the text.
   *
   * @param vector has {@link #dim} finite numbers; its length does not matter
   * @param k how many to return, 1 or more; if there are fewer, all are returned
   * @throws ElmoException if an argument is not as described, or the file is damaged or was cut
   *     short
   * @throws IllegalStateException after {@link #close}
   */
  public List<Hit> nearest(float[] vector, int k) {
    return nearest(List.of(Arguments.require(vector, "vector")), k).get(0);
  }

  /**
   * Does the same as {@link #nearest(float[], int)} for several vectors. They share one pass over
   * the file: 30 take less than twice as long as one.
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
    return memory.bytePointer(offset).capacity(count).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Waits for running searches, then unmaps the file. Further calls have no effect. */
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
      // The file was only read, so nothing is lost.
    } finally {
      lock.writeLock().unlock();
    }
  }
}
