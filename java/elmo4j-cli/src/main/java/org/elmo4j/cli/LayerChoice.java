// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.cli;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.elmo4j.ElmoException;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.ScalarMix;
import org.elmo4j.Tensor;

/**
 * The meaning of {@code --layers} for a model of n LSTM layers and projection dimension P: {@code
 * all} [n + 1, tokens, 2P] with the token representation repeated twice as layer 0, {@code top}
 * (the last LSTM layer) and {@code average} (of those n + 1) as in AllenNLP, or the name of a
 * {@link Layer}.
 */
final class LayerChoice {
  /** The most numbers to copy at once. Larger tensors are copied row by row. */
  private static final int MAX_COPY = 1 << 22;

  private final String name;
  private final List<Layer> layers;
  private final boolean all;

  /** Whether the token representation is repeated, so that it is as wide as the other layers. */
  private final boolean doubled;

  private LayerChoice(String name, List<Layer> layers, boolean all, boolean doubled) {
    this.name = name;
    this.layers = layers;
    this.all = all;
    this.doubled = doubled;
  }

  /**
   * Returns the choice for an {@code output_layer} of ELMoForManyLangs.
   *
   * @param number -2 for all layers, -1 for their average, 0 for the token representation repeated
   *     twice, otherwise the number of an LSTM layer
   * @throws ElmoException if there is no such layer
   */
  static LayerChoice numbered(int number, ElmoModel model) {
    switch (number) {
      case -2:
        return of("all", null, model);
      case -1:
        return of("average", null, model);
      case 0:
        return new LayerChoice("word_emb twice", List.of(Layer.WORD_EMB), false, true);
      default:
        return of(Layer.lstm(number).toString(), null, model);
    }
  }

  /**
   * Returns the choice of this name.
   *
   * @param mix the mix for {@code elmo} and {@code default}, or null for the model's own mix
   * @throws ElmoException if there is no such layer, or the mix does not fit
   */
  static LayerChoice of(String name, ScalarMix mix, ElmoModel model) {
    int lstmLayers = model.options().lstmLayers();
    switch (name) {
      case "all":
        List<Layer> all = new ArrayList<>();
        all.add(Layer.WORD_EMB);
        for (int k = 1; k <= lstmLayers; k++) {
          all.add(Layer.lstm(k));
        }
        return new LayerChoice(name, all, true, true);
      case "top":
        return new LayerChoice(name, List.of(Layer.lstm(lstmLayers)), false, false);
      case "average":
        return new LayerChoice(
            name, List.of(Layer.elmo(ScalarMix.even(lstmLayers + 1))), false, false);
      default:
        Layer layer = Layer.parse(name);
        if (layer.kind() == Layer.Kind.LSTM && layer.index() > lstmLayers) {
          throw new ElmoException(
              "--layers: expected at most lstm_outputs"
                  + lstmLayers
                  + " in this model, found "
                  + name);
        }
        if (mix != null) {
          if (mix.weights().length != lstmLayers + 1) {
            throw new ElmoException(
                "--mix-weights or --mix: expected weights of "
                    + (lstmLayers + 1)
                    + " layers in this model, found "
                    + mix.weights().length);
          }
          layer = layer.equals(Layer.DEFAULT) ? Layer.mean(Layer.elmo(mix)) : Layer.elmo(mix);
        }
        return new LayerChoice(name, List.of(layer), false, false);
    }
  }

  /** The layers that the model must compute. */
  Layer[] layers() {
    return layers.toArray(new Layer[0]);
  }

  /** The names of the blocks that the numbers of a sentence consist of. */
  List<String> blocks() {
    return all ? layers.stream().map(Layer::toString).toList() : List.of(name);
  }

  /** Returns one sentence of a result of the model. */
  SentenceWriter.Sentence sentence(Embeddings embeddings, int row, long index, String text) {
    List<Tensor> tensors = layers.stream().map(layer -> embeddings.get(layer, row)).toList();
    long[] shape = tensors.get(tensors.size() - 1).shape();
    List<String> tokens = embeddings.tokens(row);
    if (!all) {
      int times = doubled ? 2 : 1;
      shape[shape.length - 1] *= times;
      return new SentenceWriter.Sentence(
          index, text, tokens, shape, sink -> put(tensors.get(0), times, sink));
    }
    return new SentenceWriter.Sentence(
        index,
        text,
        tokens,
        new long[] {tensors.size(), shape[0], shape[1]},
        sink -> {
          put(tensors.get(0), 2, sink);
          for (Tensor tensor : tensors.subList(1, tensors.size())) {
            put(tensor, 1, sink);
          }
        });
  }

  /**
   * Passes a tensor to the sink and repeats each row {@code times} times. The numbers are copied,
   * because a view would keep the batch's native memory until garbage collection.
   */
  private static void put(Tensor tensor, int times, SentenceWriter.Sink sink) throws IOException {
    long[] shape = tensor.shape();
    int dim = (int) shape[shape.length - 1];
    if (shape.length > 1 && tensor.size() > MAX_COPY) {
      for (long row = 0; row < shape[0]; row++) {
        put(tensor.slice(row), times, sink);
      }
      return;
    }
    FloatBuffer values = FloatBuffer.wrap(tensor.toArray());
    if (times == 1) {
      sink.put(values);
      return;
    }
    for (int row = 0; row < values.capacity(); row += dim) {
      for (int i = 0; i < times; i++) {
        sink.put(values.slice(row, dim));
      }
    }
  }
}
