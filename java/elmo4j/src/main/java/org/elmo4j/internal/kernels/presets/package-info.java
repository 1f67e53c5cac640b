// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** Configures how JavaCPP maps the C header of the kernels to Java. */
package org.elmo4j.internal.kernels.presets;
