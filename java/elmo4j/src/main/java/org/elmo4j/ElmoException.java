// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

/**
 * Any failure that elmo4j itself reports: bad input, bad weights, a missing resource, memory that
 * cannot be had. The message is one line and names the file, tensor or argument, what was expected
 * and what was found.
 */
public class ElmoException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param message one line: what, expected, found
   */
  public ElmoException(String message) {
    super(message);
  }

  /**
   * @param message one line: what, expected, found
   * @param cause what lies beneath
   */
  public ElmoException(String message, Throwable cause) {
    super(message, cause);
  }
}
