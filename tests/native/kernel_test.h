// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Shared by the kernel tests: instruction sets, random numbers, comparison.

#ifndef ELMO4J_TESTS_NATIVE_KERNEL_TEST_H_
#define ELMO4J_TESTS_NATIVE_KERNEL_TEST_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "comparison.h"
#include "elmo4j/kernels.h"

namespace elmo4j {

// A test that runs once for each instruction set of isas().
class KernelTest : public testing::TestWithParam<int> {
 protected:
  int isa() const { return GetParam(); }

  std::vector<float> random(int64_t count, double scale = 1) {
    std::uniform_real_distribution<float> uniform(-scale, scale);
    std::vector<float> values(count);
    for (float& v : values) {
      v = uniform(engine_);
    }
    return values;
  }

  // Returns NaN, so that tests detect numbers that a kernel does not write, or reads before it
  // writes them.
  static std::vector<float> poisoned(int64_t count) { return std::vector<float>(count, NAN); }

  struct Aligned {
    explicit Aligned(int64_t floats)
        : memory(static_cast<float*>(elmo4j_alloc(floats * sizeof(float))), elmo4j_free) {
      std::fill(memory.get(), memory.get() + floats, NAN);
    }
    float* get() const { return memory.get(); }
    std::unique_ptr<float, void (*)(void*)> memory;
  };

  // A packed matrix and its memory.
  struct Packed {
    elmo4j_matrix matrix;
    Aligned weights, bias;
  };

  // Packs a matrix [depth, groups * columns], whose groups are side by side, and its bias
  // [groups * columns] if it is not null.
  Packed pack(const float* weights, const float* bias, int64_t depth, int64_t columns, int groups,
              int type = ELMO4J_F32) const {
    return pack(weights, bias, depth, columns, groups, type, isa());
  }

  Packed pack(const float* weights, const float* bias, int64_t depth, int64_t columns, int groups,
              int type, int isa) const {
    elmo4j_matrix matrix = {isa, type, groups, depth, columns, nullptr, nullptr};
    Packed packed = {matrix, Aligned(elmo4j_cpu_packed_size(&matrix) / sizeof(float)),
                     Aligned(elmo4j_cpu_packed_bias_size(&matrix) / sizeof(float))};
    packed.matrix.weights = packed.weights.get();
    packed.matrix.bias = bias ? packed.bias.get() : nullptr;
    for (int g = 0; g < groups; g++) {
      elmo4j_cpu_pack(&packed.matrix, weights + g * columns, groups * columns, g);
      if (bias) {
        elmo4j_cpu_pack_bias(&packed.matrix, bias + g * columns, g);
      }
    }
    return packed;
  }

  // The types of weights.
  static std::vector<int> types() { return {ELMO4J_F32, ELMO4J_BF16, ELMO4J_INT8}; }

  // Rounds to the nearest bfloat16, like the packing of weights does. Only the rounding of the
  // left-hand side then differs from an exact result.
  static float rounded(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    std::memcpy(&x, &bits, sizeof bits);
    return x;
  }

  std::vector<float> random_of(int type, int64_t count, double scale = 1) {
    std::vector<float> values = random(count, scale);
    for (float& v : values) {
      v = type == ELMO4J_BF16 ? rounded(v) : v;
    }
    return values;
  }

  // Returns whether products with bfloat16 weights round the left-hand side too.
  bool rounds_left() const {
    const std::string name = elmo4j_cpu_isa_name(isa());
    return name == "amx" || name.find("bf16") != std::string::npos;
  }

  // Returns the tolerance of a sum of products of magnitude 1. It includes the rounding of 8-bit
  // weights, which int8_test.cpp compares exactly.
  double tolerance(int type, double exact) const {
    return type == ELMO4J_INT8 ? 0.1 : type == ELMO4J_BF16 && rounds_left() ? 2e-2 : exact;
  }

  std::mt19937 engine_{20180610};
};

// Returns the instruction sets that this processor has (isas.cpp), or those whose instructions have
// twins (twins/isas.cpp).
std::vector<int> isas();

#define ELMO4J_FOR_EACH_ISA(suite)                                             \
  INSTANTIATE_TEST_SUITE_P(Isa, suite, testing::ValuesIn(isas()),              \
                           [](const testing::TestParamInfo<int>& i) {          \
                             return std::string(elmo4j_cpu_isa_name(i.param)); \
                           })

}  // namespace elmo4j

#endif  // ELMO4J_TESTS_NATIVE_KERNEL_TEST_H_
