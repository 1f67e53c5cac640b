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
 * What {@code --layers} names, for one model of n LSTM layers and projection dimension P: {@code
 * all} [n + 1, tokens, 2P] with the token representation twice over as layer 0, {@code top} (the
 * last LSTM layer) and {@code average} (of those n + 1) as AllenNLP has them, or any one {@link
 * Layer} by its name.
 */
final class LayerChoice {
  /** Numbers that are copied at once; of a tensor with more, a row. */
  private static final int MAX_COPY = 1 << 22;

  private final String name;
  private final List<Layer> layers;
  private final boolean all;

  /** Whether the token representation comes twice over, so that it is as wide as other layers. */
  private final boolean doubled;

  private LayerChoice(String name, List<Layer> layers, boolean all, boolean doubled) {
    this.name = name;
    this.layers = layers;
    this.all = all;
    this.doubled = doubled;
  }

  /**
   * What ELMoForManyLangs' {@code output_layer} names.
   *
   * @param number -2 for all layers, -1 for their average, 0 for the token representation twice
   *     over, else an LSTM layer
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
   * Reads a choice.
   *
   * @param mix what {@code elmo} and {@code default} are mixed with; null for the model's own mix
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

  /** What to ask the model for. */
  Layer[] layers() {
    return layers.toArray(new Layer[0]);
  }

  /** The names of the blocks that the numbers of a sentence consist of. */
  List<String> blocks() {
    return all ? layers.stream().map(Layer::toString).toList() : List.of(name);
  }

  /** One sentence of what the model gave. */
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
   * Hands over a tensor, each of its rows so many times. The numbers are copied: a view would hold
   * the batch's native memory back until the garbage collector comes.
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
