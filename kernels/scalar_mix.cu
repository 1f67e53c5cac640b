// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Computes outputs: weighted sums of layers, from packed order to the caller's rows
// (elmo4j_cuda_scalar_mix). The twin is native/cpu/scalar_mix.cpp, which also computes gradients:
// training keeps the layers in host memory.
//
// The limit is memory bandwidth. A row of an LSTM layer is read once, a token representation once
// for both halves, and a row of the target is written once. For the three layers and both halves of
// the published model that is 9 KB per token with 16-bit floats (1 KB + 2 * 2 KB read, 4 KB
// written), and 14 KB with 32-bit floats. Padding costs 4 KB of zeros per row. Means write almost
// nothing, so they cost 5 and 10 KB. The 3 multiply-adds per number are negligible.
//   rows      A block takes a row of the target: reads and writes are contiguous, the row's place
//             is computed once, and a single sentence still fills the GPU.
//   means     A block takes 32 vectors of a sentence's columns, and each of its warps every eighth
//             row. Warps add in 64-bit floats, and their sums are added in shared memory in a fixed
//             order, so that the bits of a sentence do not depend on its batch.

#include <algorithm>

#include "common.cuh"
#include "elmo4j/kernels.h"
#include "vector.cuh"

namespace elmo4j {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int64_t kMaxGridY = 65535;

// A kernel's parameters.
struct Sum {
  elmo4j_sum of;  // without `terms`, which point to host memory
  elmo4j_term terms[ELMO4J_CUDA_MAX_TERMS];
  int32_t* not_finite;
};

// Copies each field that kernels read. Copies of whole structs would include their padding, which
// contains whatever was in the caller's memory.
Sum with_terms(const elmo4j_sum& sum, int32_t* not_finite) {
  Sum all = {};
  all.not_finite = not_finite;
  all.of.type = sum.type;
  all.of.halves = sum.halves;
  all.of.skip_ends = sum.skip_ends;
  all.of.mean = sum.mean;
  all.of.dim = sum.dim;
  all.of.max_length = sum.max_length;
  all.of.term_count = sum.term_count;
  for (int64_t k = 0; k < sum.term_count; k++) {
    all.terms[k].forward = sum.terms[k].forward;
    all.terms[k].backward = sum.halves == 2 ? sum.terms[k].backward : nullptr;
    all.terms[k].rows = sum.terms[k].rows;
    all.terms[k].scale = sum.terms[k].scale;
  }
  return all;
}

// Does the same for a batch. `row` is only read if the sentences share a target.
elmo4j_packed_batch with_offset(const elmo4j_packed_batch& batch, bool own_targets) {
  elmo4j_packed_batch read = {};
  read.batch.sentences = batch.batch.sentences;
  read.batch.start = batch.batch.start;
  read.batch.length = batch.batch.length;
  read.batch.row = own_targets ? nullptr : batch.batch.row;
  read.offset = batch.offset;
  return read;
}

// The rows of a sentence that a sum takes.
struct Rows {
  int64_t start;  // position of its first row
  int64_t length;
  int64_t count;  // rows that are used
  int ends;       // rows that are left out on each side

  __device__ Rows(const elmo4j_sum& sum, const elmo4j_batch& batch, int64_t sentence)
      : start(batch.start[sentence]), length(batch.length[sentence]), ends(sum.skip_ends ? 1 : 0) {
    count = length - 2 * ends;
  }
};

// The destination of the sums.
struct Targets {
  float* shared;
  float* const* each;  // or nullptr

