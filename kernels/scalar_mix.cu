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

Terms pack(int64_t terms, const float* const* forward, const float* const* backward,
           const int32_t* const* rows) {
  Terms packed = {};
  packed.count = static_cast<int>(terms);
  for (int k = 0; k < packed.count; k++) {
    packed.layer[k][0] = forward[k];
    packed.layer[k][1] = backward[k];
    packed.rows[k] = rows[k];
  }
  return packed;
}

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

// Backward to the scales: the same rows, read once, as forward. A block sums its rows' products in
// registers, one sum a term, then in shared memory; one addition a block and term reaches memory.
constexpr int kThreads = 256;

__global__ void scalar_mix_backward(int64_t dim, int halves, Terms terms, const int32_t* start,
                                    const int32_t* length, const int32_t* place, int ends,
                                    int64_t max_length, const float* gradient,
                                    double* scale_gradient) {
  __shared__ double warps[kThreads / 32];
  const int64_t sentence = blockIdx.y;
  const int64_t width = halves * dim;
  const int64_t count = length[sentence] - 2 * ends;
  double sums[ELMO4J_CUDA_MAX_TERMS] = {};
  for (int64_t t = blockIdx.x; t < count; t += gridDim.x) {
    const int64_t position = start[sentence] + ends + t;
    const float* row_gradient = gradient + (place[sentence] * max_length + t) * width;
    for (int64_t column = threadIdx.x; column < width; column += blockDim.x) {
      const int half = column >= dim ? 1 : 0;
      const float g = row_gradient[column];
#pragma unroll
      for (int k = 0; k < ELMO4J_CUDA_MAX_TERMS; k++) {
        if (k < terms.count) {
          const int64_t row = terms.rows[k] ? terms.rows[k][position] : position;
          sums[k] += static_cast<double>(g) * terms.layer[k][half][row * dim + column - half * dim];
        }
      }
    }
  }
#pragma unroll
  for (int k = 0; k < ELMO4J_CUDA_MAX_TERMS; k++) {
    if (k < terms.count) {
      double sum = sums[k];
      for (int step = 16; step > 0; step /= 2) {
        sum += __shfl_down_sync(0xffffffffu, sum, step);
      }
      if (threadIdx.x % 32 == 0) {
        warps[threadIdx.x / 32] = sum;
      }
      __syncthreads();
      if (threadIdx.x == 0) {
        for (int w = 1; w < kThreads / 32; w++) {
          sum += warps[w];
        }
        atomicAdd(scale_gradient + k, sum);
      }
      __syncthreads();
    }
  }
}

// Backward to one layer: 12 bytes a number, 16 with a slope.
__global__ void scalar_mix_backward_layer(int64_t dim, int halves, const float* forward,
                                          const float* backward, const int32_t* rows, float scale,
                                          float slope, float offset, const int32_t* start,
                                          const int32_t* length, const int32_t* place, int ends,
                                          int64_t max_length, const float* gradient,
                                          float* to_forward, float* to_backward) {
  const int64_t sentence = blockIdx.y;
  const int64_t width = halves * dim;
  const int64_t count = length[sentence] - 2 * ends;
  for (int64_t t = blockIdx.x; t < count; t += gridDim.x) {
    const int64_t position = start[sentence] + ends + t;
    const int64_t row = rows ? rows[position] : position;
    for (int64_t column = threadIdx.x; column < width; column += blockDim.x) {
      const int half = column >= dim ? 1 : 0;
      const int64_t at = row * dim + column - half * dim;
      float v = offset;
      if (gradient) {
        v += scale * gradient[(place[sentence] * max_length + t) * width + column];
      }
      if (slope != 0) {
        v += slope * (half ? backward : forward)[at];
      }
      atomicAdd((half ? to_backward : to_forward) + at, v);  // a row may come twice
    }
  }
}

// Launches over sentences, in pieces that a grid can hold.
template <typename Launch>
int for_pieces(int64_t sentences, int64_t max_length, const Launch& launch) {
  constexpr int64_t kMaxGrid = 65535;
  for (int64_t first = 0; first < sentences && max_length > 0; first += kMaxGrid) {
    const int64_t left = sentences - first;
    launch(dim3(static_cast<unsigned>(max_length < kMaxGrid ? max_length : kMaxGrid),
                static_cast<unsigned>(left < kMaxGrid ? left : kMaxGrid)),
           first);
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) {
      return error;
    }
  }
  return cudaSuccess;
}

}  // namespace

int elmo4j_cuda_scalar_mix(int64_t dim, int halves, int64_t terms, const float* const* forward,
                           const float* const* backward, const int32_t* const* rows,
                           const float* scale, int64_t sentences, const int32_t* start,
                           const int32_t* length, const int32_t* place, int skip_ends,
                           int64_t max_length, float* target, elmo4j_stream stream) {
  Terms packed = pack(terms, forward, backward, rows);
  for (int k = 0; k < packed.count; k++) {
    packed.scale[k] = scale[k];
  }
  return for_pieces(sentences, max_length, [&](dim3 grid, int64_t first) {
    scalar_mix<<<grid, kThreads, 0, stream>>>(dim, halves, packed, start + first, length + first,
                                              place + first, skip_ends ? 1 : 0, max_length, target);
  });
}

int elmo4j_cuda_scalar_mix_backward(int64_t dim, int halves, int64_t terms,
                                    const float* const* forward, const float* const* backward,
                                    const int32_t* const* rows, int64_t sentences,
                                    const int32_t* start, const int32_t* length,
                                    const int32_t* place, int skip_ends, int64_t max_length,
                                    const float* gradient, double* scale_gradient,
                                    elmo4j_stream stream) {
  const Terms packed = pack(terms, forward, backward, rows);
  return for_pieces(sentences, max_length, [&](dim3 grid, int64_t first) {
    scalar_mix_backward<<<grid, kThreads, 0, stream>>>(
        dim, halves, packed, start + first, length + first, place + first, skip_ends ? 1 : 0,
        max_length, gradient, scale_gradient);
  });
}

int elmo4j_cuda_scalar_mix_backward_layer(int64_t dim, int halves, const float* forward,
                                          const float* backward, const int32_t* rows, float scale,
                                          float slope, float offset, int64_t sentences,
                                          const int32_t* start, const int32_t* length,
                                          const int32_t* place, int skip_ends, int64_t max_length,
                                          const float* gradient, float* to_forward,
                                          float* to_backward, elmo4j_stream stream) {
  return for_pieces(sentences, max_length, [&](dim3 grid, int64_t first) {
    scalar_mix_backward_layer<<<grid, kThreads, 0, stream>>>(
        dim, halves, forward, backward, rows, scale, slope, offset, start + first, length + first,
        place + first, skip_ends ? 1 : 0, max_length, gradient, to_forward, to_backward);
  });
}
