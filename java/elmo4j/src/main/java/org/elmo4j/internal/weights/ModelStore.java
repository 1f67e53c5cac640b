// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.weights;

import java.util.Map;
import org.elmo4j.ElmoException;
import org.elmo4j.internal.text.CharacterMapper;
import org.elmo4j.internal.text.TokenEncoder;
import org.elmo4j.weights.ModelOptions;
import org.elmo4j.weights.WeightStore;

/** The base of elmo4j's weight stores, with what they all know about their model. */
public abstract class ModelStore implements WeightStore {
  final String source;
  ModelOptions options;
  Map<String, long[]> shapes;

  ModelStore(String source) {
    this.source = source;
  }

  @Override
  public final String source() {
    return source;
  }

  @Override
  public final ModelOptions options() {
    return options;
  }

  @Override
  public final Map<String, long[]> shapes() {
    return shapes;
  }

  /** Turns tokens into the ids of this model. */
  TokenEncoder encoder() {
    return bytes(this);
  }

  /**
   * Returns the encoder of a model: that of bilm-tf, unless the model has dictionaries.
   *
   * @throws ElmoException if the options mention dictionaries that the store does not have
   */
  public static TokenEncoder encoder(WeightStore store) {
    return store instanceof ModelStore own ? own.encoder() : bytes(store);
  }

  private static TokenEncoder bytes(WeightStore store) {
    if (store.options().dictionary().isPresent()) {
      throw new ElmoException(
          store.source() + ": expected the dictionaries that its options speak of, found none");
    }
    return new CharacterMapper(store.options().maxCharactersPerToken());
  }
}
