// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Outputs: weighted sums of layers, from packed order to the caller's rows
// (elmo4j_cuda_scalar_mix), and, for training, their gradients from reading order; twin of
// native/cpu/scalar_mix.cpp.
//
// Bound by memory, S bytes a number of the layers: an LSTM layer's row is read once, a token
// representation once for both halves, a row of the target written once. With the published model,
// its three layers and both halves that is 9 KB a token in 16-bit floats (1 KB + 2 * 2 KB read, 4
// KB written), 14 KB in 32-bit ones; padding costs its 4 KB of zeros. Means write next to nothing:
// 5 and 10 KB. Against that, 3 multiply-adds a number are nothing.
//   rows    A block takes a row of the target: reads and writes are contiguous, the row's place is
//           worked out once, and a single sentence still fills the GPU.
//   means   A block takes 32 vectors of a sentence's columns, its warps every eighth row; they add
//   in
//           64-bit floats and meet in shared memory, always in the same order: a sentence's bits do
//           not depend on its batch.
//   backward  Read the same rows; gradients of a layer cost 12 bytes a number, 16 with a slope.

#include <algorithm>

#include "common.cuh"
#include "elmo4j/kernels.h"
#include "vector.cuh"

namespace elmo4j {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int64_t kMaxGridY = 65535;

template <typename T>
struct Layers {
  const T* forward[ELMO4J_CUDA_MAX_TERMS];
  const T* backward[ELMO4J_CUDA_MAX_TERMS];  // nullptr: a token representation
  float scale[ELMO4J_CUDA_MAX_TERMS];
  int count;
  int32_t* not_finite;
};

// A batch in packed order, and where its sentences go.
struct Batch {
  const int32_t* word;
  const int32_t* start;
  const int32_t* length;
  const int32_t* offset;
  const int32_t* place;
  int ends;  // positions left out at each end
  int64_t max_length;
  float* target;
  float* const* targets;

