// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// How weights lie in panels and strips (kernels.h), for each type of number.

#ifndef ELMO4J_CPU_PACKING_H_
#define ELMO4J_CPU_PACKING_H_

#include <cstdint>
#include <cstring>

#include "simd.h"

namespace elmo4j {
namespace ELMO4J_ISA {

// The processor multiplies bfloat16 numbers in pairs.
#if defined(__AVX512BF16__) || defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#define ELMO4J_BF16_PAIRS
#endif

constexpr int64_t kPanel = 4 * kLanes;  // columns of a panel

// Scratch is counted in floats; pointers to rows lie there too.
constexpr int64_t kFloatsPerPointer = sizeof(void*) / 4;

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Columns of one group that a panel covers.
inline int64_t panel_columns(int groups) { return kPanel / groups; }

inline int64_t panels(int64_t columns, int groups) {
  return (columns + panel_columns(groups) - 1) / panel_columns(groups);
}

// A float's upper half.
struct Bf16 {
  uint16_t bits;
};

// An integer from -127 to 127; each column has a scale.
struct Int8 {
  int8_t value;
};

// Returns `call` with Weight as the C++ type of one of elmo4j_type.
#define ELMO4J_FOR_TYPE(type, call) \
  if ((type) == ELMO4J_BF16) {      \
    using Weight = Bf16;            \
    return call;                    \
  }                                 \
  if ((type) == ELMO4J_INT8) {      \
    using Weight = Int8;            \
    return call;                    \
  }                                 \
  using Weight = float;             \
  return call

// How a type of weight is packed: a panel's strips one behind the other, each [depth / kPair,
// kLanes, kPair]. For AMX tiles, a column's numbers of 32 bits stand side by side, and depth is padded
// with zeros to whole tiles.

template <class W>
struct Packing;

template <>
struct Packing<float> {
  static constexpr int64_t kPair = 1;
  static int64_t depth(int64_t depth) { return depth; }
  static float convert(float x) { return x; }
};

template <>
struct Packing<Bf16> {
  static constexpr int64_t kPair = 2;
  static int64_t depth(int64_t depth) { return round_up(depth, 32); }
  // To nearest, ties to even. Weights are finite.
  static Bf16 convert(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
  }
};

template <>
struct Packing<Int8> {
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__) || defined(__ARM_FEATURE_DOTPROD)
  static constexpr int64_t kPair = 4;
#else
  static constexpr int64_t kPair = 2;
#endif
#if defined(__AMX_INT8__)
  static int64_t depth(int64_t depth) { return round_up(depth, 64); }
#else
  static int64_t depth(int64_t depth) { return round_up(depth, 4); }
#endif
};

// Part of the left-hand side and what it meets: several stand side by side ([x; h]).
template <class W>
struct Operand {
  using Weight = W;
  using Row = const float*;

  const float* const* rows;
  int64_t depth;
  const W* packed;

  Row row(int64_t r) const { return rows[r]; }
};

// Where number k of a strip's first column lies; the next column's is kPair further on.
template <class W>
W* packed_at(W* packed, int64_t depth, int64_t panel_count, int64_t panel, int64_t k,
             int64_t strip) {
  (void)panel_count;
  constexpr int64_t kPair = Packing<W>::kPair;
  return packed + (panel * 4 + strip) * Packing<W>::depth(depth) * kLanes +
         k / kPair * kPair * kLanes + k % kPair;
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_PACKING_H_
