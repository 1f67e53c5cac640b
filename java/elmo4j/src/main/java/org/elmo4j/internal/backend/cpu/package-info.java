// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** The forward pass on the CPU. */
package org.elmo4j.internal.backend.cpu;
