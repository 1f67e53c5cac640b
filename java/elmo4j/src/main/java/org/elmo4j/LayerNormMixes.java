// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.elmo4j.internal.backend.Backend;
import org.elmo4j.internal.backend.Memory;
import org.elmo4j.internal.backend.NativeMemory;
import org.elmo4j.internal.backend.Output;
import org.elmo4j.internal.backend.cpu.CpuMix;
import org.elmo4j.weights.ModelOptions;

/**
 * Computes mixes with layer norm. Its mean and variance are taken over all sentences of a call, so
 * the model's layers, with boundaries, are kept until all batches have run.
 */
final class LayerNormMixes implements AutoCloseable {
  private record Wanted(ScalarMix mix, boolean mean, int maxLength, Memory target) {}

  private final ModelOptions options;
  private final Backend backend;
  private final List<List<String>> sentences;
  private final boolean boundaries;
  private final List<Wanted> wanted = new ArrayList<>();
  private final List<Memory> layers = new ArrayList<>();
  private int rows;

  LayerNormMixes(
      ModelOptions options, Backend backend, List<List<String>> sentences, boolean boundaries) {
    this.options = options;
    this.backend = backend;
    this.sentences = sentences;
    this.boundaries = boundaries;
    for (List<String> sentence : sentences) {
      rows = Math.max(rows, sentence.size() + 2);
    }
  }

  void add(ScalarMix mix, boolean mean, int maxLength, Memory target) {
    wanted.add(new Wanted(mix, mean, maxLength, target));
  }

  /** The layers that {@link #write} needs; none if no mix was added. */
  List<Output> layers() {
    List<Output> outputs = new ArrayList<>();
    for (int k = 0; k <= options.lstmLayers() && !wanted.isEmpty(); k++) {
      int halves = k == 0 ? 1 : 2;
      float[] scales = new float[options.lstmLayers() + 1];
      scales[k] = 1;
      long floats =
          Math.multiplyExact(
              (long) sentences.size() * rows, (long) halves * options.projectionDim());
      Memory memory = backend.allocate(Math.multiplyExact(floats, (long) Float.BYTES));
      layers.add(memory);
      outputs.add(new Output(halves, scales, false, true, rows, List.of(memory)));
    }
    return outputs;
  }

  void write() {
    if (wanted.isEmpty() || sentences.isEmpty()) {
      return;
    }
    for (int k = 0; k < layers.size(); k++) {
      layers.set(k, onHost(layers.get(k)));
    }
    List<CpuMix.Rows> sources = new ArrayList<>();
    for (int k = 0; k < layers.size(); k++) {
      sources.add(new CpuMix.Rows(layers.get(k).floatPointer(0), k == 0 ? 1 : 2));
    }
    try (CpuMix kernel = new CpuMix(options.projectionDim(), sources)) {
      for (Wanted one : wanted) {
        boolean ends = boundaries && !one.mean;
        int[] lengths =
            sentences.stream().mapToInt(tokens -> tokens.size() + (ends ? 2 : 0)).toArray();
        kernel.select(
            rows(ends), lengths, rows(one.mix.layerNorm() == ScalarMix.LayerNorm.ALLENNLP));
        if (one.target instanceof NativeMemory) {
          kernel.forward(2, one.mix.scales(), one.mean, one.maxLength, one.target.floatPointer(0));
          continue;
        }
        try (Memory host = NativeMemory.allocate(one.target.bytes())) {
          kernel.forward(2, one.mix.scales(), one.mean, one.maxLength, host.floatPointer(0));
          backend.copy(host, one.target);
        }
      }
    }
  }

  /**
   * Copies device memory to the host and closes it: these mixes are computed on the CPU, whatever
   * device the model uses.
   */
  private Memory onHost(Memory memory) {
    if (memory instanceof NativeMemory) {
      return memory;
    }
    Memory host = NativeMemory.allocate(memory.bytes());
    try {
      backend.copy(memory, host);
    } catch (Throwable e) {
      host.close();
      throw e;
    }
    memory.close();
    return host;
  }

  /** The numbers of the rows of all tokens in {@link #layers}, with or without boundaries. */
  private int[] rows(boolean ends) {
    return IntStream.range(0, sentences.size())
        .flatMap(
            s -> {
              int first = Math.multiplyExact(s, rows);
              int last = first + sentences.get(s).size() + 2;
              return ends ? IntStream.range(first, last) : IntStream.range(first + 1, last - 1);
            })
        .toArray();
  }

  @Override
  public void close() {
    layers.forEach(Memory::close);
  }
}
