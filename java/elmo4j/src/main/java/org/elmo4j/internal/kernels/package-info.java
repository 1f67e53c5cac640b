// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * The native kernels as Java sees them: JavaCPP generates these classes from {@code
 * native/include/elmo4j/kernels.h}.
 */
package org.elmo4j.internal.kernels;
