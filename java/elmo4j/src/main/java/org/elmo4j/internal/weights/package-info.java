// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** One reader a file format, behind {@link org.elmo4j.weights.WeightStores}. */
package org.elmo4j.internal.weights;
