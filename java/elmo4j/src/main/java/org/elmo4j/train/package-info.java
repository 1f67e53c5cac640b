// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

/**
 * Trains a small classifier of tokens or sentences together with the weights of a mix of the
 * model's layers. The model itself is not changed.
 */
package org.elmo4j.train;
