// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** How JavaCPP maps the kernels' C header to Java. */
package org.elmo4j.internal.kernels.presets;