  // A sentence's place in the targets; `rows` is how many a sentence has there.
  __device__ float* out(int64_t sentence, int64_t rows, int64_t width) const {
    return targets != nullptr ? targets[sentence] : target + place[sentence] * rows * width;
  }
};

// Where a position's numbers lie in one direction's layers and in the token representations.
struct Place {
  int64_t packed;
  int64_t word;
};

__device__ Place place_of(const Batch& batch, int64_t sentence, int64_t start, int64_t length,
                          int64_t position, int half) {
  const int64_t step = half == 0 ? position : length - 1 - position;
  return {batch.offset[step] + sentence, batch.word ? batch.word[start + position] : 0};
}

// The numbers of layer k for N neighbouring columns of one half.
template <int N, typename T>
__device__ Vector<N> load_layer(const Layers<T>& layers, int k, int64_t dim, const Place& place,
                                int half, int64_t column) {
  const T* backward = layers.backward[k];
  const bool word = backward == nullptr;
  const T* layer = word || half == 0 ? layers.forward[k] : backward;
  return load<N>(layer + (word ? place.word : place.packed) * dim + column);
}

template <int N>
__device__ bool is_finite(const Vector<N>& v) {
  float rest = 0;
#pragma unroll
  for (int n = 0; n < N; n++) {
    rest += v.at[n] - v.at[n];
  }
  return rest == 0;
}

// Tells the first layer that is not finite there, or that the sum alone is not.
template <int N, typename T>
__device__ void tell_not_finite(const Layers<T>& layers, int64_t dim, const Place& place, int half,
                                int64_t column) {
  int k = 0;
  while (k < layers.count && is_finite(load_layer<N>(layers, k, dim, place, half, column))) {
    k++;
  }
  layers.not_finite[k] = 1;
}

// The mix of N neighbouring columns of one half.
template <int N, typename T>
__device__ Vector<N> mix(const Layers<T>& layers, int64_t dim, const Place& place, int half,
                         int64_t column) {
  Vector<N> sum = {};
#pragma unroll 4
  for (int k = 0; k < layers.count; k++) {
    const Vector<N> v = load_layer<N>(layers, k, dim, place, half, column);
    const float scale = layers.scale[k];
#pragma unroll
    for (int n = 0; n < N; n++) {
      sum.at[n] += scale * v.at[n];
    }
  }
  if (layers.not_finite != nullptr && !is_finite(sum)) {
    tell_not_finite<N>(layers, dim, place, half, column);
  }
  return sum;
}

// The targets that a caller gives need not be aligned.
template <int N>
__device__ void write(float* to, const Vector<N>& v) {
  if (is_aligned(to)) {
    store<N>(to, v);
  } else {
#pragma unroll
    for (int n = 0; n < N; n++) {
      to[n] = v.at[n];
    }
  }
}

template <typename T, int N>
__global__ void scalar_mix_rows(Layers<T> layers, Batch batch, int64_t dim, int halves) {
  const int64_t sentence = blockIdx.x;
  const int64_t width = halves * dim;
  const int64_t start = batch.start[sentence];
  const int64_t length = batch.length[sentence];
  const int64_t count = length - 2 * batch.ends;
  const int64_t rows = batch.targets != nullptr ? count : batch.max_length;
  float* out = batch.out(sentence, batch.max_length, width);
  for (int64_t t = blockIdx.y; t < rows; t += gridDim.y) {
    for (int64_t i = threadIdx.x * N; i < width; i += blockDim.x * N) {
      const int half = i >= dim ? 1 : 0;
      Vector<N> v = {};
      if (t < count) {
        v = mix<N>(layers, dim, place_of(batch, sentence, start, length, t + batch.ends, half),
                   half, i - half * dim);
      }
      write<N>(out + t * width + i, v);
    }
  }
}

template <typename T, int N>
__global__ void scalar_mix_means(Layers<T> layers, Batch batch, int64_t dim, int halves) {
  double* sums = shared_memory_as<double>();  // [kWarps][N][32]
  const int64_t sentence = blockIdx.x;
  const int64_t width = halves * dim;
  const int64_t start = batch.start[sentence];
  const int64_t length = batch.length[sentence];
  const int64_t count = length - 2 * batch.ends;
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  const int64_t i = (int64_t{blockIdx.y} * 32 + lane) * N;
  const int half = i >= dim ? 1 : 0;
  double sum[N] = {};
  if (i < width) {
    for (int64_t t = warp; t < count; t += kWarps) {
      const Place place = place_of(batch, sentence, start, length, t + batch.ends, half);
      const Vector<N> v = mix<N>(layers, dim, place, half, i - half * dim);
#pragma unroll
      for (int n = 0; n < N; n++) {
        sum[n] += v.at[n];
      }
    }
  }
#pragma unroll
  for (int n = 0; n < N; n++) {
    sums[(warp * N + n) * 32 + lane] = sum[n];
  }
  __syncthreads();
  if (warp == 0 && i < width) {
    Vector<N> v;
#pragma unroll
    for (int n = 0; n < N; n++) {
      for (int w = 1; w < kWarps; w++) {
        sum[n] += sums[(w * N + n) * 32 + lane];
      }
      v.at[n] = static_cast<float>(sum[n] / static_cast<double>(count > 0 ? count : 1));
    }
    write<N>(batch.out(sentence, 1, width) + i, v);
  }
}

template <typename T, int N>
int launch_scalar_mix(const Layers<T>& layers, const Batch& batch, int64_t dim, int halves,
                      int64_t sentences, int mean, elmo4j_stream stream) {
  const auto grid = [&](int64_t y) {
    return dim3(static_cast<unsigned>(sentences), static_cast<unsigned>(y));
  };
  const int64_t vectors = halves * dim / N;
  if (mean) {
    return launch(scalar_mix_means<T, N>, grid((vectors + 31) / 32), dim3(kThreads),
                  kWarps * N * 32 * sizeof(double), stream, layers, batch, dim, halves);
  }
  const int64_t threads = std::min<int64_t>((vectors + 31) / 32 * 32, kThreads);
  return launch(scalar_mix_rows<T, N>, grid(std::min(batch.max_length, kMaxGridY)),
                dim3(static_cast<unsigned>(threads)), 0, stream, layers, batch, dim, halves);
}

template <typename T>
int scalar_mix(int64_t dim, int halves, int64_t terms, const void* const* forward,
               const void* const* backward, const float* scale, const Batch& batch,
               int64_t sentences, int mean, int32_t* not_finite, elmo4j_stream stream) {
  Layers<T> layers = {};
  layers.not_finite = not_finite;
  layers.count = static_cast<int>(terms);
  bool aligned = dim % kVector<T> == 0;
  for (int k = 0; k < layers.count; k++) {
    layers.forward[k] = static_cast<const T*>(forward[k]);
    layers.backward[k] = static_cast<const T*>(backward[k]);
    layers.scale[k] = scale[k];
    aligned = aligned && is_aligned(forward[k]) && is_aligned(backward[k]);
  }
  return (aligned ? launch_scalar_mix<T, kVector<T>>
                  : launch_scalar_mix<T, 1>)(layers, batch, dim, halves, sentences, mean, stream);
}

// Training: layers in reading order.
struct Terms {
  const float* layer[ELMO4J_CUDA_MAX_TERMS][2];
  const int32_t* rows[ELMO4J_CUDA_MAX_TERMS];
  int count;
};

// To the scales. A block sums some rows' products in registers, one sum a term, then in shared
// memory; one addition a block and term reaches memory.
constexpr int64_t kRowsPerBlock = 16;

__global__ void scalar_mix_backward(int64_t dim, int halves, Terms terms, const int32_t* start,
                                    const int32_t* length, const int32_t* place, int ends,
                                    int64_t max_length, const float* gradient,
                                    double* scale_gradient) {
  double* warps = shared_memory_as<double>();  // [kWarps]
  const int64_t sentence = blockIdx.x;
  const int64_t width = halves * dim;
  const int64_t count = length[sentence] - 2 * ends;
  double sums[ELMO4J_CUDA_MAX_TERMS] = {};
  for (int64_t t = blockIdx.y; t < count; t += gridDim.y) {
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
        for (int w = 1; w < kWarps; w++) {
          sum += warps[w];
        }
        atomicAdd(scale_gradient + k, sum);
      }
      __syncthreads();
    }
  }
}

