// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/**
 * Writes files that appear complete or not at all, makes temporary folders, and reads JSON and
 * tables.
 */
package org.elmo4j.internal.files;
