// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import org.elmo4j.internal.Arguments;

/**
 * The form of a file of labelled data, which a classifier that learned from it knows: what it
 * labels may come in the same form. Immutable; any thread may use it.
 *
 * @param kind how the file is made
 * @param text the column or field of the text or tokens: its name, or its number from 1 in a table
 *     without a line of names; empty for CoNLL
 * @param label likewise the label's, or labels'
 */
public record DataForm(Kind kind, String text, String label) {
  /** How a file is made. */
  public enum Kind {
    /** A token a line. */
    CONLL,
    /** Columns with commas between and RFC 4180's quotes. */
    CSV,
    /** Columns with tabs between, without quotes. */
    TSV,
    /** An object of JSON a line. */
    JSONL
  }

  /** Checks that nothing is null. */
  public DataForm {
    Arguments.require(kind, "kind");
    Arguments.require(text, "text");
    Arguments.require(label, "label");
  }
}
