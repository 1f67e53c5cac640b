// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include "char_cnn_oracle.h"
#include "kernel_test.h"

namespace elmo4j {
namespace {

using HighwayTest = KernelTest;
using ProjectionTest = KernelTest;

// 1 to 20 rows use tiles of every height, 33 and 50 rows AMX tiles of both shapes. 1 and 45 columns
// are not multiples of any vector width.
TEST_P(HighwayTest, EqualsItsFormula) {
  for (int type : types()) {
    for (int64_t dim : {1, 45, 128}) {
      for (int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 20, 33, 50}) {
        const std::vector<float> weights = random_of(type, dim * 2 * dim, 0.5);
        const std::vector<float> bias = random(2 * dim);
        const std::vector<float> x = random(rows * dim, 2);
        std::vector<float> y = poisoned(rows * dim);
        const Packed packed = pack(weights.data(), bias.data(), dim, dim, 2, type);
        const Aligned scratch(elmo4j_cpu_product_scratch(&packed.matrix, rows));
        elmo4j_cpu_highway(&packed.matrix, rows, x.data(), y.data(), scratch.get());
        Comparison numbers("type " + std::to_string(type) + " dim " + std::to_string(dim) + ", " +
                           std::to_string(rows) + " rows");
        for (int64_t r = 0; r < rows; r++) {
          for (int64_t f = 0; f < dim; f++) {
            numbers.close(highway(&x[r * dim], dim, weights, bias, f), y[r * dim + f],
                          tolerance(type, 4e-6), r * dim + f);
          }
        }
      }
    }
  }
}

TEST_P(ProjectionTest, EqualsItsFormula) {
  constexpr int64_t kDepth = 131;
  for (int type : types()) {
    for (int64_t columns : {1, 16, 77}) {
      for (int64_t rows : {1, 2, 7, 13, 40}) {
        const std::vector<float> weights = random_of(type, kDepth * columns);
        const std::vector<float> bias = random(columns);
        const std::vector<float> x = random(rows * kDepth);
        std::vector<float> y = poisoned(rows * columns);
        const Packed packed = pack(weights.data(), bias.data(), kDepth, columns, 1, type);
        const Aligned scratch(elmo4j_cpu_product_scratch(&packed.matrix, rows));
        elmo4j_cpu_projection(&packed.matrix, rows, x.data(), y.data(), scratch.get());
        Comparison numbers("type " + std::to_string(type) + " columns " + std::to_string(columns));
        for (int64_t r = 0; r < rows; r++) {
          for (int64_t f = 0; f < columns; f++) {
            numbers.close(dot(&x[r * kDepth], weights, kDepth, columns, f) + bias[f],
                          y[r * columns + f], tolerance(type, 4e-6), r * columns + f);
          }
        }
      }
    }
  }
}

ELMO4J_FOR_EACH_ISA(HighwayTest);
ELMO4J_FOR_EACH_ISA(ProjectionTest);

}  // namespace
}  // namespace elmo4j
