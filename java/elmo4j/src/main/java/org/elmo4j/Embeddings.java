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
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;

/**
 * What came out for a batch: one tensor for each layer asked for. It owns native memory: close it.
 * For each layer that is {@code 4 * dim * maxLength} bytes a sentence, padding included: 8 MB with
 * 1,024 numbers a token where the longest has 2,000. {@link ElmoModel#embedAll} pads nothing. Any
 * number of threads may read it; {@link #close} may come at any time and more than once.
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
   * A layer of the whole batch: [batch, max_length, dim], zeros past each sentence's end; [batch,
   * dim] for means.
   *
   * @throws ElmoException if the layer was not asked for
   */
  public Tensor get(Layer layer) {
    Tensor tensor = tensors.get(layer);
    if (tensor == null) {
      throw new ElmoException(
          "layer " + layer + ": expected one of those asked for, " + tensors.keySet());
    }
    return tensor;
  }

  /**
   * A layer of one sentence without padding: [length, dim]; [dim] for means.
   *
   * @throws IndexOutOfBoundsException if there is no such sentence
   * @throws ElmoException if the layer was not asked for
   */
  public Tensor get(Layer layer, int sentence) {
    Tensor slice = get(layer).slice(sentence);
    return layer.kind() == Layer.Kind.MEAN ? slice : slice.head(lengths[sentence]);
  }

  /** The layers asked for, in that order. */
  public List<Layer> layers() {
    return List.copyOf(tensors.keySet());
  }

  /** How many sentences there are. */
  public int batchSize() {
    return lengths.length;
  }

  /**
   * Rows a sentence has in {@link #get(Layer)}: the longest sentence's length, or the width that
   * {@link ElmoModel#embedPadded} was given.
   */
  public int maxLength() {
    return maxLength;
  }

  /**
   * Rows of one sentence that are not padding: its tokens, and its two boundaries where those were
   * asked for.
   */
  public int length(int sentence) {
    return lengths[sentence];
  }

  /** {@link #length} of all sentences, a copy. */
  public int[] lengths() {
    return lengths.clone();
  }

  /** The tokens of one sentence, without boundaries. */
  public List<String> tokens(int sentence) {
    return sentences.get(sentence);
  }

  /**
   * A copy in host memory, whose buffers are read without further copies. Whoever takes it closes
   * it; this one stays.
   *
   * @throws IllegalStateException after {@link #close}
   * @throws ElmoException if memory cannot be had, or the device fails
   */
  public Embeddings toHost() {
    try {
      return toHostAsync().join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    }
  }

  /**
   * As {@link #toHost}, beside what the device does else: from a CUDA device the copy runs while
   * the caller goes on. This one may be closed meanwhile. Whoever takes the future's result closes
   * it; cancelling the future does not stop the copy.
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

  /**
   * Frees the memory, or leaves it to the garbage collector where {@link Tensor#floatBuffer} gave
   * out a buffer of it.
   */
  @Override
  public void close() {
    memories.values().forEach(Memory::close);
  }
}
