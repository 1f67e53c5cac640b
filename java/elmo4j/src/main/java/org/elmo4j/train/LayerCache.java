// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.bytedeco.javacpp.FloatPointer;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.EmbedOptions;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.cpu.CpuMix;
import org.elmo4j.internal.files.FoundFile;

/**
 * All layers of many sentences, including boundaries, computed once. They are stored in an unnamed
 * temporary file that is mapped into memory. Not thread-safe.
 */
final class LayerCache implements AutoCloseable {
  /** One call of the model takes sentences until they have this many tokens or more. */
  private static final int CHUNK_TOKENS = 1 << 14;

  private final NativeMemory memory;
  private final List<CpuMix.Rows> layers = new ArrayList<>();
  private final int[] first;
  private final int[] length;

  /**
   * Computes the layers.
   *
   * @param folder the folder of the file
   * @param limit the largest size of the file in bytes
   * @param progress is called before the file is written, and after each call of the model
   * @param stop is checked before each call of the model
   * @throws ElmoException before any computation, if the limit or the free space on the folder's
   *     disk is too small; also if {@code stop} returns true
   */
  LayerCache(
      ElmoModel model,
      List<List<String>> sentences,
      Path folder,
      long limit,
      Progress progress,
      BooleanSupplier stop) {
    int p = model.options().projectionDim();
    int lstmLayers = model.options().lstmLayers();
    first = new int[sentences.size()];
    length = new int[sentences.size()];
    long rows = 0;
    for (int s = 0; s < first.length; s++) {
      first[s] = (int) rows;
      length[s] = sentences.get(s).size() + 2;
      rows += length[s];
      if (rows >= 1 << 30) {
        throw new ElmoException("data: expected less than 2^30 tokens, found more");
      }
    }
    long bytes = rows * p * (1 + 2L * lstmLayers) * Float.BYTES;
    if (bytes > limit) {
      throw new ElmoException(
          "layers of "
              + (rows - 2L * first.length)
              + " tokens: expected at most "
              + limit
              + " bytes (the cache limit), found "
              + bytes);
    }
    progress.cache(folder, bytes, checkRoom(folder, bytes));
    memory = NativeMemory.map(folder, Math.max(1, bytes));
    try {
      long at = 0;
      for (int k = 0; k <= lstmLayers; k++) {
        int halves = k == 0 ? 1 : 2;
        layers.add(new CpuMix.Rows(memory.floatPointer(at), halves));
        at += rows * halves * p;
      }
      fill(model, sentences, p, progress, stop);
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
  }

  /**
   * Returns the free space of a folder's disk in bytes.
   *
   * @throws ElmoException if it is less than {@code bytes}, or the folder is missing
   */
  static long checkRoom(Path folder, long bytes) {
    long free;
    try {
      free = Files.getFileStore(folder).getUsableSpace();
    } catch (IOException e) {
      throw new ElmoException(
          folder + ": expected a folder for the layers, found " + FoundFile.unreadable(folder, e),
          e);
    }
    if (free < bytes) {
      throw new ElmoException(
          folder + ": expected " + bytes + " bytes free for the layers, found " + free);
    }
    return free;
  }

  private void fill(
      ElmoModel model,
      List<List<String>> sentences,
      int p,
      Progress progress,
      BooleanSupplier stop) {
    Layer[] wanted = new Layer[layers.size()];
    for (int k = 0; k < wanted.length; k++) {
      wanted[k] = k == 0 ? Layer.WORD_EMB : Layer.lstm(k);
    }
    EmbedOptions options = EmbedOptions.layers(wanted).withBoundaries(true);
    for (int from = 0; from < first.length; ) {
      if (stop.getAsBoolean()) {
        throw new ElmoException("training: expected to compute the layers, found it stopped");
      }
      int to = from;
      for (long tokens = 0; to < first.length && tokens < CHUNK_TOKENS; to++) {
        tokens += length[to];
      }
      try (Embeddings embeddings = model.embed(sentences.subList(from, to), options)) {
        for (int s = from; s < to; s++) {
          for (int k = 0; k < wanted.length; k++) {
            CpuMix.Rows layer = layers.get(k);
            FloatPointer target = layer.floats().getPointer((long) first[s] * layer.halves() * p);
            target.put(embeddings.get(wanted[k], s - from).toArray());
          }
        }
      }
      from = to;
      progress.layers(from, first.length);
    }
  }

  /** The layers, starting with the token representation. */
  List<CpuMix.Rows> layers() {
    return layers;
  }

  /** Returns the numbers of the rows that belong to some sentences, with or without boundaries. */
  int[] rows(int[] sentences, boolean boundaries) {
    int skip = boundaries ? 0 : 1;
    int count = 0;
    for (int s : sentences) {
      count += length[s] - 2 * skip;
    }
    int[] rows = new int[count];
    int at = 0;
    for (int s : sentences) {
      for (int t = skip; t < length[s] - skip; t++) {
        rows[at++] = first[s] + t;
      }
    }
    return rows;
  }

  /** The number of tokens of a sentence, without boundaries. */
  int tokens(int sentence) {
    return length[sentence] - 2;
  }

  @Override
  public void close() {
    memory.close();
  }
}
