// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** The forward pass on CUDA devices. */
package org.elmo4j.internal.backend.cuda;
