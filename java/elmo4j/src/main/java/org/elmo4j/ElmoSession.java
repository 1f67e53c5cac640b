// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.Arrays;
import java.util.List;
import org.elmo4j.internal.backend.LstmState;
import org.elmo4j.internal.batch.Embedder;

/**
 * A run that carries LSTM state from call to call as the original tools do: row k of a batch goes
 * on from row k of the batch before; rows past a smaller batch keep theirs; new rows start from
 * zero. The same sentence then gives different numbers each time, which {@link ElmoModel#embed}
 * avoids: use this for parity with the original tools only. Rows are a batch's sentences in the
 * order given; with a model of ELMoForManyLangs by falling length, equal ones in the order given.
 * Threads take turns; they share the state. Of a model on several devices a session uses one.
 */
public final class ElmoSession implements AutoCloseable {
  private final ElmoModel model;
  private final Embedder replica; // in whose memory the state lies
  private LstmState state; // null once closed

  ElmoSession(ElmoModel model, Embedder replica) {
    this.model = model;
    this.replica = replica;
    state = replica.newState();
  }

  /** As {@link ElmoModel#embed(List, Layer...)}, going on from this session's state. */
  public Embeddings embed(List<? extends List<String>> sentences, Layer... layers) {
    return embed(sentences, EmbedOptions.layers(layers));
  }

  /**
   * As {@link ElmoModel#embed(List, EmbedOptions)}, going on from this session's state. All LSTM
   * layers run, so that the state does not depend on what is asked for. A call that fails leaves
   * the state as it was.
   */
  public synchronized Embeddings embed(
      List<? extends List<String>> sentences, EmbedOptions options) {
    LstmState next = open().copy(); // Moved batch by batch, whatever comes after.
    try {
      Embeddings embeddings = model.embed(sentences, 0, options, replica, next);
      state.close();
      state = next;
      return embeddings;
    } catch (Throwable e) {
      next.close();
      throw e;
    }
  }

  /** Rows that hold state: sentences of the largest batch so far. */
  public synchronized int rows() {
    return open().rows();
  }

  /**
   * The projected output h that is carried on, without skip connection.
   *
   * @param layer from 1
   * @param backward which direction
   * @return a copy, [rows, P]
   * @throws ElmoException if there is no such layer
   */
  public synchronized float[][] hidden(int layer, boolean backward) {
    LstmState state = open();
    int index = checkLayer(layer);
    float[][] rows = new float[state.rows()][];
    Arrays.setAll(rows, r -> state.hiddenRow(index, backward ? 1 : 0, r));
    return rows;
  }

  /**
   * The cell state c that is carried on.
   *
   * @param layer from 1
   * @param backward which direction
   * @return a copy, [rows, cells]
   * @throws ElmoException if there is no such layer
   */
  public synchronized float[][] cell(int layer, boolean backward) {
    LstmState state = open();
    int index = checkLayer(layer);
    float[][] rows = new float[state.rows()][];
    Arrays.setAll(rows, r -> state.cellRow(index, backward ? 1 : 0, r));
    return rows;
  }

  private int checkLayer(int layer) {
    if (layer < 1 || layer > model.options().lstmLayers()) {
      throw new ElmoException(
          "LSTM layer: expected 1 to " + model.options().lstmLayers() + ", found " + layer);
    }
    return layer - 1;
  }

  /** Forgets all state: the next call starts from zero. */
  public synchronized void reset() {
    open().close();
    state = replica.newState();
  }

  private LstmState open() {
    if (state == null) {
      throw new IllegalStateException("this session was closed");
    }
    return state;
  }

  /** Frees the state. Harmless when repeated; waits for a call under way. The model stays open. */
  @Override
  public synchronized void close() {
    if (state != null) {
      state.close();
      state = null;
    }
  }
}
