// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

/**
 * Any failure that elmo4j reports: bad input, bad weights, a missing resource, or too little
 * memory. The message is one line. It names the file, tensor or argument, what was expected, and
 * what was found.
 */
public class ElmoException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * The most characters that a message may have. Without a limit, "found" could quote a whole file.
   */
  private static final int LIMIT = 480;

  /**
   * @param message one line: what, expected, found
   */
  public ElmoException(String message) {
    super(line(message));
  }

  /**
   * @param message one line: what, expected, found
   * @param cause the exception that led to this one
   */
  public ElmoException(String message, Throwable cause) {
    super(line(message), cause);
  }

  /**
   * Joins the message to one line. If it is too long, the middle is left out, since the end says
   * what was found.
   */
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
