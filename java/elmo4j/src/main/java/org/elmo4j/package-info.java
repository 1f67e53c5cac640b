// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * ELMo embeddings. {@link org.elmo4j.ElmoModel} loads a model and embeds sentences, {@link
 * org.elmo4j.Layer} names an output, and {@link org.elmo4j.Embeddings} holds the results. Related
 * packages are {@code weights} (model files), {@code hub} (models by name), {@code train} (mixes
 * and classifiers) and {@code search} (nearest vectors). Packages under {@code internal} may change
 * in any release.
 *
 * <p>An argument of a public method may not be null unless its description says so. This also holds
 * for {@code train}, {@code search}, {@code hub} and {@code weights}. A null argument is refused
 * with an {@link org.elmo4j.ElmoException} that names it, before the method does anything else. No
 * public method returns null, and none throws a checked exception.
 */
package org.elmo4j;
