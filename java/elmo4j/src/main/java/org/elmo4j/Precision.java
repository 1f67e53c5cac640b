// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j;

/** How a backend holds weights and multiplies. Results are always 32-bit floats. */
public enum Precision {
  /** 32-bit floats throughout. */
  FP32
}
