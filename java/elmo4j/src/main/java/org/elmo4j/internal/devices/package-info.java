// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** Finds the backend for a device that a caller names. */
package org.elmo4j.internal.devices;
