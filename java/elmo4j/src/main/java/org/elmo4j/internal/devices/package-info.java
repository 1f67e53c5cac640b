// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** From devices as callers name them to backends. */
package org.elmo4j.internal.devices;
