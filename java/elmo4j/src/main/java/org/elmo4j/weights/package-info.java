// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * Model files: their structure ({@link org.elmo4j.weights.ModelOptions}), opening them in any form
 * ({@link org.elmo4j.weights.WeightStores}), and the tensors in them ({@link
 * org.elmo4j.weights.WeightStore}).
 */
package org.elmo4j.weights;
