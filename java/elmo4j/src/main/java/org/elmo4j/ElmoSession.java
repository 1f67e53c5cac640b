// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.Arrays;
import java.util.List;
import org.elmo4j.internal.backend.LstmState;
import org.elmo4j.internal.batch.Embedder;

/**
 * Carries the LSTM state from one call to the next, as the original tools do. Row k of a batch
 * continues from row k of the previous batch. If a batch is smaller than the one before, the rows
 * that it lacks keep their state. New rows start from zero.
 *
 * <p>The same sentence therefore gives different numbers each time. {@link ElmoModel#embed} does
 * not have this effect; use a session only to reproduce the numbers of the original tools.
 *
 * <p>Rows are the sentences of a batch in the order given. With a model of ELMoForManyLangs they
 * are ordered by falling length, and sentences of equal length keep their order.
 *
 * <p>Thread-safe: calls of several threads run one after the other and share the state. A session
 * of a model on several devices uses one device.
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

  /** Embeds like {@link ElmoModel#embed(List, Layer...)}, starting from this session's state. */
  public Embeddings embed(List<? extends List<String>> sentences, Layer... layers) {
    return embed(sentences, EmbedOptions.layers(layers));
  }

  /**
   * Embeds like {@link ElmoModel#embed(List, EmbedOptions)}, starting from this session's state.
   * All LSTM layers run, whatever layers are requested, so that the state does not depend on the
   * request. A call that fails leaves the state unchanged.
   *
   * @throws ElmoException like {@link ElmoModel#embed(List, Layer...)}
   * @throws IllegalStateException after {@link #close}, or after the model was closed
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

  /** The number of rows that have state: the size of the largest batch so far. */
  public synchronized int rows() {
    return open().rows();
  }

  /**
   * The projected output h that the next call starts from, without the skip connection.
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
   * The cell state c that the next call starts from.
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

  /** Discards all state. The next call starts from zero. */
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

  /**
   * Waits for a running call, then frees the state. The model stays open. Further calls have no
   * effect.
   */
  @Override
  public synchronized void close() {
    if (state != null) {
      state.close();
      state = null;
    }
  }
}
