// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Compiles the inner parts of the products, which the kernels share (product.h).

#include "product.h"

#include "isa.h"

namespace elmo4j {
namespace ELMO4J_ISA {

ELMO4J_PRODUCTS()

}  // namespace ELMO4J_ISA
}  // namespace elmo4j
