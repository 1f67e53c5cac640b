// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The part of the product (product.h) for processors that multiply bfloat16 numbers (AVX512-BF16,
// AMX, Armv8.6). The left-hand side is rounded to bfloat16 too. Two numbers that are neighbours in
// depth are multiplied at once.

#ifndef ELMO4J_CPU_PRODUCT_BF16_H_
#define ELMO4J_CPU_PRODUCT_BF16_H_

#if defined(__aarch64__)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

namespace elmo4j {
namespace ELMO4J_ISA {

// Pairs is a vector with two neighbours in depth in every lane. Its operations:
// - round: rounds a vector of floats to bfloat16, to nearest, ties to even, and stores it
// - splat: copies one pair to every lane
// - dot: sum + a[k] * b[k] + a[k + 1] * b[k + 1] in every lane, in 32-bit floats. AVX512-BF16
//   treats denormal numbers as zero. bfdot rounds its two products to odd before it adds them to
//   the sum.
#if defined(__aarch64__)

typedef bfloat16x8_t Pairs;

ELMO4J_INLINE void round(Vec x, Bf16* to) {
  const bfloat16x4_t rounded = vcvt_bf16_f32((float32x4_t)x);
  std::memcpy(to, &rounded, sizeof rounded);
}

ELMO4J_INLINE Pairs splat(const Bf16* pair) {
  uint32_t bits;
  std::memcpy(&bits, pair, sizeof bits);
  return vreinterpretq_bf16_u32(vdupq_n_u32(bits));
}

ELMO4J_INLINE Pairs load(const Bf16* pairs) {
  return vld1q_bf16(reinterpret_cast<const bfloat16_t*>(pairs));
}

ELMO4J_INLINE Vec dot(Vec sum, Pairs a, Pairs b) {
  return (Vec)vbfdotq_f32((float32x4_t)sum, a, b);
}

#else

typedef __m512bh Pairs;

ELMO4J_INLINE void round(Vec x, Bf16* to) {
  const __m256bh rounded = _mm512_cvtneps_pbh((__m512)x);
  std::memcpy(to, &rounded, sizeof rounded);
}

ELMO4J_INLINE Pairs splat(const Bf16* pair) {
  int32_t bits;
  std::memcpy(&bits, pair, sizeof bits);
  return (Pairs)_mm512_set1_epi32(bits);
}

ELMO4J_INLINE Pairs load(const Bf16* pairs) { return (Pairs)_mm512_loadu_si512(pairs); }

ELMO4J_INLINE Vec dot(Vec sum, Pairs a, Pairs b) {
  return (Vec)_mm512_dpbf16_ps((__m512)sum, a, b);
}

#endif

// An Operand whose rows are rounded, in scratch memory: [rows, depth]. The rows are padded to whole
// tiles, and the depth is padded with zeros like that of the weights.
struct RoundedOperand {
  using Weight = Bf16;
  using Row = const Bf16*;

  const Bf16* rows;
  int64_t depth;
  const Bf16* packed;

  Row row(int64_t r) const { return rows + r * depth; }
};

// Rounds rows of floats to bfloat16, and pads each with zeros to `padded` numbers.
inline void round_rows(const float* const* rows, int64_t count, int64_t depth, int64_t padded,
                       Bf16* to) {
  for (int64_t r = 0; r < count; r++) {
    Bf16* row = to + r * padded;
    for (int64_t k = 0; k < padded; k += kLanes) {
      round(load(rows[r] + k, depth - k), row + k);
    }
  }
}

// The floats of scratch memory for rounded rows of operands whose depths have the sum `depth`.
inline int64_t rounded_scratch(int64_t rows, int64_t depth) {
  return round_up(rows, kTileRows) * Packing<Bf16>::depth(depth) / 2;
}

// Rounds the rows of all operands. Returns the scratch memory that is left.
inline float* round_operands(int64_t rows, const Operand<Bf16>* operands, int operand_count,
                             float* scratch, RoundedOperand* rounded) {
  for (int i = 0; i < operand_count; i++) {
    const int64_t padded = Packing<Bf16>::depth(operands[i].depth);
    Bf16* to = reinterpret_cast<Bf16*>(scratch);
    round_rows(operands[i].rows, rows, operands[i].depth, padded, to);
    rounded[i] = {to, padded, operands[i].packed};
    scratch += rounded_scratch(rows, padded);
  }
  return scratch;
}

// Each iteration takes two numbers in depth.
template <int R, bool kFetch>
ELMO4J_INLINE void accumulate(const Bf16* const* a, int64_t depth, const Bf16* weights,
                              int64_t strip, const char* soon, Vec (*acc)[4]) {
  for (int64_t k = 0; k < depth; k += 2) {
    fetch<kFetch>(soon);
    const Pairs b[4] = {load(weights), load(weights + strip), load(weights + 2 * strip),
                        load(weights + 3 * strip)};
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const Pairs x = splat(a[r] + k);
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) {
        acc[r][j] = dot(acc[r][j], x, b[j]);
      }
    }
    weights += 2 * kLanes;
  }
}

template <int R>
ELMO4J_INLINE void accumulate(const Bf16* left, int64_t depth, const Bf16* strip, Vec* acc) {
  for (int64_t k = 0; k < depth; k += 2) {
    fetch_ahead(strip);
    const Pairs b = load(strip);
#pragma GCC unroll 32
    for (int r = 0; r < R; r++) {
      acc[r] = dot(acc[r], splat(left + r * kPiece<Bf16> + k), b);
    }
    strip += 2 * kLanes;
  }
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_PRODUCT_BF16_H_
