// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Outputs: weighted sums of layers, from positions to padded rows (elmo4j_cuda_scalar_mix; twin of
// native/cpu/scalar_mix.cpp).
//
// Bound by memory: (terms + 1) * 4 bytes a number of the target; with the published model and three
// terms 16 KB a token, so 270 M tokens/s at 4.3 TB/s. A block takes one row of the target, so that
// reads and writes are contiguous and the row's place is worked out once.

#include <cuda_runtime.h>

#include "elmo4j/kernels.h"

namespace {

struct Terms {
  const float* layer[ELMO4J_CUDA_MAX_TERMS][2];
  const int32_t* rows[ELMO4J_CUDA_MAX_TERMS];
  float scale[ELMO4J_CUDA_MAX_TERMS];
  int count;
};

__global__ void scalar_mix(int64_t dim, int halves, Terms terms, const int32_t* start,
                           const int32_t* length, const int32_t* place, int ends,
                           int64_t max_length, float* target) {
  const int64_t sentence = blockIdx.y;
  const int64_t width = halves * dim;
  const int64_t count = length[sentence] - 2 * ends;
  for (int64_t t = blockIdx.x; t < max_length; t += gridDim.x) {
    const int64_t position = start[sentence] + ends + t;
    float* out = target + (place[sentence] * max_length + t) * width;
    for (int64_t column = threadIdx.x; column < width; column += blockDim.x) {
      const int half = column >= dim ? 1 : 0;
      float sum = 0;
      if (t < count) {
        for (int k = 0; k < terms.count; k++) {
          const int64_t row = terms.rows[k] ? terms.rows[k][position] : position;
          sum += terms.scale[k] * terms.layer[k][half][row * dim + column - half * dim];
        }
      }
      out[column] = sum;
    }
  }
}

}  // namespace

int elmo4j_cuda_scalar_mix(int64_t dim, int halves, int64_t terms, const float* const* forward,
                           const float* const* backward, const int32_t* const* rows,
                           const float* scale, int64_t sentences, const int32_t* start,
                           const int32_t* length, const int32_t* place, int skip_ends,
                           int64_t max_length, float* target, elmo4j_stream stream) {
  constexpr int64_t kMaxGridY = 65535;
  Terms packed = {};
  packed.count = static_cast<int>(terms);
  for (int k = 0; k < packed.count; k++) {
    packed.layer[k][0] = forward[k];
    packed.layer[k][1] = backward[k];
    packed.rows[k] = rows[k];
    packed.scale[k] = scale[k];
  }
  for (int64_t first = 0; first < sentences && max_length > 0; first += kMaxGridY) {
    const dim3 grid(
        static_cast<unsigned>(max_length < 65535 ? max_length : 65535),
        static_cast<unsigned>(sentences - first < kMaxGridY ? sentences - first : kMaxGridY));
    scalar_mix<<<grid, 256, 0, stream>>>(dim, halves, packed, start + first, length + first,
                                         place + first, skip_ends ? 1 : 0, max_length, target);
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) {
      return error;
    }
  }
  return cudaSuccess;
}
