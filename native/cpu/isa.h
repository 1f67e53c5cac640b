// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Declares each kernel once for each instruction set, in a namespace for each.

#ifndef ELMO4J_CPU_ISA_H_
#define ELMO4J_CPU_ISA_H_

#include "kernel_list.h"

#define ELMO4J_DECLARE_KERNEL(result, name, parameters, arguments) result name parameters;

#define ELMO4J_DECLARE_KERNELS(isa)         \
  namespace elmo4j {                        \
  namespace isa {                           \
  ELMO4J_KERNEL_LIST(ELMO4J_DECLARE_KERNEL) \
  }                                         \
  }

ELMO4J_DECLARE_KERNELS(portable)
ELMO4J_DECLARE_KERNELS(avx2)
ELMO4J_DECLARE_KERNELS(avxvnni)
ELMO4J_DECLARE_KERNELS(avx512)
ELMO4J_DECLARE_KERNELS(avx512vnni)
ELMO4J_DECLARE_KERNELS(avx512bf16)
ELMO4J_DECLARE_KERNELS(amx)
ELMO4J_DECLARE_KERNELS(neon)
ELMO4J_DECLARE_KERNELS(neonbf16)

#endif  // ELMO4J_CPU_ISA_H_
