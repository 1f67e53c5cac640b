// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.FloatPointer;
import org.elmo4j.ElmoException;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.ScalarMix;
import org.elmo4j.ScalarMix.LayerNorm;
import org.elmo4j.internal.Arguments;
import org.elmo4j.internal.backend.cpu.CpuMix;

/**
 * Computes a {@link ScalarMix} of a batch's layers and its gradients, for training loops of the
 * caller. It reads the layers from the embeddings without a copy, and can compute any number of
 * mixes. It holds native memory, so it must be closed; the embeddings must stay open until then.
 * Not thread-safe.
 */
public final class MixFunction implements AutoCloseable {
  private final Embeddings layers;
  private final int dim;
  private final int count;
  private final List<FloatBuffer> buffers = new ArrayList<>(); // keep the memory reachable
  private final CpuMix kernel;

  /**
   * @param layers embeddings with {@link Layer#WORD_EMB} and every {@link Layer#lstm}, and with
   *     boundaries: {@code EmbedOptions.layers(...).withBoundaries(true)}
   * @throws ElmoException if a layer is missing, or one has 2^29 elements or more
   */
  public MixFunction(Embeddings layers) {
    Arguments.require(layers, "layers");
    this.layers = layers;
    this.dim = (int) layers.get(Layer.WORD_EMB).shape(2);
    List<CpuMix.Rows> rows = new ArrayList<>();
    add(layers, Layer.WORD_EMB, rows);
    for (int k = 1; layers.layers().contains(Layer.lstm(k)); k++) {
      add(layers, Layer.lstm(k), rows);
    }
    count = rows.size();
    for (int s = 0; s < layers.batchSize(); s++) {
      if (layers.length(s) != layers.tokens(s).size() + 2) {
        throw new ElmoException(
            "layers: expected them with boundaries, found "
                + layers.length(s)
                + " rows of "
                + layers.tokens(s).size()
                + " tokens");
      }
    }
    kernel = new CpuMix(dim, rows);
  }

  private void add(Embeddings embeddings, Layer layer, List<CpuMix.Rows> rows) {
    FloatBuffer buffer = embeddings.get(layer).floatBuffer();
    buffers.add(buffer);
    FloatPointer floats = buffer.hasRemaining() ? new FloatPointer(buffer) : new FloatPointer();
    rows.add(new CpuMix.Rows(floats, layer == Layer.WORD_EMB ? 1 : 2));
  }

  /** The number of elements of the target: sentences * {@link #maxLength} * 2P. */
  public int size() {
    return Math.multiplyExact(Math.multiplyExact(layers.batchSize(), maxLength()), 2 * dim);
  }

  /** The number of tokens of the longest sentence. */
  public int maxLength() {
    return Math.max(0, layers.maxLength() - 2);
  }

  /**
   * Computes the mix.
   *
   * @param target a direct buffer in native byte order, [sentences, maxLength, 2P] from its
   *     position on. All of it is written, with zeros after each sentence's end.
   * @throws ElmoException if the number of mix weights or the buffer does not match
   */
  public void forward(ScalarMix mix, FloatBuffer target) {
    Arguments.require(mix, "mix");
    Arguments.require(target, "target");
    FloatPointer to = pointer("target", target, size());
    select(mix);
    if (size() > 0) {
      kernel.forward(2, mix.scales(), false, maxLength(), to);
    }
  }

  /**
   * Returns the gradient with respect to the mix, and adds that with respect to the layers.
   *
   * @param gradient the gradient with respect to the target, with the same layout; elements after a
   *     sentence's end are not read
   * @param toLayers one buffer for each layer, with the layer's layout including boundaries, to
   *     which the layer's gradient is added; null if it is not needed
   * @throws ElmoException if the number of mix weights or a buffer does not match
   */
  public ScalarMix.Gradient backward(
      ScalarMix mix, FloatBuffer gradient, List<FloatBuffer> toLayers) {
    Arguments.require(mix, "mix");
    Arguments.require(gradient, "gradient");
    FloatPointer from = pointer("gradient", gradient, size());
    List<FloatPointer> to = null;
    if (toLayers != null) {
      if (toLayers.size() != count) {
        throw new ElmoException(
            "layer gradients: expected " + count + ", found " + toLayers.size());
      }
      to = new ArrayList<>();
      for (int k = 0; k < count; k++) {
        to.add(pointer("gradient of layer " + k, toLayers.get(k), buffers.get(k).capacity()));
      }
    }
    select(mix);
    if (size() == 0) {
      return mix.gradient(new double[count]);
    }
    return mix.gradient(kernel.backward(2, mix.scales(), false, maxLength(), from, to));
  }

  private void select(ScalarMix mix) {
    if (mix.weights().length != count) {
      throw new ElmoException(
          "mix weights: expected one a layer, " + count + ", found " + mix.weights().length);
    }
    int[] lengths = IntStream.range(0, layers.batchSize()).map(s -> layers.length(s) - 2).toArray();
    LayerNorm norm = mix.layerNorm();
    kernel.select(
        rows(1), lengths, norm == LayerNorm.NONE ? null : rows(norm == LayerNorm.ALLENNLP ? 0 : 1));
  }

  private int[] rows(int skip) {
    return IntStream.range(0, layers.batchSize())
        .flatMap(
            s -> {
              int first = s * layers.maxLength();
              return IntStream.range(first + skip, first + layers.length(s) - skip);
            })
        .toArray();
  }

  private static FloatPointer pointer(String name, FloatBuffer buffer, int size) {
    if (!buffer.isDirect()
        || buffer.order() != ByteOrder.nativeOrder()
        || buffer.remaining() != size) {
      throw new ElmoException(
          name
              + ": expected a direct buffer of "
              + size
              + " floats in native order, found "
              + buffer.remaining()
              + (buffer.isDirect() ? " in " + buffer.order() : " on the heap"));
    }
    return size == 0 ? new FloatPointer() : new FloatPointer(buffer);
  }

  @Override
  public void close() {
    kernel.close();
  }
}
