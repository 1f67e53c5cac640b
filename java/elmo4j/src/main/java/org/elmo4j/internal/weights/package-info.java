// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** The readers and writers of all file formats, behind {@link org.elmo4j.weights.WeightStores}. */
package org.elmo4j.internal.weights;
