// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include "kernel_test.h"

namespace elmo4j {

std::vector<int> isas() { return {ELMO4J_AVXVNNI, ELMO4J_AMX}; }

}  // namespace elmo4j
