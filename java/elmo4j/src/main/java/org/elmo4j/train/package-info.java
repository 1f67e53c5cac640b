// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

/**
 * Learning on top of a model that stays as it is: the weights of its layers' sum, together with a
 * small classifier of tokens or sentences.
 */
package org.elmo4j.train;
