// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.nio.FloatBuffer;
import org.elmo4j.internal.model.ModelWeights;
import org.elmo4j.internal.text.TokenEncoder;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;

/** Gives a backend the weights of a store. The caller closes the store. */
public record StoredWeights(WeightStore store, TokenEncoder encoder) implements ModelWeights {
  /** Uses the encoder of the store. */
  public StoredWeights(WeightStore store) {
    this(store, ModelStore.encoder(store));
  }

  @Override
  public String source() {
    return store.source();
  }

  @Override
  public ModelOptions options() {
    return store.options();
  }

  @Override
  public short pad() {
    return encoder.pad();
  }

  @Override
  public boolean has(String name) {
    return store.shapes().containsKey(name);
  }

  @Override
  public long[] shape(String name) {
    return store.shape(name);
  }

  @Override
  public void read(String name, FloatBuffer target) {
    store.read(name, target);
  }
}
