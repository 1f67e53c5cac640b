// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.benchmarks.peers;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.elmo4j.Device;
import org.elmo4j.ElmoModel;
import org.elmo4j.Embeddings;
import org.elmo4j.Layer;
import org.elmo4j.Precision;
import org.elmo4j.weights.WeightStore;

/** Runs a model on elmo4j: {@code embedAll} of a model that is loaded again for each pass. */
final class ElmoPeer implements Peer {
  private final Supplier<WeightStore> weights;
  private final Precision precision;
  private final int threads;

  ElmoPeer(Supplier<WeightStore> weights, Precision precision, int threads) {
    this.weights = weights;
    this.precision = precision;
    this.threads = threads;
  }

  @Override
  public String name() {
    return "elmo4j, " + precision.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public Precision precision() {
    return precision;
  }

  @Override
  public boolean takesBatchSize() {
    return false;
  }

  /** One: no step is computed at the boundary that a direction reads last. */
  @Override
  public int boundarySteps() {
    return 1;
  }

  @Override
  public Times pass(List<List<String>> sentences, int batchSize, Sink sink) {
    try (ElmoModel model =
        ElmoModel.builder()
            .weights(weights.get())
            .device(Device.cpu())
            .precision(precision)
            .threads(threads)
            .load()) {
      double before = Peer.processorSeconds();
      double cold = embedAll(model, sentences, sink);
      double processor = Peer.processorSeconds() - before;
      double warm = sink == null ? embedAll(model, sentences, null) : cold;
      return new Times(cold, warm, processor);
    }
  }

  private static double embedAll(ElmoModel model, List<List<String>> sentences, Sink sink) {
    List<Layer> layers = new ArrayList<>(List.of(Layer.WORD_EMB));
    for (int k = 1; k <= model.options().lstmLayers(); k++) {
      layers.add(Layer.lstm(k));
    }
    long start = System.nanoTime();
    try (Stream<Embeddings> all =
        model.embedAll(sentences.iterator(), layers.toArray(Layer[]::new))) {
      Iterator<Embeddings> results = all.iterator();
      for (int s = 0; results.hasNext(); s++) {
        try (Embeddings result = results.next()) {
          for (int k = 0; sink != null && k < layers.size(); k++) {
            float[] vectors = result.get(layers.get(k)).toArray();
            sink.accept(new int[] {s}, k, FloatBuffer.wrap(vectors));
          }
        }
      }
    }
    return (System.nanoTime() - start) * 1e-9;
  }

  @Override
  public void close() {}
}
