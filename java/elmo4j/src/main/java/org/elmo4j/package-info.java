// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * ELMo embeddings: {@link org.elmo4j.ElmoModel} loads a model and embeds sentences; {@link
 * org.elmo4j.Layer} names what to compute, {@link org.elmo4j.Embeddings} holds the results. The
 * packages beside it are {@code weights} (model files), {@code hub} (models by name) and {@code
 * train} (mixes and classifiers). What lies under {@code internal} may change in any release.
 */
package org.elmo4j;