  // Returns the target of a sentence. `rows` is the number of rows of each sentence in the shared
  // target.
  __device__ float* of(const elmo4j_batch& batch, int64_t sentence, int64_t rows,
                       int64_t width) const {
    return each != nullptr ? each[sentence] : shared + batch.row[sentence] * rows * width;
  }
};

// A position's row in packed order of one direction, and its number in reading order.
struct Place {
  int64_t packed;
  int64_t position;
};

__device__ Place place_of(const elmo4j_packed_batch& batch, int64_t sentence, const Rows& rows,
                          int64_t t, int half) {
  const int64_t position = rows.ends + t;
  const int64_t step = half == 0 ? position : rows.length - 1 - position;
  return {batch.offset[step] + sentence, rows.start + position};
}

// Returns the numbers of term k for N neighbouring columns of one half.
template <int N, typename T>
__device__ Vector<N> load_layer(const Sum& sum, int k, const Place& place, int half,
                                int64_t column) {
  const elmo4j_term& term = sum.terms[k];
  const T* layer = static_cast<const T*>(half == 0 ? term.forward : term.backward);
  const int64_t row = term.rows ? term.rows[place.position] : place.packed;
  return load<N>(layer + row * sum.of.dim + column);
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

// Sets the mark of the first layer that is not finite at a place, or the last mark if all layers
// are finite and only their sum is not.
template <int N, typename T>
__device__ void tell_not_finite(const Sum& sum, const Place& place, int half, int64_t column) {
  int k = 0;
  while (k < sum.of.term_count && is_finite(load_layer<N, T>(sum, k, place, half, column))) {
    k++;
  }
  sum.not_finite[k] = 1;
}

// Returns the mix of N neighbouring columns of one half.
template <int N, typename T>
__device__ Vector<N> mix(const Sum& sum, const Place& place, int half, int64_t column) {
  Vector<N> mixed = {};
#pragma unroll 4
  for (int k = 0; k < sum.of.term_count; k++) {
    const Vector<N> v = load_layer<N, T>(sum, k, place, half, column);
    const float scale = sum.terms[k].scale;
#pragma unroll
    for (int n = 0; n < N; n++) {
      mixed.at[n] += scale * v.at[n];
    }
  }
  if (sum.not_finite != nullptr && !is_finite(mixed)) {
    tell_not_finite<N, T>(sum, place, half, column);
  }
  return mixed;
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
__global__ void scalar_mix_rows(const __grid_constant__ Sum sum,
                                const __grid_constant__ elmo4j_packed_batch batch,
                                Targets targets) {
  const int64_t sentence = blockIdx.x;
  const int64_t dim = sum.of.dim;
  const int64_t width = sum.of.halves * dim;
  const Rows own(sum.of, batch.batch, sentence);
  const int64_t rows = targets.each != nullptr ? own.count : sum.of.max_length;
  float* out = targets.of(batch.batch, sentence, sum.of.max_length, width);
  for (int64_t t = blockIdx.y; t < rows; t += gridDim.y) {
    for (int64_t i = threadIdx.x * N; i < width; i += blockDim.x * N) {
      const int half = i >= dim ? 1 : 0;
      Vector<N> v = {};
      if (t < own.count) {
        v = mix<N, T>(sum, place_of(batch, sentence, own, t, half), half, i - half * dim);
      }
      write<N>(out + t * width + i, v);
    }
  }
}

template <typename T, int N>
__global__ void scalar_mix_means(const __grid_constant__ Sum sum,
                                 const __grid_constant__ elmo4j_packed_batch batch,
                                 Targets targets) {
  double* sums = shared_memory_as<double>();  // [kWarps][N][32]
  const int64_t sentence = blockIdx.x;
  const int64_t dim = sum.of.dim;
  const int64_t width = sum.of.halves * dim;
  const Rows own(sum.of, batch.batch, sentence);
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  const int64_t i = (int64_t{blockIdx.y} * 32 + lane) * N;
  const int half = i >= dim ? 1 : 0;
  double total[N] = {};
  if (i < width) {
    for (int64_t t = warp; t < own.count; t += kWarps) {
      const Vector<N> v =
          mix<N, T>(sum, place_of(batch, sentence, own, t, half), half, i - half * dim);
#pragma unroll
      for (int n = 0; n < N; n++) {
        total[n] += v.at[n];
      }
    }
  }
#pragma unroll
  for (int n = 0; n < N; n++) {
    sums[(warp * N + n) * 32 + lane] = total[n];
  }
  __syncthreads();
  if (warp == 0 && i < width) {
    Vector<N> v;
#pragma unroll
    for (int n = 0; n < N; n++) {
      for (int w = 1; w < kWarps; w++) {
        total[n] += sums[(w * N + n) * 32 + lane];
      }
      v.at[n] = static_cast<float>(total[n] / static_cast<double>(own.count > 0 ? own.count : 1));
    }
    write<N>(targets.of(batch.batch, sentence, 1, width) + i, v);
  }
}

template <typename T, int N>
int launch_scalar_mix(const Sum& sum, const elmo4j_packed_batch& batch, const Targets& targets,
                      elmo4j_stream stream) {
  const auto grid = [&](int64_t y) {
    return dim3(static_cast<unsigned>(batch.batch.sentences), static_cast<unsigned>(y));
  };
  const int64_t vectors = sum.of.halves * sum.of.dim / N;
  if (sum.of.mean) {
    return launch(scalar_mix_means<T, N>, grid((vectors + 31) / 32), dim3(kThreads),
                  kWarps * N * 32 * sizeof(double), stream, sum, batch, targets);
  }
  const int64_t threads = std::min<int64_t>((vectors + 31) / 32 * 32, kThreads);
  return launch(scalar_mix_rows<T, N>, grid(std::min(sum.of.max_length, kMaxGridY)),
                dim3(static_cast<unsigned>(threads)), 0, stream, sum, batch, targets);
}

template <typename T>
int scalar_mix(const Sum& sum, const elmo4j_packed_batch& batch, const Targets& targets,
               elmo4j_stream stream) {
  const bool aligned =
      sum.of.dim % kVector<T> == 0 &&
      std::all_of(sum.terms, sum.terms + sum.of.term_count, [&](const elmo4j_term& term) {
        return is_aligned(term.forward) && (sum.of.halves == 1 || is_aligned(term.backward));
      });
  return (aligned ? launch_scalar_mix<T, kVector<T>> : launch_scalar_mix<T, 1>)(sum, batch, targets,
                                                                                stream);
}

}  // namespace
}  // namespace elmo4j

int elmo4j_cuda_scalar_mix(const elmo4j_sum* sum, const elmo4j_packed_batch* batch, float* target,
                           float* const* targets, int32_t* not_finite, elmo4j_stream stream) {
  if (batch->batch.sentences == 0 || (sum->max_length == 0 && !sum->mean)) {
    return cudaSuccess;
  }
  return (sum->type == ELMO4J_F16
              ? elmo4j::scalar_mix<__half>
              : elmo4j::scalar_mix<float>)(elmo4j::with_terms(*sum, not_finite),
                                           elmo4j::with_offset(*batch, targets != nullptr),
                                           {target, targets}, stream);
}
