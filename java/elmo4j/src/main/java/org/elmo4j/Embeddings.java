// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.ToIntFunction;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;

/**
 * The results for a batch: one tensor for each requested layer.
 *
 * <p>It owns native memory, so close it. Each layer takes {@code 4 * dim * maxLength} bytes for
 * each sentence, padding included: with 1,024 numbers for each token and a longest sentence of
 * 2,000 tokens, that is 8 MB. {@link ElmoModel#embedAll} does not pad.
 *
 * <p>Thread-safe: any number of threads may read it, and {@link #close} may be called at any time
 * and more than once.
 */
public final class Embeddings implements AutoCloseable {
  private final List<List<String>> sentences;
  private final int[] lengths;
  private final int maxLength;
  private final Map<Layer, Tensor> tensors;
  private final Map<Layer, Memory> memories;
  private final ToIntFunction<Layer> dims;

  Embeddings(
      List<List<String>> sentences,
      int[] lengths,
      int maxLength,
      Map<Layer, Memory> memories,
      ToIntFunction<Layer> dims) {
    this.sentences = sentences;
    this.lengths = lengths;
    this.maxLength = maxLength;
    this.memories = new LinkedHashMap<>(memories);
    this.dims = dims;
    this.tensors = new LinkedHashMap<>(2 * memories.size());
    memories.forEach(
        (layer, memory) -> {
          int dim = dims.applyAsInt(layer);
          tensors.put(
              layer,
              layer.kind() == Layer.Kind.MEAN
                  ? new Tensor(memory, 0, lengths.length, dim)
                  : new Tensor(memory, 0, lengths.length, maxLength, dim));
        });
  }

  /**
   * The layer for the whole batch, [batch, max_length, dim], with zeros behind the end of each
   * sentence. For a mean it is [batch, dim].
   *
   * @throws ElmoException if the layer was not requested
   */
  public Tensor get(Layer layer) {
    Arguments.require(layer, "layer");
    Tensor tensor = tensors.get(layer);
    if (tensor == null) {
      throw new ElmoException(
          "layer " + layer + ": expected one of those asked for, " + tensors.keySet());
    }
    return tensor;
  }

  /**
   * The layer for one sentence without padding, [length, dim]. For a mean it is [dim].
   *
   * @throws IndexOutOfBoundsException if there is no such sentence
   * @throws ElmoException if the layer was not requested
   */
  public Tensor get(Layer layer, int sentence) {
    Arguments.require(layer, "layer");
    Tensor slice = get(layer).slice(sentence);
    return layer.kind() == Layer.Kind.MEAN ? slice : slice.head(lengths[sentence]);
  }

  /** The requested layers, in the order of the request. */
  public List<Layer> layers() {
    return List.copyOf(tensors.keySet());
  }

  /** The number of sentences. */
  public int batchSize() {
    return lengths.length;
  }

  /**
   * The number of rows of each sentence in {@link #get(Layer)}: the length of the longest sentence,
   * or the width of the input of {@link ElmoModel#embedPadded}.
   */
  public int maxLength() {
    return maxLength;
  }

  /**
   * The number of rows of one sentence that are not padding: its tokens, and its two boundaries if
   * they were requested.
   */
  public int length(int sentence) {
    return lengths[sentence];
  }

  /** The {@link #length} of each sentence, as a copy. */
  public int[] lengths() {
    return lengths.clone();
  }

  /** The tokens of one sentence, without boundaries. */
  public List<String> tokens(int sentence) {
    return sentences.get(sentence);
  }

  /**
   * Copies the results to host memory. The caller closes the copy; this object stays open.
   *
   * @throws IllegalStateException after {@link #close}
   * @throws ElmoException if there is too little memory, or the device fails
   */
  public Embeddings toHost() {
    try {
      return toHostAsync().join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    }
  }

  /**
   * Copies the results to host memory like {@link #toHost}, but returns at once. A CUDA device
   * copies while the caller and the device do other work. This object may be closed before the copy
   * is complete. The caller closes the result of the future. Cancelling the future does not stop
   * the copy.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public CompletableFuture<Embeddings> toHostAsync() {
    List<CompletableFuture<NativeMemory>> copies = new ArrayList<>();
    try {
      memories.values().forEach(memory -> copies.add(memory.toHost()));
    } catch (Throwable e) {
      copies.forEach(copy -> copy.thenAccept(Memory::close));
      throw e;
    }
    return CompletableFuture.allOf(copies.toArray(CompletableFuture[]::new))
        .handle(
            (nothing, failure) -> {
              if (failure != null) {
                copies.stream()
                    .filter(copy -> !copy.isCompletedExceptionally())
                    .forEach(copy -> copy.join().close());
                throw failure instanceof CompletionException e
                    ? e
                    : new CompletionException(failure);
              }
              Map<Layer, Memory> host = new LinkedHashMap<>();
              Iterator<CompletableFuture<NativeMemory>> next = copies.iterator();
              memories.keySet().forEach(layer -> host.put(layer, next.next().join()));
              return new Embeddings(sentences, lengths, maxLength, host, dims);
            });
  }

  /** The layers and the size of the batch, on one line; also after {@link #close}. */
  @Override
  public String toString() {
    return "Embeddings" + layers() + " of " + batchSize() + " sentences";
  }

  /**
   * Frees the memory. Memory that {@link Tensor#floatBuffer} has returned as a buffer is freed
   * later, by the garbage collector.
   */
  @Override
  public void close() {
    memories.values().forEach(Memory::close);
  }
}
