// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * The Java classes of the native kernels. JavaCPP generates them from {@code
 * native/include/elmo4j/kernels.h}.
 */
package org.elmo4j.internal.kernels;
