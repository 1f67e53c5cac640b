// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Loads and stores a few neighbouring numbers of a row, 16 bytes at a time if the row is aligned.
// In registers they are 32-bit floats, whatever their type in memory.

#ifndef ELMO4J_KERNELS_VECTOR_CUH_
#define ELMO4J_KERNELS_VECTOR_CUH_

#include <cstdint>
#include <cstring>

#include "common.cuh"

namespace elmo4j {

template <int N>
struct Vector {
  float at[N];
};

// How many numbers of type T fill 16 bytes.
template <typename T>
constexpr int kVector = 16 / static_cast<int>(sizeof(T));

__host__ __device__ inline bool is_aligned(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % 16 == 0;
}

// If N > 1, `from` must be aligned to 16 bytes, and N * sizeof(T) must be a multiple of 16.
template <int N, typename T>
__device__ inline Vector<N> load(const T* from) {
  T raw[N];
  if constexpr (N > 1) {
    static_assert(N * sizeof(T) % 16 == 0);
#pragma unroll
    for (int i = 0; i < N; i += kVector<T>) {
      const uint4 bits = *reinterpret_cast<const uint4*>(from + i);
      memcpy(static_cast<void*>(raw + i), &bits, 16);
    }
  } else {
    raw[0] = *from;
  }
  Vector<N> vector;
#pragma unroll
  for (int n = 0; n < N; n++) {
    vector.at[n] = to_float(raw[n]);
  }
  return vector;
}

// The same holds for `to`.
template <int N, typename T>
__device__ inline void store(T* to, const Vector<N>& vector) {
  T raw[N];
#pragma unroll
  for (int n = 0; n < N; n++) {
    raw[n] = from_float<T>(vector.at[n]);
  }
  if constexpr (N > 1) {
    static_assert(N * sizeof(T) % 16 == 0);
#pragma unroll
    for (int i = 0; i < N; i += kVector<T>) {
      uint4 bits;
      memcpy(&bits, raw + i, 16);
      *reinterpret_cast<uint4*>(to + i) = bits;
    }
  } else {
    *to = raw[0];
  }
}

}  // namespace elmo4j

#endif  // ELMO4J_KERNELS_VECTOR_CUH_
