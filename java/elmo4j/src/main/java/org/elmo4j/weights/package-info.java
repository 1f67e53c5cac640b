// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * Model files: {@link org.elmo4j.weights.WeightStores} opens them in any format, {@link
 * org.elmo4j.weights.WeightStore} reads their tensors, and {@link org.elmo4j.weights.ModelOptions}
 * describes the structure of a model.
 */
package org.elmo4j.weights;
