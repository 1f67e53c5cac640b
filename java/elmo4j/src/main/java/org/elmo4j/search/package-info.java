// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

/**
 * Nearest sentences, and nearest uses of a word: vectors in a file that is made once, and exact
 * search in it.
 */
package org.elmo4j.search;