// To one layer.
__global__ void scalar_mix_backward_layer(int64_t dim, int halves, const float* forward,
                                          const float* backward, const int32_t* rows, float scale,
                                          float slope, float offset, const int32_t* start,
                                          const int32_t* length, const int32_t* place, int ends,
                                          int64_t max_length, const float* gradient,
                                          float* to_forward, float* to_backward) {
  const int64_t sentence = blockIdx.x;
  const int64_t width = halves * dim;
  const int64_t count = length[sentence] - 2 * ends;
  for (int64_t t = blockIdx.y; t < count; t += gridDim.y) {
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

// A block for each sentence and some of its rows.
dim3 grid_of(int64_t sentences, int64_t max_length, int64_t rows_per_block) {
  return dim3(static_cast<unsigned>(sentences),
              static_cast<unsigned>(std::clamp<int64_t>(
                  (max_length + rows_per_block - 1) / rows_per_block, 1, kMaxGridY)));
}

}  // namespace
}  // namespace elmo4j

int elmo4j_cuda_scalar_mix(int type, int64_t dim, int halves, int64_t terms,
                           const void* const* forward, const void* const* backward,
                           const int32_t* word, const float* scale, int64_t sentences,
                           const int32_t* start, const int32_t* length, const int32_t* offset,
                           const int32_t* place, int skip_ends, int64_t max_length, int mean,
                           float* target, float* const* targets, int32_t* not_finite,
                           elmo4j_stream stream) {
  if (sentences == 0 || (max_length == 0 && !mean)) {
    return cudaSuccess;
  }
  const elmo4j::Batch batch = {word,       start,  length, offset, place, skip_ends ? 1 : 0,
                               max_length, target, targets};
  return (type == ELMO4J_F16 ? elmo4j::scalar_mix<__half>
                             : elmo4j::scalar_mix<float>)(dim, halves, terms, forward, backward,
                                                          scale, batch, sentences, mean, not_finite,
                                                          stream);
}

int elmo4j_cuda_scalar_mix_backward(int64_t dim, int halves, int64_t terms,
                                    const float* const* forward, const float* const* backward,
                                    const int32_t* const* rows, int64_t sentences,
                                    const int32_t* start, const int32_t* length,
                                    const int32_t* place, int skip_ends, int64_t max_length,
                                    const float* gradient, double* scale_gradient,
                                    elmo4j_stream stream) {
  if (sentences == 0) {
    return cudaSuccess;
  }
  elmo4j::Terms packed = {};
  packed.count = static_cast<int>(terms);
  for (int k = 0; k < packed.count; k++) {
    packed.layer[k][0] = forward[k];
    packed.layer[k][1] = backward[k];
    packed.rows[k] = rows[k];
  }
  return elmo4j::launch(
      elmo4j::scalar_mix_backward, elmo4j::grid_of(sentences, max_length, elmo4j::kRowsPerBlock),
      dim3(elmo4j::kThreads), elmo4j::kWarps * sizeof(double), stream, dim, halves, packed, start,
      length, place, skip_ends ? 1 : 0, max_length, gradient, scale_gradient);
}

int elmo4j_cuda_scalar_mix_backward_layer(int64_t dim, int halves, const float* forward,
                                          const float* backward, const int32_t* rows, float scale,
                                          float slope, float offset, int64_t sentences,
                                          const int32_t* start, const int32_t* length,
                                          const int32_t* place, int skip_ends, int64_t max_length,
                                          const float* gradient, float* to_forward,
                                          float* to_backward, elmo4j_stream stream) {
  if (sentences == 0) {
    return cudaSuccess;
  }
  return elmo4j::launch(
      elmo4j::scalar_mix_backward_layer, elmo4j::grid_of(sentences, max_length, 1),
      dim3(elmo4j::kThreads), 0, stream, dim, halves, forward, backward, rows, scale, slope, offset,
      start, length, place, skip_ends ? 1 : 0, max_length, gradient, to_forward, to_backward);
}
