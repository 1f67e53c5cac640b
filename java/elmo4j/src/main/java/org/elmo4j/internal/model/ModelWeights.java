// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.model;

import java.nio.FloatBuffer;
import org.elmo4j.weights.ModelOptions;

/** The weights of a model as a backend reads them. Not thread-safe. */
public interface ModelWeights {
  /** The file or folder, for messages. */
  String source();

  ModelOptions options();

  /** The character id of the slots after the end of a token. */
  short pad();

  /** Whether there is a tensor with that name. */
  boolean has(String name);

  /** The dimensions of a tensor, which must exist. */
  long[] shape(String name);

  /**
   * Reads one tensor, row-major.
   *
   * @param target filled from its position on; the whole tensor must fit
   * @throws org.elmo4j.ElmoException if the tensor is damaged or has values that are not finite
   */
  void read(String name, FloatBuffer target);
}
