// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * Turns sentences into batches: finds distinct words, keeps the word cache, sorts sentences by
 * length, holds calls to a budget of memory, and batches requests.
 */
package org.elmo4j.internal.batch;
