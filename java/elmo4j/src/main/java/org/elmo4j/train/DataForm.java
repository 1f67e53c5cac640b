// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
package org.elmo4j.train;

import org.elmo4j.internal.Arguments;

/**
 * The form of a file of labelled data. A classifier stores the form of its training data, so that
 * files to label can be read in the same form. Immutable and thread-safe.
 *
 * @param kind the file format
 * @param text the column or field of the text or tokens: its name, or its number from 1 in a table
 *     without a header line; empty for CoNLL
 * @param label the column or field of the label or labels, given like {@code text}
 * @param tokenized whether the texts of sentences are tokens separated by single spaces; false for
 *     other texts, and for labelled tokens
 */
public record DataForm(Kind kind, String text, String label, boolean tokenized) {
  /** A file format. */
  public enum Kind {
    /** One token on each line. */
    CONLL,
    /** Columns separated by commas, with the quotes of RFC 4180. */
    CSV,
    /** Columns separated by tabs, without quotes. */
    TSV,
    /** One JSON object on each line. */
    JSONL
  }

  /** Checks that no value is null. */
  public DataForm {
    Arguments.require(kind, "kind");
    Arguments.require(text, "text");
    Arguments.require(label, "label");
  }

  /** A form whose texts, if it has any, are not tokens separated by single spaces. */
  public DataForm(Kind kind, String text, String label) {
    this(kind, text, label, false);
  }
}
