// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * The names and shapes of a model's tensors, and the interface through which a backend reads them.
 */
package org.elmo4j.internal.model;
