// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** Splits text into tokens, and turns tokens into the ids that models take. */
package org.elmo4j.internal.text;
