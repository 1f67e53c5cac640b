// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** What a model is made of: names and shapes of its tensors, and how a backend reads them. */
package org.elmo4j.internal.model;
