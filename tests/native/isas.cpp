// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include "kernel_test.h"

namespace elmo4j {

std::vector<int> isas() {
  std::vector<int> all;
  for (int isa = 0; elmo4j_cpu_isa_name(isa) != nullptr; isa++) {
    if (elmo4j_cpu_has_isa(isa)) {
      all.push_back(isa);
    }
  }
  return all;
}

}  // namespace elmo4j
