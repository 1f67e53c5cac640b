// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal;

import org.elmo4j.ElmoException;

/** The public face's one rule for arguments that are null. */
public final class Arguments {
  private Arguments() {}

  /**
   * Lets what is not null pass.
   *
   * @param name the argument's, as its caller would say it
   * @throws ElmoException if it is null
   */
  public static <T> T require(T value, String name) {
    if (value == null) {
      throw new ElmoException(name + ": expected a value, found null");
    }
    return value;
  }
}
