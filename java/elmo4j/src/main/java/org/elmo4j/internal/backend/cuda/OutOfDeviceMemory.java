// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.internal.backend.cuda;

import org.elmo4j.ElmoException;

/**
 * A device has not the memory that was asked for. Less may be there: a batch is tried in halves.
 */
final class OutOfDeviceMemory extends ElmoException {
  private static final long serialVersionUID = 1L;

  OutOfDeviceMemory(String message) {
    super(message);
  }
}
