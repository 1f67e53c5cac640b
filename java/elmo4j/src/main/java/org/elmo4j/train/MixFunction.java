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
 * A {@link ScalarMix} as a function of a batch's layers, forward and backward, on the model's own
 * buffers: for training loops of one's own. The layers are not copied; any number of mixes may be
 * computed from them. It holds native memory: close it, and keep the embeddings open until then.
 * For one thread at a time.
 */
public final class MixFunction implements AutoCloseable {
  private final Embeddings layers;
  private final int dim;
  private final int count;
  private final List<FloatBuffer> buffers = new ArrayList<>(); // keep the memory
  private final CpuMix kernel;

  /**
   * @param layers asked for with {@link Layer#WORD_EMB} and every {@link Layer#lstm}, and with
   *     boundaries: {@code EmbedOptions.layers(...).withBoundaries(true)}
   * @throws ElmoException if a layer is missing, or one has 2^29 numbers or more
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

  /** Numbers in the target: sentences * longest sentence's tokens * 2P. */
  public int size() {
    return Math.multiplyExact(Math.multiplyExact(layers.batchSize(), maxLength()), 2 * dim);
  }

  /** Tokens of the longest sentence. */
  public int maxLength() {
    return Math.max(0, layers.maxLength() - 2);
  }

  /**
   * The mix.
   *
   * @param target a direct buffer in native byte order, [sentences, maxLength, 2P] from its
   *     position on; written wholly, zeros past each sentence's end
   * @throws ElmoException if the mix or the buffer does not fit
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
   * The gradient to the mix and, on request, to the layers.
   *
   * @param gradient to the target, laid out like it; what lies past a sentence's end is not read
   * @param toLayers one a layer, laid out like it with its boundaries, added to; null for none
   * @throws ElmoException if the mix or a buffer does not fit
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
