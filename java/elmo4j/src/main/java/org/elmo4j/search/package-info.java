// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

/**
 * Finds the sentences of a text that are nearest to a query, or the nearest uses of a word. The
 * vectors are kept in a file that is written once; the search compares all of them.
 */
package org.elmo4j.search;
