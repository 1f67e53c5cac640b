// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.List;

/**
 * A run that carries LSTM state from call to call as the original tools do: row k of a batch goes on from row k of the
 * batch before; rows past a smaller batch keep theirs; new rows start from zero. The same sentence then gives different
 * numbers each time, which is what {@link ElmoModel#embed} avoids: use this for parity with the original tools only. For
 * one thread at a time; others wait.
 */
public final class ElmoSession implements AutoCloseable {
  ElmoSession() {}

  /**
   * As {@link ElmoModel#embed(List, Layer...)}, going on from this session's state.
   */
  public Embeddings embed(List<? extends List<String>> sentences, Layer... layers) {
    return embed(sentences, EmbedOptions.layers(layers));
  }

  /** As {@link ElmoModel#embed(List, EmbedOptions)}, going on from this session's state. */
  public Embeddings embed(List<? extends List<String>> sentences, EmbedOptions options) {
    throw new UnsupportedOperationException();
  }

  /** Rows that hold state: the largest batch so far. */
  public int rows() {
    throw new UnsupportedOperationException();
  }

  /**
   * The projected output h carried on, without skip connection: a copy, [rows, P].
   *
   * @param layer from 1
   * @param backward which direction
   */
  public float[][] hidden(int layer, boolean backward) {
    throw new UnsupportedOperationException();
  }

  /**
   * The cell state c carried on: a copy, [rows, cells].
   *
   * @param layer from 1
   * @param backward which direction
   */
  public float[][] cell(int layer, boolean backward) {
    throw new UnsupportedOperationException();
  }

  /** Back to zero state. */
  public void reset() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {
    throw new UnsupportedOperationException();
  }
}
