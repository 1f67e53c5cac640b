// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Tests that products with 8-bit weights have exact sums, and the same bits on every instruction
// set.

#include "int8_oracle.h"
#include "kernel_test.h"
#include "lstm_oracle.h"

namespace elmo4j {
namespace {

class Int8Test : public KernelTest {
 protected:
  std::vector<float> projected(const Packed& packed, int64_t rows, const std::vector<float>& x) {
    std::vector<float> y = poisoned(rows * packed.matrix.columns);
    const Aligned scratch(elmo4j_cpu_product_scratch(&packed.matrix, rows));
    elmo4j_cpu_projection(&packed.matrix, rows, x.data(), y.data(), scratch.get());
    return y;
  }
};

// Compares products with the formula bit by bit. The numbers of rows cover all paths, and the
// depths are not multiples of any vector width. Weights and rows that are all 1 or -1 give the
// largest possible sums. a * b + c, rounded once. This does not use fmaf, since mingw's rounds
// twice.
float multiply_add(float a, float b, float c) {
#ifdef _WIN32
  return static_cast<float>(static_cast<__float128>(a) * b + c);
#else
  return std::fmaf(a, b, c);
#endif
}

TEST_P(Int8Test, ProductsAreExact) {
  for (int64_t depth : {1, 3, 64, 131, 4096}) {
    for (int64_t columns : {1, 77}) {
      for (bool extreme : {false, true}) {
        std::vector<float> weights = random(depth * columns);
        const std::vector<float> bias = random(columns);
        if (extreme) {
          std::fill(weights.begin(), weights.end(), 1.0f);
        }
        const Packed packed = pack(weights.data(), bias.data(), depth, columns, 1, ELMO4J_INT8);
        for (int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 16, 20, 21, 40}) {
          std::vector<float> x = random(rows * depth, 3);
          for (int64_t i = 0; extreme && i < rows * depth; i++) {
            x[i] = i / depth % 2 == 0 ? 1.0f : -1.0f;
          }
          if (rows > 2) {
            std::fill(x.begin() + depth, x.begin() + 2 * depth, 0.0f);  // a row of zeros
          }
          const std::vector<float> y = projected(packed, rows, x);
          Comparison numbers("depth " + std::to_string(depth) + ", " + std::to_string(rows) +
                             " rows");
          for (int64_t c = 0; c < columns; c++) {
            const Quantised8 column = quantised_column(weights.data(), depth, columns, c);
            for (int64_t r = 0; r < rows; r++) {
              const Quantised8 row = quantised_row(&x[r * depth], depth);
              const float sum = static_cast<float>(integer_sum(row, column));
              const float wanted = multiply_add(sum, row.scale * column.scale, bias[c]);
              numbers.near(wanted, y[r * columns + c], 0, r * columns + c);
            }
          }
        }
      }
    }
  }
}

// Weights that were quantised and converted back to floats are packed to the same bytes.
TEST_P(Int8Test, QuantisedWeightsAreKept) {
  constexpr int64_t kDepth = 57, kColumns = 300;
  for (double scale : {1e-6, 0.1, 3.0}) {
    const std::vector<float> weights = random(kDepth * kColumns, scale);
    const std::vector<float> kept = quantised_weights(weights, kDepth, kColumns);
    const Packed a = pack(weights.data(), nullptr, kDepth, kColumns, 1, ELMO4J_INT8);
    const Packed b = pack(kept.data(), nullptr, kDepth, kColumns, 1, ELMO4J_INT8);
    EXPECT_EQ(0, std::memcmp(a.weights.get(), b.weights.get(), elmo4j_cpu_packed_size(&a.matrix)));
  }
}

// Infinite numbers and NaN affect only their own row, and do not crash the process.
TEST_P(Int8Test, RowsThatAreNotFiniteLeaveOthersAlone) {
  constexpr int64_t kDepth = 40, kColumns = 33, kRows = 9;
  const std::vector<float> weights = random(kDepth * kColumns);
  const std::vector<float> bias = random(kColumns);
  const Packed packed = pack(weights.data(), bias.data(), kDepth, kColumns, 1, ELMO4J_INT8);
  std::vector<float> x = random(kRows * kDepth);
  const std::vector<float> wanted = projected(packed, kRows, x);
  x[3] = INFINITY;
  x[4 * kDepth] = NAN;
  const std::vector<float> got = projected(packed, kRows, x);
  for (int64_t r : {1, 2, 3, 5, 6, 7, 8}) {
    EXPECT_EQ(0, std::memcmp(&wanted[r * kColumns], &got[r * kColumns], kColumns * sizeof(float)));
  }
}

ELMO4J_FOR_EACH_ISA(Int8Test);

}  // namespace
}  // namespace elmo4j
