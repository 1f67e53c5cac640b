// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
/** Models by name: downloads, and the cache of models on this machine. */
package org.elmo4j.hub;
