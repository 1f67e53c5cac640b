// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels around cuDNN's recurrence (kernels.h). They gather and scatter rows, add skip
// connections, clip numbers, and check whether the projection's clip would have changed a number.
// The limit of all of them is memory bandwidth. If a number has S bytes, they move:
//   gather, scatter   2 S per number and 4 bytes per row
//   skip              3 S per number; S if there is no x and output is h
//   clip              S per number, since only changed numbers are written
// They access 16 bytes at a time if rows and pointers are aligned, otherwise one number.

#include <algorithm>
#include <type_traits>

#include "common.cuh"
#include "elmo4j/kernels.h"
#include "vector.cuh"

namespace elmo4j {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

// Returns as many blocks as there is work for, but at most 8192, which is dozens for each
// multiprocessor of the largest GPU. The kernels loop over the rest.
unsigned blocks(int64_t work, int64_t work_per_block) {
  return static_cast<unsigned>(
      std::clamp<int64_t>((work + work_per_block - 1) / work_per_block, 1, 8192));
}

// A warp copies a row, `units` Units long; its index is read once.
template <typename Unit, bool kScatter>
__global__ void copy_rows(int64_t rows, int64_t units, const Unit* source, const int32_t* index,
                          Unit* target) {
  for (int64_t i = int64_t{blockIdx.x} * kWarps + threadIdx.x / 32; i < rows;
       i += int64_t{gridDim.x} * kWarps) {
    const int64_t other = index[i];
    const Unit* from = source + (kScatter ? i : other) * units;
    Unit* to = target + (kScatter ? other : i) * units;
#pragma unroll 4
    for (int64_t u = threadIdx.x % 32; u < units; u += 32) {
      to[u] = from[u];
    }
  }
}

template <typename Unit, bool kScatter>
int launch_copy_rows(int64_t rows, int64_t row_bytes, const void* source, const int32_t* index,
                     void* target, elmo4j_stream stream) {
  return launch(copy_rows<Unit, kScatter>, dim3(blocks(rows, kWarps)), dim3(kThreads), 0, stream,
                rows, row_bytes / static_cast<int64_t>(sizeof(Unit)),
                static_cast<const Unit*>(source), index, static_cast<Unit*>(target));
}

// Copies bits, whatever their type.
template <bool kScatter>
int copy_rows_of(int type, int64_t rows, int64_t dim, const void* source, const int32_t* index,
                 void* target, elmo4j_stream stream) {
  if (rows == 0 || dim == 0) {
    return cudaSuccess;
  }
  const int64_t bytes = dim * (type == ELMO4J_F16 ? 2 : 4);
  if (bytes % 16 == 0 && is_aligned(source) && is_aligned(target)) {
    return launch_copy_rows<uint4, kScatter>(rows, bytes, source, index, target, stream);
  }
  return type == ELMO4J_F16
             ? launch_copy_rows<uint16_t, kScatter>(rows, bytes, source, index, target, stream)
             : launch_copy_rows<uint32_t, kScatter>(rows, bytes, source, index, target, stream);
}

// Calls each(first, size) for this thread's share of `count` numbers. size is a constant: N, or in
// the tail 1.
template <int N, typename Each>
__device__ void for_vectors(int64_t count, const Each& each) {
  const int64_t stride = int64_t{gridDim.x} * blockDim.x * N;
  for (int64_t i = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * N; i < count; i += stride) {
    if (i + N <= count) {
      each(i, std::integral_constant<int, N>());
    } else {
      for (int64_t j = i; j < count; j++) {
        each(j, std::integral_constant<int, 1>());
      }
    }
  }
}

// NaN does not exceed a clip, an infinity does. This makes the check exact: if no |h| exceeds the
// clip, a run without the clip has the same results as a run with it. That includes NaN, which the
// clip does not change.
template <typename T, int N>
__global__ void skip(int64_t count, const T* h, const T* x, float clip, T* output,
                     int32_t* exceeded) {
  bool exceeds = false;
  for_vectors<N>(count, [&](int64_t i, auto constant) {
    constexpr int kSize = decltype(constant)::value;
    Vector<kSize> v = load<kSize>(h + i);
    if (clip > 0) {
#pragma unroll
      for (int n = 0; n < kSize; n++) {
        exceeds |= fabsf(v.at[n]) > clip;
      }
    }
    if (x != nullptr) {
      const Vector<kSize> input = load<kSize>(x + i);
#pragma unroll
      for (int n = 0; n < kSize; n++) {
        v.at[n] += input.at[n];
      }
    }
    if (x != nullptr || output != h) {
      store<kSize>(output + i, v);
    }
  });
  if (exceeds) {
    atomicExch(exceeded, 1);
  }
}

template <typename T, int N>
__global__ void clip_values(int64_t count, float limit, T* values) {
  for_vectors<N>(count, [&](int64_t i, auto constant) {
    constexpr int kSize = decltype(constant)::value;
    Vector<kSize> v = load<kSize>(values + i);
    bool changes = false;
#pragma unroll
    for (int n = 0; n < kSize; n++) {
      const float x = v.at[n];
      v.at[n] = clip(x, limit);
      changes |= v.at[n] != x && x == x;
    }
    if (changes) {
      store<kSize>(values + i, v);
    }
  });
}

template <typename T>
int launch_skip(int64_t count, const void* h, const void* x, float clip, void* output,
                int32_t* exceeded, elmo4j_stream stream) {
  constexpr int kN = kVector<T>;
  const bool aligned = is_aligned(h) && is_aligned(x) && is_aligned(output);
  return launch(aligned ? skip<T, kN> : skip<T, 1>,
                dim3(blocks(count, kThreads * (aligned ? kN : 1))), dim3(kThreads), 0, stream,
                count, static_cast<const T*>(h), static_cast<const T*>(x), clip,
                static_cast<T*>(output), exceeded);
}

template <typename T>
int launch_clip(int64_t count, float clip, void* values, elmo4j_stream stream) {
  constexpr int kN = kVector<T>;
  const bool aligned = is_aligned(values);
  return launch(aligned ? clip_values<T, kN> : clip_values<T, 1>,
                dim3(blocks(count, kThreads * (aligned ? kN : 1))), dim3(kThreads), 0, stream,
                count, clip, static_cast<T*>(values));
}

}  // namespace
}  // namespace elmo4j

int elmo4j_cuda_gather_rows(int type, int64_t rows, int64_t dim, const void* source,
                            const int32_t* index, void* target, elmo4j_stream stream) {
  return elmo4j::copy_rows_of<false>(type, rows, dim, source, index, target, stream);
}

int elmo4j_cuda_scatter_rows(int type, int64_t rows, int64_t dim, const void* source,
                             const int32_t* index, void* target, elmo4j_stream stream) {
  return elmo4j::copy_rows_of<true>(type, rows, dim, source, index, target, stream);
}

int elmo4j_cuda_skip(int type, int64_t count, const void* h, const void* x, float clip,
                     void* output, int32_t* exceeded, elmo4j_stream stream) {
  if (count == 0 || (x == nullptr && output == h && !(clip > 0))) {
    return cudaSuccess;
  }
  return (type == ELMO4J_F16
              ? elmo4j::launch_skip<__half>
              : elmo4j::launch_skip<float>)(count, h, x, clip, output, exceeded, stream);
}

int elmo4j_cuda_clip(int type, int64_t count, float clip, void* values, elmo4j_stream stream) {
  if (count == 0) {
    return cudaSuccess;
  }
  return (type == ELMO4J_F16 ? elmo4j::launch_clip<__half>
                             : elmo4j::launch_clip<float>)(count, clip, values, stream);
}
