// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal;

import org.elmo4j.ElmoException;

/** Refuses null arguments of public methods, in one way for all of them. */
public final class Arguments {
  private Arguments() {}

  /**
   * Returns the value if it is not null.
   *
   * @param name the name of the argument as its caller knows it
   * @throws ElmoException if it is null
   */
  public static <T> T require(T value, String name) {
    if (value == null) {
      throw new ElmoException(name + ": expected a value, found null");
    }
    return value;
  }
}
