// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// What the products of product.h need where the processor multiplies bfloat16 numbers itself
// (AVX512-BF16, and AMX beyond): a left-hand side that is rounded to bfloat16 too, two neighbours
// in depth beside each other.

#ifndef ELMO4J_CPU_PRODUCT_BF16_H_
#define ELMO4J_CPU_PRODUCT_BF16_H_

#include <immintrin.h>

namespace elmo4j {
namespace ELMO4J_ISA {

constexpr int64_t kTileRows = 16;

// An Operand's rows in scratch: [rows to whole tiles, depth], depth padded with zeros as the
// weights are.
struct RoundedOperand {
  using Weight = Bf16;
  using Row = const Bf16*;

  const Bf16* rows;
  int64_t depth;
  const Bf16* packed;

  Row row(int64_t r) const { return rows + r * depth; }
};

// Rounds rows of floats to bfloat16, to nearest, padded with zeros to `padded` numbers a row.
inline void round_rows(const float* const* rows, int64_t count, int64_t depth, int64_t padded,
                       Bf16* to) {
  for (int64_t r = 0; r < count; r++) {
    Bf16* row = to + r * padded;
    for (int64_t k = 0; k < padded; k += kLanes) {
      const Vec x = load(rows[r] + k, depth - k);
      const __m256bh rounded = _mm512_cvtneps_pbh((__m512)x);
      std::memcpy(row + k, &rounded, sizeof rounded);
    }
  }
}

// Floats of scratch for rounded rows of operands with that depth together.
inline int64_t rounded_scratch(int64_t rows, int64_t depth) {
  return round_up(rows, kTileRows) * Packing<Bf16>::depth(depth) / 2;
}

// Rounds the operands' rows; returns the scratch behind them.
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

// Two neighbours in depth, in every lane.
ELMO4J_INLINE __m512bh splat(const Bf16* pair) {
  int32_t bits;
  std::memcpy(&bits, pair, sizeof bits);
  return (__m512bh)_mm512_set1_epi32(bits);
}

ELMO4J_INLINE __m512bh load(const Bf16* pairs) { return (__m512bh)_mm512_loadu_si512(pairs); }

// A step takes two numbers in depth: acc += a[k] * b[k] + a[k + 1] * b[k + 1], 32-bit sums,
// denormal numbers taken for zero.
template <int R, bool kFetch>
ELMO4J_INLINE void accumulate(const Bf16* const* a, int64_t depth, const Bf16* weights,
                              int64_t strip, const char* soon, Vec (*acc)[4]) {
  for (int64_t k = 0; k < depth; k += 2) {
    fetch<kFetch>(soon);
    const __m512bh b[4] = {load(weights), load(weights + strip), load(weights + 2 * strip),
                           load(weights + 3 * strip)};
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const __m512bh x = splat(a[r] + k);
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) {
        acc[r][j] = (Vec)_mm512_dpbf16_ps((__m512)acc[r][j], x, b[j]);
      }
    }
    weights += 2 * kLanes;
  }
}

template <int R>
ELMO4J_INLINE void accumulate(const Bf16* left, int64_t depth, const Bf16* strip, Vec* acc) {
  for (int64_t k = 0; k < depth; k += 2) {
    fetch_ahead(strip);
    const __m512bh b = load(strip);
#pragma GCC unroll 32
    for (int r = 0; r < R; r++) {
      acc[r] = (Vec)_mm512_dpbf16_ps((__m512)acc[r], splat(left + r * kPiece<Bf16> + k), b);
    }
    strip += 2 * kLanes;
  }
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_PRODUCT_BF16_H_
