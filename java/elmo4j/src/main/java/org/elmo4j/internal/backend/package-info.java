// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * The interface to a device: it holds memory and weights and runs the forward pass over batches.
 * The packages {@code cpu} and {@code cuda} implement it.
 */
package org.elmo4j.internal.backend;
