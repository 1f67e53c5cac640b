// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The layout of weights in panels and strips (kernels.h), for each number type.

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

// Scratch memory is counted in floats. It also holds pointers to rows.
constexpr int64_t kFloatsPerPointer = sizeof(void*) / 4;

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// The number of columns of each group in a panel.
inline int64_t panel_columns(int groups) { return kPanel / groups; }

inline int64_t panels(int64_t columns, int groups) {
  return (columns + panel_columns(groups) - 1) / panel_columns(groups);
}

// The upper half of a float.
struct Bf16 {
  uint16_t bits;
};

// An integer from -127 to 127. Each column has a scale.
struct Int8 {
  int8_t value;
};

// Returns the result of `call`, in which Weight is the C++ type for an elmo4j_type.
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

// The packing of a weight type. The strips of a panel follow one another; each is [depth / kPair,
// kLanes, kPair]. The kPair numbers of a column that are multiplied at once lie side by side. For
// AMX the depth is padded with zeros to whole tiles.

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
  // Rounds to nearest, ties to even. Weights are finite.
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

// A part of the left-hand side, and the weights that it is multiplied by. The left-hand side may
// have several parts side by side ([x; h]).
template <class W>
struct Operand {
  using Weight = W;
  using Row = const float*;

  const float* const* rows;
  int64_t depth;
  const W* packed;

  Row row(int64_t r) const { return rows[r]; }
};

// The address of number k of a strip's first column. The same number of the next column is kPair
// numbers after it.
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
