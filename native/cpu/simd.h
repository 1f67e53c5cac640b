// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Vectors of floats for the instruction set of this translation unit. Each kernel file is compiled
// once for each instruction set (CMakeLists.txt), which ELMO4J_ISA names. The vector types of GCC
// and Clang keep the kernels free of intrinsics.

#ifndef ELMO4J_CPU_SIMD_H_
#define ELMO4J_CPU_SIMD_H_

#include <stdint.h>

#include <cstring>

#if defined(__FMA__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

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

// Loads the first `n` lanes and sets the rest to zero. Loads all lanes if n >= kLanes.
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

// exp(x) to 2 units in the last place. x is first clamped to [-43, 43]: beyond that sigmoid and
// tanh are flat in single precision, and products of two results stay finite. Uses Cody-Waite
// reduction and the polynomial of Cephes expf.
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
  bits = (bits << 23) + (127 << 23);  // the bits of the rounding constant itself are shifted out
  Vec scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

inline Vec sigmoid(Vec x) { return 1.0f / (1.0f + exp(-x)); }

inline Vec tanh(Vec x) {
  const Vec e = exp(-2.0f * x);
  return (1.0f - e) / (1.0f + e);
}

// Computes sigmoid(x) * tanh(y) with one division.
inline Vec sigmoid_tanh(Vec x, Vec y) {
  const Vec e = exp(-2.0f * y);
  return (1.0f - e) / ((1.0f + exp(-x)) * (1.0f + e));
}

// a * b + c, rounded once on every processor.
inline Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (Vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  // In doubles the product is exact. The sum is rounded to odd, so that the following rounding to a
  // float gives the same result as a single rounding.
  typedef double Wide __attribute__((vector_size(kLanes * sizeof(double))));
  typedef int64_t Bits __attribute__((vector_size(kLanes * sizeof(int64_t))));
  const Wide product = __builtin_convertvector(a, Wide) * __builtin_convertvector(b, Wide);
  const Wide addend = __builtin_convertvector(c, Wide);
  Wide sum = product + addend;
  const Wide added = sum - product;
  const Wide error = (product - (sum - added)) + (addend - added);
  Bits bits;
  std::memcpy(&bits, &sum, sizeof bits);
  const Bits away = (error > 0) == (sum > 0);  // -1 where the lost part is away from zero
  bits += (error != 0) & ((bits & 1) == 0) & (-2 * away - 1);
  std::memcpy(&sum, &bits, sizeof bits);
  return __builtin_convertvector(sum, Vec);
#endif
}

// 2^x to 3e-6. x is first clamped to [-40, 40]. All processors give the same bits, since each
// product that is followed by a sum is written with fma().
inline Vec exp2_short(Vec x) {
  x = clip(x, splat(40.0f));
  constexpr float kRound = 12582912.0f;
  const Vec shifted = x + kRound;
  const Vec f = x - (shifted - kRound);
  Vec p = fma(f, splat(0x1.3a02ccp-7f), splat(0x1.c9fc46p-5f));
  p = fma(p, f, splat(0x1.ec0378p-3f));
  p = fma(p, f, splat(0x1.62e12cp-1f));
  p = fma(p, f, splat(1.0f));
  IntVec bits, exponent;
  std::memcpy(&bits, &p, sizeof bits);
  std::memcpy(&exponent, &shifted, sizeof exponent);
  bits += exponent << 23;  // the rounding constant's own bits are shifted out
  std::memcpy(&p, &bits, sizeof p);
  return p;
}

// One cell of an LSTM: the new state from the gates i, j and f (before 1 is added to f), and the
// output from the state and gate o. For 32-bit floats:
inline Vec cell_state(Vec i, Vec j, Vec f, Vec c) {
  return sigmoid(f + 1.0f) * c + sigmoid_tanh(i, j);
}
inline Vec cell_output(Vec o, Vec c) { return sigmoid_tanh(o, c); }

// The same for rounded weights (bfloat16 and 8 bits), whose error is larger than the errors here:
// sigmoid to 3e-6, tanh to 6e-6. It takes two divisions instead of three and gives the same bits on
// all processors.
constexpr float kLog2E = 1.44269504088896341f;

inline Vec cell_state_short(Vec i, Vec j, Vec f, Vec c) {
  const Vec forget = 1.0f + exp2_short((f + 1.0f) * -kLog2E);
  const Vec e = exp2_short(j * (-2 * kLog2E));
  const Vec input = (1.0f + exp2_short(i * -kLog2E)) * (1.0f + e);
  return fma(c, input, (1.0f - e) * forget) / (input * forget);
}

inline Vec cell_output_short(Vec o, Vec c) {
  const Vec e = exp2_short(c * (-2 * kLog2E));
  return (1.0f - e) / ((1.0f + exp2_short(o * -kLog2E)) * (1.0f + e));
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_SIMD_H_
