// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Packed weights, highway layers and the linear projection of the token representation.

#include <cmath>
#include <vector>

#include "elmo4j/kernels.h"
#include "isa.h"
#include "product.h"

namespace elmo4j {
namespace ELMO4J_ISA {

namespace {

template <class W>
void pack_group(const elmo4j_matrix& matrix, const float* weights, int64_t stride, int group,
                int64_t depth, W* packed) {
  const int groups = matrix.groups;
  const int64_t columns = matrix.columns;
  const int64_t width = panel_columns(groups);
  const int64_t panel_count = panels(columns, groups);
  // Rows are the outer loop, so that the weights are read in the order in which they lie.
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

// The same for 8 bits. The scales and sums of the columns lie behind the panels.
void pack_group(const elmo4j_matrix& matrix, const float* weights, int64_t stride, int group,
                int64_t depth, Int8* packed) {
  const int64_t columns = matrix.columns;
  const int64_t width = panel_columns(matrix.groups);
  const int64_t panel_count = panels(columns, matrix.groups);
  float* scales = reinterpret_cast<float*>(packed + panel_bytes(depth, panel_count));
  int32_t* begins = reinterpret_cast<int32_t*>(scales + panel_count * kPanel);
  const int64_t all = panel_count * width;
  std::vector<float> most(all), scale(all), row(all);
  std::vector<int32_t> sum(all);
  for (int64_t k = 0; k < depth; k++) {
    for (int64_t column = 0; column < columns; column++) {
      most[column] = std::max(most[column], std::abs(weights[k * stride + column]));
    }
  }
  for (int64_t column = 0; column < all; column++) {
    scale[column] = weight_scale(most[column]);
  }
  for (int64_t k = 0; k < Packing<Int8>::depth(depth); k++) {
    for (int64_t column = 0; column < columns; column++) {
      const float x = k < depth ? weights[k * stride + column] : 0.0f;
      row[column] = std::nearbyint(x / (scale[column] > 0 ? scale[column] : 1.0f));
    }
    for (int64_t p = 0; p < panel_count; p++) {
      for (int64_t first = 0; first < width; first += kLanes) {
        Int8* to = packed_at(packed, depth, panel_count, p, k, (group * width + first) / kLanes);
        for (int64_t lane = 0; lane < kLanes; lane++) {
          const int32_t q = static_cast<int32_t>(row[p * width + first + lane]);
          sum[p * width + first + lane] += q;
          to[lane * kPair8].value = static_cast<int8_t>(q);
        }
      }
    }
  }
  for (int64_t p = 0; p < panel_count; p++) {
    for (int64_t i = 0; i < width; i++) {
      scales[p * kPanel + group * width + i] = scale[p * width + i];
      begins[p * kPanel + group * width + i] = -kOffset * sum[p * width + i];
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
void run_highway(const elmo4j_matrix& matrix, int64_t rows, const float* x, float* y,
                 float* scratch) {
  const int64_t dim = matrix.depth;
  const float* bias = matrix.bias;
  const Operand<W> operand = {row_pointers(x, rows, dim, scratch), dim,
                              static_cast<const W*>(matrix.weights)};
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
void run_projection(const elmo4j_matrix& matrix, int64_t rows, const float* x, float* y,
                    float* scratch) {
  const int64_t columns = matrix.columns;
  const float* bias = matrix.bias;
  const Operand<W> operand = {row_pointers(x, rows, matrix.depth, scratch), matrix.depth,
                              static_cast<const W*>(matrix.weights)};
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

}  // namespace

int64_t packed_size(const elmo4j_matrix* matrix) {
  const int64_t width = panels(matrix->columns, matrix->groups) * kPanel;
  if (matrix->type == ELMO4J_INT8) {
    return packed_size_int8(matrix->depth, panels(matrix->columns, matrix->groups));
  }
  return width * (matrix->type == ELMO4J_BF16
                      ? Packing<Bf16>::depth(matrix->depth) * int64_t{sizeof(Bf16)}
                      : matrix->depth * int64_t{sizeof(float)});
}

int64_t packed_bias_size(const elmo4j_matrix* matrix) {
  return panels(matrix->columns, matrix->groups) * kPanel * int64_t{sizeof(float)};
}

void pack(const elmo4j_matrix* matrix, const float* weights, int64_t stride, int group) {
  ELMO4J_FOR_TYPE(matrix->type, pack_group(*matrix, weights, stride, group, matrix->depth,
                                           static_cast<Weight*>(matrix->weights)));
}

void pack_bias(const elmo4j_matrix* matrix, const float* bias, int group) {
  pack_group(*matrix, bias, matrix->columns, group, 1, matrix->bias);
}

int64_t product_scratch(const elmo4j_matrix* matrix, int64_t rows) {
  ELMO4J_FOR_TYPE(
      matrix->type,
      round_up(rows * kFloatsPerPointer, 16) +
          product_scratch<Weight>(rows, matrix->depth, panels(matrix->columns, matrix->groups)));
}

void highway(const elmo4j_matrix* matrix, int64_t rows, const float* x, float* y, float* scratch) {
  ELMO4J_FOR_TYPE(matrix->type, run_highway<Weight>(*matrix, rows, x, y, scratch));
}

void projection(const elmo4j_matrix* matrix, int64_t rows, const float* x, float* y,
                float* scratch) {
  ELMO4J_FOR_TYPE(matrix->type, run_projection<Weight>(*matrix, rows, x, y, scratch));
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j
