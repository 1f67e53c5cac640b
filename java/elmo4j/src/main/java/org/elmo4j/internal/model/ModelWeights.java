// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.model;

import java.nio.FloatBuffer;
import org.elmo4j.weights.ModelOptions;

/** What a backend asks of a model's weights. For one thread at a time. */
public interface ModelWeights {
  /** The file or folder, for messages. */
  String source();

  ModelOptions options();

  /** The character id of the slots beyond a token's end. */
  short pad();

  /** The dimensions of a tensor; null where there is no such tensor. */
  long[] shape(String name);

  /**
   * Reads one tensor, row-major.
   *
   * @param target filled from its position on; must have room for the whole tensor
   * @throws org.elmo4j.ElmoException if the file is damaged there or the values are not finite
   */
  void read(String name, FloatBuffer target);
}
