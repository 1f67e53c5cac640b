// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Outputs: weighted sums of layers, from positions to padded rows (kernels.h). Bound by memory:
// each layer's row is read once and each row of the target written once.

#include "elmo4j/kernels.h"
#include "isa.h"
#include "simd.h"

namespace elmo4j {
namespace ELMO4J_ISA {
namespace {

typedef double Wide __attribute__((vector_size(kLanes * sizeof(double))));

}  // namespace

void scalar_mix(int64_t dim, int halves, int64_t terms, const float* const* forward,
                const float* const* backward, const int32_t* const* rows, const float* scale,
                int64_t sentences, const int32_t* start, const int32_t* length,
                const int32_t* place, int skip_ends, int64_t max_length, int mean, float* target) {
  const int64_t width = halves * dim;
  for (int64_t r = 0; r < sentences; r++) {
    const int64_t first = start[r] + (skip_ends ? 1 : 0);
    const int64_t count = length[r] - (skip_ends ? 2 : 0);
    float* out = target + place[r] * width * (mean ? 1 : max_length);
    for (int half = 0; half < halves; half++) {
      const float* const* layers = half == 0 ? forward : backward;
      const auto sum = [&](int64_t p, int64_t column) {
        Vec v = {};
        for (int64_t k = 0; k < terms; k++) {
          const float* row = layers[k] + (rows[k] ? rows[k][p] : p) * dim;
          const Vec x = load(row + column, dim - column);
          v = k == 0 ? scale[0] * x : v + scale[k] * x;
        }
        return v;
      };
      if (mean) {
        for (int64_t column = 0; column < dim; column += kLanes) {
          Wide total = {};
          for (int64_t t = 0; t < count; t++) {
            total += __builtin_convertvector(sum(first + t, column), Wide);
          }
          const double divisor = count > 0 ? static_cast<double>(count) : 1;
          store(out + half * dim + column, __builtin_convertvector(total / divisor, Vec),
                dim - column);
        }
      } else {
        for (int64_t t = 0; t < count; t++) {
          for (int64_t column = 0; column < dim; column += kLanes) {
            store(out + t * width + half * dim + column, sum(first + t, column), dim - column);
          }
        }
      }
    }
    if (!mean) {
      std::memset(out + count * width, 0, (max_length - count) * width * sizeof(float));
    }
  }
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j
