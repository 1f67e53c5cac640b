// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Packed weights, highway layers and the linear projection of the token representation.

#include "elmo4j/kernels.h"
#include "isa.h"
#include "product.h"

namespace elmo4j {
namespace ELMO4J_ISA {

namespace {

template <class W>
void pack(const float* weights, int64_t stride, int64_t depth, int64_t columns, int groups,
          int group, W* packed) {
  const int64_t width = panel_columns(groups);
  const int64_t panel_count = panels(columns, groups);
  // Rows outside, so that the weights are read in their own order.
  for (int64_t k = 0; k < Packing<W>::depth(depth); k++) {
    const float* row = weights + k * stride;
    for (int64_t p = 0; p < panel_count; p++) {
      const int64_t valid = k < depth ? std::min(width, columns - p * width) : 0;
      for (int64_t first = 0; first < width; first += kLanes) {
        W* to = packed_at(packed, depth, panel_count, p, k, (group * width + first) / kLanes);
        for (int64_t lane = 0; lane < kLanes; lane++) {
          to[lane * Packing<W>::kPair] =
              Packing<W>::convert(first + lane < valid ? row[p * width + first + lane] : 0.0f);
        }
      }
    }
  }
}

const float** row_pointers(const float* x, int64_t rows, int64_t stride, float* scratch) {
  const float** pointers = reinterpret_cast<const float**>(scratch);
  for (int64_t r = 0; r < rows; r++) {
    pointers[r] = x + r * stride;
  }
  return pointers;
}

template <class W>
void highway(int64_t rows, int64_t dim, const W* kernel, const float* bias, const float* x,
             float* y, float* scratch) {
  const Operand<W> operand = {row_pointers(x, rows, dim, scratch), dim, kernel};
  constexpr int64_t kColumns = kPanel / 2;
  product(
      rows, &operand, 1, panels(dim, 2), scratch + round_up(rows * kFloatsPerPointer, 16),
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

template <class W>
void projection(int64_t rows, int64_t depth, int64_t columns, const W* kernel, const float* bias,
                const float* x, float* y, float* scratch) {
  const Operand<W> operand = {row_pointers(x, rows, depth, scratch), depth, kernel};
  product(
      rows, &operand, 1, panels(columns, 1), scratch + round_up(rows * kFloatsPerPointer, 16),
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

template <class W>
int64_t word_scratch(int64_t rows, int64_t depth, int64_t columns, int groups) {
  return round_up(rows * kFloatsPerPointer, 16) +
         product_scratch<W>(rows, depth, panels(columns, groups));
}

}  // namespace

int64_t packed_size(int type, int64_t depth, int64_t columns, int groups) {
  const int64_t width = panels(columns, groups) * kPanel;
  return width * (type == ELMO4J_BF16 ? Packing<Bf16>::depth(depth) * int64_t{sizeof(Bf16)}
                                      : depth * int64_t{sizeof(float)});
}

void pack(int type, const float* weights, int64_t stride, int64_t depth, int64_t columns,
          int groups, int group, void* packed) {
  ELMO4J_FOR_TYPE(
      type, pack(weights, stride, depth, columns, groups, group, static_cast<Weight*>(packed)));
}

int64_t word_scratch(int type, int64_t rows, int64_t depth, int64_t columns, int groups) {
  ELMO4J_FOR_TYPE(type, word_scratch<Weight>(rows, depth, columns, groups));
}

void highway(int type, int64_t rows, int64_t dim, const void* kernel, const float* bias,
             const float* x, float* y, float* scratch) {
  ELMO4J_FOR_TYPE(type,
                  highway(rows, dim, static_cast<const Weight*>(kernel), bias, x, y, scratch));
}

void projection(int type, int64_t rows, int64_t depth, int64_t columns, const void* kernel,
                const float* bias, const float* x, float* y, float* scratch) {
  ELMO4J_FOR_TYPE(type, projection(rows, depth, columns, static_cast<const Weight*>(kernel), bias,
                                   x, y, scratch));
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j
