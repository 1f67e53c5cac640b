// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** Writing of files that appear whole or not at all, temporary folders, and JSON. */
package org.elmo4j.internal.files;
