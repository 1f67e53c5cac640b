// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.Output;

/** The results of single sentences. Each sentence has its own memory. */
final class SingleResults implements AutoCloseable {
  private final LayerPlan plan;
  private final List<List<String>> sentences;
  private final List<Map<Layer, Memory>> memories = new ArrayList<>();
  final List<Output> outputs = new ArrayList<>();

  SingleResults(LayerPlan plan, Backend backend, List<Layer> layers, List<List<String>> sentences) {
    this.plan = plan;
    this.sentences = sentences;
    int n = sentences.size();
    try {
      for (int i = 0; i < n; i++) {
        memories.add(new LinkedHashMap<>(layers.size() == 1 ? 1 : 2 * layers.size()));
      }
      for (Layer layer : layers) {
        plan.checkAlone(layer);
        boolean mean = layer.kind() == Layer.Kind.MEAN;
        List<Memory> targets = new ArrayList<>(n);
        for (int i = 0; i < n; i++) {
          long rows = mean ? 1 : sentences.get(i).size();
          Memory memory = backend.allocate(rows * plan.dim(layer) * Float.BYTES);
          memories.get(i).put(layer, memory);
          targets.add(memory);
        }
        int maxLength = sentences.get(0).size(); // Used only if there is one sentence.
        outputs.add(plan.output(layer, false, maxLength, targets));
      }
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /** Returns the result of sentence {@code i} after it was written. The caller closes it. */
  Embeddings result(int i) {
    int length = sentences.get(i).size();
    return new Embeddings(
        List.of(sentences.get(i)), new int[] {length}, length, memories.get(i), plan::dim);
  }

  void close(int i) {
    memories.get(i).values().forEach(Memory::close);
  }

  @Override
  public void close() {
    for (int i = 0; i < memories.size(); i++) {
      close(i);
    }
  }
}
