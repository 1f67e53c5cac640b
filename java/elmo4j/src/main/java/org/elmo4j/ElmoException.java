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

  /** Of characters in a message: what was found may be as long as a file. */
  private static final int LIMIT = 480;

  /**
   * @param message one line: what, expected, found
   */
  public ElmoException(String message) {
    super(line(message));
  }

  /**
   * @param message one line: what, expected, found
   * @param cause what lies beneath
   */
  public ElmoException(String message, Throwable cause) {
    super(line(message), cause);
  }

  /** On one line, its middle left out where it is long: the end says what was found. */
  private static String line(String message) {
    if (message == null) {
      return null;
    }
    String line = message;
    if (message.length() > LIMIT) {
      String end = message.substring(message.length() - LIMIT / 2);
      line = message.substring(0, LIMIT / 2) + " ... " + end;
    }
    return line.lines().count() > 1 ? line.replaceAll("\\R", " ") : line;
  }
}
