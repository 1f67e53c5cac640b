// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

import java.util.ArrayList;
import java.util.List;
import org.elmo4j.internal.Arguments;

/** What to compute for a batch. Immutable and thread-safe. */
public final class EmbedOptions {
  private final List<Layer> layers;
  private final boolean boundaries;

  private EmbedOptions(List<Layer> layers, boolean boundaries) {
    this.layers = layers;
    this.boundaries = boundaries;
  }

  /**
   * Requests these outputs, or {@link Layer#ELMO} if none is given. An output that is given twice
   * is computed once.
   *
   * @throws ElmoException if the list or a layer is null
   */
  public static EmbedOptions layers(Layer... layers) {
    Arguments.require(layers, "layers");
    if (layers.length == 1 && layers[0] != null) { // Each of many sentences comes this way.
      return new EmbedOptions(List.of(layers[0]), false);
    }
    List<Layer> distinct = new ArrayList<>(layers.length); // a few at most
    for (Layer layer : layers) {
      if (layer == null) {
        throw new ElmoException("layers: expected no null, found one among " + layers.length);
      }
      if (!distinct.contains(layer)) {
        distinct.add(layer);
      }
    }
    return new EmbedOptions(
        distinct.isEmpty() ? List.of(Layer.ELMO) : List.copyOf(distinct), false);
  }

  /**
   * Keeps or drops the rows of the two sentence boundaries, which come before the first and after
   * the last token. The default is to drop them.
   */
  public EmbedOptions withBoundaries(boolean keep) {
    return new EmbedOptions(layers, keep);
  }

  /** The requested outputs, each once. */
  public List<Layer> layers() {
    return layers;
  }

  /** Whether boundary rows are kept. */
  public boolean boundaries() {
    return boundaries;
  }

  /** Whether the other object requests the same outputs in the same order. */
  @Override
  public boolean equals(Object other) {
    return other instanceof EmbedOptions o && layers.equals(o.layers) && boundaries == o.boundaries;
  }

  @Override
  public int hashCode() {
    return 31 * layers.hashCode() + Boolean.hashCode(boundaries);
  }

  /** The outputs, such as {@code [elmo, word_emb]}, and whether boundaries are kept. */
  @Override
  public String toString() {
    return layers + (boundaries ? " with boundaries" : "");
  }
}
