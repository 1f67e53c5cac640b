// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Packed weights, highway layers and the linear projection of the token representation.

#include "elmo4j/kernels.h"
#include "isa.h"
#include "product.h"

namespace elmo4j {
namespace ELMO4J_ISA {

int64_t packed_size(int64_t depth, int64_t columns, int groups) {
  return depth * panels(columns, groups) * kPanel;
}

void pack(const float* weights, int64_t stride, int64_t depth, int64_t columns, int groups,
          int group, float* packed) {
  const int64_t width = panel_columns(groups);
  const int64_t panel_count = panels(columns, groups);
  for (int64_t p = 0; p < panel_count; p++) {
    const int64_t valid = std::min(width, columns - p * width);
    for (int64_t k = 0; k < depth; k++) {
      float* to = packed_row(packed, depth, panel_count, p, k) + group * width;
      std::memcpy(to, weights + k * stride + p * width, valid * sizeof(float));
      std::memset(to + valid, 0, (width - valid) * sizeof(float));
    }
  }
}

namespace {

const float** row_pointers(const float* x, int64_t rows, int64_t stride, float* scratch) {
  const float** pointers = reinterpret_cast<const float**>(scratch);
  for (int64_t r = 0; r < rows; r++) {
    pointers[r] = x + r * stride;
  }
  return pointers;
}

}  // namespace

int64_t word_scratch(int64_t rows, int64_t depth, int64_t columns, int groups) {
  return rows * kFloatsPerPointer + product_scratch(rows, depth, panels(columns, groups));
}

void highway(int64_t rows, int64_t dim, const float* kernel, const float* bias, const float* x,
             float* y, float* scratch) {
  const Operand operand = {row_pointers(x, rows, dim, scratch), dim};
  constexpr int64_t kColumns = kPanel / 2;
  product(
      rows, &operand, 1, 0, kernel, dim, panels(dim, 2), scratch + rows * kFloatsPerPointer,
      [&](int64_t, int64_t p, Vec* v) {
        for (int j = 0; j < 4; j++) {
          v[j] = load(bias + p * kPanel + j * kLanes);
        }
      },
      [&](int64_t r, int64_t p, Vec* v) {
        for (int j = 0; j < 2; j++) {
          const int64_t column = p * kColumns + j * kLanes;
          const Vec carried = load(x + r * dim + column, dim - column);
          const Vec gate = sigmoid(v[j]);
          store(y + r * dim + column, gate * relu(v[2 + j]) + (1.0f - gate) * carried,
                dim - column);
        }
      });
}

void projection(int64_t rows, int64_t depth, int64_t columns, const float* kernel,
                const float* bias, const float* x, float* y, float* scratch) {
  const Operand operand = {row_pointers(x, rows, depth, scratch), depth};
  product(
      rows, &operand, 1, 0, kernel, depth, panels(columns, 1), scratch + rows * kFloatsPerPointer,
      [&](int64_t, int64_t p, Vec* v) {
        for (int j = 0; j < 4; j++) {
          v[j] = load(bias + p * kPanel + j * kLanes);
        }
      },
      [&](int64_t r, int64_t p, Vec* v) {
        for (int j = 0; j < 4; j++) {
          const int64_t column = p * kPanel + j * kLanes;
          store(y + r * columns + column, v[j], columns - column);
        }
      });
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j
