// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.backend.LstmState;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.internal.batch.Embedder;

/**
 * Embeds a batch. Its results are padded to one length, and each layer is one block of the device's
 * memory. {@link SingleResults} gives each sentence its own memory.
 */
final class BatchResults {
  private BatchResults() {}

  /**
   * Embeds sentences.
   *
   * @param width the smallest number of tokens that the result is wide
   * @param state the LSTM state to continue from and to update; null to start from zero
   */
  static Embeddings of(
      LayerPlan plan,
      Embedder replica,
      List<List<String>> sentences,
      int width,
      EmbedOptions wanted,
      LstmState state) {
    int[] lengths = new int[sentences.size()];
    int maxLength = width;
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = sentences.get(i).size() + (wanted.boundaries() ? 2 : 0);
      maxLength = Math.max(maxLength, lengths[i]);
    }
    Backend backend = replica.backend();
    Map<Layer, Memory> memories = new LinkedHashMap<>();
    try (LayerNormMixes normalized =
        new LayerNormMixes(plan.options(), backend, sentences, wanted.boundaries())) {
      List<Output> outputs = new ArrayList<>();
      for (Layer layer : wanted.layers()) {
        boolean mean = layer.kind() == Layer.Kind.MEAN;
        long floats =
            Math.multiplyExact(
                (long) lengths.length * plan.dim(layer), (long) (mean ? 1 : maxLength));
        plan.check(LayerPlan.rows(layer)); // Before memory is allocated.
        Memory memory = backend.allocate(Math.multiplyExact(floats, (long) Float.BYTES));
        memories.put(layer, memory);
        ScalarMix used = plan.mix(LayerPlan.rows(layer));
        if (used != null && used.layerNorm() != ScalarMix.LayerNorm.NONE) {
          normalized.add(used, mean, maxLength, memory);
          continue;
        }
        outputs.add(plan.output(layer, wanted.boundaries(), maxLength, List.of(memory)));
      }
      if (state != null) {
        state.grow(lengths.length);
      }
      outputs.addAll(normalized.layers());
      replica.run(sentences, state, outputs);
      normalized.write();
    } catch (ArithmeticException e) {
      memories.values().forEach(Memory::close);
      throw new ElmoException(
          "batch: expected results that can be addressed, found "
              + lengths.length
              + " x "
              + maxLength
              + " rows",
          e);
    } catch (Throwable e) {
      memories.values().forEach(Memory::close);
      throw e;
    }
    return new Embeddings(sentences, lengths, maxLength, memories, plan::dim);
  }
}
