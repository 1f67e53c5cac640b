// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

/**
 * A CUDA device failed in a way from which CUDA cannot recover within the process. Every later call
 * on that device fails too, and the contents of its memory are lost. To use the device again,
 * restart the process.
 */
public class ElmoDeviceException extends ElmoException {
  private static final long serialVersionUID = 1L;

  /** The call, the error and its meaning, on one line. */
  public ElmoDeviceException(String message) {
    super(message);
  }
}
