// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * From sentences to batches: distinct words, the word cache, sentences in order of length, the
 * budget of memory, and the batching of requests.
 */
package org.elmo4j.internal.batch;
