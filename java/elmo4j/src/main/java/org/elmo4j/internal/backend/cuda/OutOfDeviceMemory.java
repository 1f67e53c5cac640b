// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import org.elmo4j.ElmoException;

/**
 * A device has less memory than was requested. The caller may try again with less: a batch runs in
 * halves.
 */
final class OutOfDeviceMemory extends ElmoException {
  private static final long serialVersionUID = 1L;

  OutOfDeviceMemory(String message) {
    super(message);
  }
}
