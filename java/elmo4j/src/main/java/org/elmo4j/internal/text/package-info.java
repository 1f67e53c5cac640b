// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** From text to tokens, and from tokens to the ids that models take. */
package org.elmo4j.internal.text;
