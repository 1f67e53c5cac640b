// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Packs weights (kernels.h): host code that runs once for each model.

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "elmo4j/kernels.h"
#include "product.cuh"

namespace elmo4j {
namespace {

// The columns of a source row that are packed at a time. They share a cache line.
constexpr int64_t kBlock = 16;

template <class T>
void pack(const elmo4j_matrix& matrix, const float* weights, int64_t stride, int group, T* packed) {
  const int64_t depth = matrix.depth, columns = matrix.columns, groups = matrix.groups;
  const int64_t padded = round_up(depth, kPackedMultiple);
  for (int64_t first = 0; first < columns; first += kBlock) {
    const int64_t last = std::min(first + kBlock, columns);
    for (int64_t k = 0; k < depth; k++) {
      for (int64_t column = first; column < last; column++) {
        packed[(column * groups + group) * padded + k] =
            static_cast<T>(weights[k * stride + column]);
      }
    }
  }
  if (group == 0) {
    for (int64_t row = 0; row < columns * groups; row++) {
      std::fill(packed + row * padded + depth, packed + (row + 1) * padded, T(0.0f));
    }
    std::fill(packed + columns * groups * padded,
              packed + round_up(columns, kPackedMultiple) * groups * padded, T(0.0f));
  }
}

}  // namespace
}  // namespace elmo4j

int64_t elmo4j_cuda_packed_size(const elmo4j_matrix* matrix) {
  return elmo4j::round_up(matrix->depth, elmo4j::kPackedMultiple) *
         elmo4j::round_up(matrix->columns, elmo4j::kPackedMultiple) * matrix->groups *
         (matrix->type == ELMO4J_F16 ? sizeof(__half) : sizeof(float));
}

void elmo4j_cuda_pack(const elmo4j_matrix* matrix, const float* weights, int64_t stride, int group,
                      void* packed) {
  if (matrix->type == ELMO4J_F16) {
    elmo4j::pack(*matrix, weights, stride, group, static_cast<__half*>(packed));
  } else {
    elmo4j::pack(*matrix, weights, stride, group, static_cast<float*>(packed));
  }
}
