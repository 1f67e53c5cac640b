// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Vectors of floats for the instruction set that this translation unit is compiled for. Each kernel
// file is compiled once an instruction set (CMakeLists.txt), with ELMO4J_ISA naming it; GCC and
// Clang vector types keep the kernels free of intrinsics.

#ifndef ELMO4J_CPU_SIMD_H_
#define ELMO4J_CPU_SIMD_H_

#include <stdint.h>

#include <cstring>

namespace elmo4j {
namespace ELMO4J_ISA {

#if defined(__AVX512F__)
constexpr int64_t kLanes = 16;
#elif defined(__AVX2__)
constexpr int64_t kLanes = 8;
#else
constexpr int64_t kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t IntVec __attribute__((vector_size(kLanes * sizeof(int32_t))));

inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }

// The first `n` lanes, the rest zero; all of them where n >= kLanes.
inline Vec load(const float* p, int64_t n) {
  if (n >= kLanes) {
    return load(p);
  }
  Vec v = {};
  if (n > 0) {
    std::memcpy(&v, p, n * sizeof(float));
  }
  return v;
}

inline void store(float* p, Vec v, int64_t n) {
  if (n >= kLanes) {
    store(p, v);
  } else if (n > 0) {
    std::memcpy(p, &v, n * sizeof(float));
  }
}

inline Vec splat(float x) { return x - Vec{}; }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
inline Vec min(Vec a, Vec b) { return a < b ? a : b; }
inline Vec relu(Vec x) { return max(x, Vec{}); }
inline Vec clip(Vec x, Vec bound) { return min(max(x, -bound), bound); }

// exp(x) to 2 units in the last place; x is first brought into [-43, 43], where sigmoid and tanh
// are flat in single precision and products of two results stay finite. Cody-Waite reduction and
// the polynomial of Cephes expf.
inline Vec exp(Vec x) {
  x = clip(x, splat(43.0f));
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const Vec shifted = x * 1.44269504088896341f + kRound;
  const Vec n = shifted - kRound;
  const Vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  IntVec bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 23) + (127 << 23);  // the rounding constant's own bits are shifted out
  Vec scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

inline Vec sigmoid(Vec x) { return 1.0f / (1.0f + exp(-x)); }

inline Vec tanh(Vec x) {
  const Vec e = exp(-2.0f * x);
  return (1.0f - e) / (1.0f + e);
}

// sigmoid(x) * tanh(y) with one division.
inline Vec sigmoid_tanh(Vec x, Vec y) {
  const Vec e = exp(-2.0f * y);
  return (1.0f - e) / ((1.0f + exp(-x)) * (1.0f + e));
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_SIMD_H_
