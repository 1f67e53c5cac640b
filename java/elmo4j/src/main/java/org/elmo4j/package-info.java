// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * ELMo embeddings: {@link org.elmo4j.ElmoModel} loads a model and embeds sentences; {@link
 * org.elmo4j.Layer} names what to compute, {@link org.elmo4j.Embeddings} holds the results. The
 * packages beside it are {@code weights} (model files), {@code hub} (models by name) and {@code
 * train} (mixes and classifiers). What lies under {@code internal} may change in any release.
 *
 * <p>No argument of a public method, here and in {@code train}, {@code hub} and {@code weights},
 * may be null unless its description says so. One that is null is refused before anything is done,
 * by an {@link org.elmo4j.ElmoException} that names it. ({@code equals} compares, as it always
 * does.)
 */
package org.elmo4j;
