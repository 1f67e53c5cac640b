// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

/**
 * A CUDA device failed in a way that CUDA cannot mend within a process: every later call on it
 * fails too, and what it held is lost. The process must be restarted.
 */
public class ElmoDeviceException extends ElmoException {
  private static final long serialVersionUID = 1L;

  /** The call, the error and its meaning, on one line. */
  public ElmoDeviceException(String message) {
    super(message);
  }
}
