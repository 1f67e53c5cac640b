// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The one matrix product of the CPU kernels: rows of floats, anywhere in memory, times packed
// panels (kernels.h), with what happens before and after given by the caller while the numbers are
// at hand: the LSTM's gates, the clips, the highway's sum never see memory as raw products.
//
// A panel is as wide as four vectors. Four ways through it:
// - Tiles of kRows rows in vector registers: with AVX-512, 6 x 64 = 24 accumulators, 24 fused
//   multiply-adds for 4 loads of weights and 6 broadcasts. bfloat16 weights are widened as they are
//   loaded, two rows of the panel from one word.
// - The same tiles with AVX512-BF16: each multiply-add takes two rows of the panel at once.
// - AMX, bfloat16: 32 rows by 32 columns in four tiles, 4 tile products for 4 tile loads.
// - OpenBLAS, where there are neither AVX2 nor AVX-512.
//
// In all but the last, each number is accumulated in one place in the order of depth, whatever the
// number of rows or the place of a row: so a row's result has the same bits in any batch.

#ifndef ELMO4J_CPU_PRODUCT_H_
#define ELMO4J_CPU_PRODUCT_H_

#include <algorithm>

#include "simd.h"

#ifdef ELMO4J_OPENBLAS
extern "C" void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                            const float* a, int lda, const float* b, int ldb, float beta, float* c,
                            int ldc);
#endif

namespace elmo4j {
namespace ELMO4J_ISA {

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

// Returns `call` with Weight as the C++ type of one of elmo4j_type. OpenBLAS has no bfloat16.
#ifdef ELMO4J_OPENBLAS
#define ELMO4J_FOR_TYPE(type, call) \
  (void)(type);                     \
  using Weight = float;             \
  return call
#else
#define ELMO4J_FOR_TYPE(type, call) \
  if ((type) == ELMO4J_BF16) {      \
    using Weight = Bf16;            \
    return call;                    \
  }                                 \
  using Weight = float;             \
  return call
#endif

// How a type of weight is packed. float: a panel is [depth, kPanel]. Bf16: [depth / 2, kPanel, 2],
// two rows side by side as AMX wants them, depth padded with zeros to whole AMX tiles.

template <class W>
struct Packing;

template <>
struct Packing<float> {
  static int64_t depth(int64_t depth) { return depth; }
  static int64_t offset(int64_t k, int64_t column) { return k * kPanel + column; }
  static float convert(float x) { return x; }
};

template <>
struct Packing<Bf16> {
  static int64_t depth(int64_t depth) { return round_up(depth, 32); }
  static int64_t offset(int64_t k, int64_t column) { return (k / 2 * kPanel + column) * 2 + k % 2; }
  // To nearest, ties to even. Weights are finite.
  static Bf16 convert(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
  }
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

#ifdef ELMO4J_OPENBLAS

// Packed for OpenBLAS: plain row-major [depth, panels * kPanel], columns in panel order.
template <class W>
W* packed_at(W* packed, int64_t depth, int64_t panel_count, int64_t panel, int64_t k,
             int64_t column) {
  (void)depth;
  return packed + (k * panel_count + panel) * kPanel + column;
}

template <class W>
int64_t product_scratch(int64_t rows, int64_t depth, int64_t panel_count) {
  return rows * (depth + panel_count * kPanel);
}

template <class Before, class After>
void product(int64_t rows, const Operand<float>* operands, int operand_count, int64_t panel_count,
             float* scratch, Before before, After after) {
  const int64_t columns = panel_count * kPanel;
  float* result = scratch;
  for (int i = 0; i < operand_count; i++) {
    const int64_t depth = operands[i].depth;
    float* left = scratch + rows * columns;
    for (int64_t r = 0; r < rows; r++) {
      std::memcpy(left + r * depth, operands[i].rows[r], depth * sizeof(float));
    }
    cblas_sgemm(101, 111, 111, static_cast<int>(rows), static_cast<int>(columns),
                static_cast<int>(depth), 1.0f, left, static_cast<int>(depth), operands[i].packed,
                static_cast<int>(columns), i == 0 ? 0.0f : 1.0f, result, static_cast<int>(columns));
  }
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t p = 0; p < panel_count; p++) {
      Vec v[4];
      before(r, p, v);
      for (int j = 0; j < 4; j++) {
        v[j] += load(result + r * columns + p * kPanel + j * kLanes);
      }
      after(r, p, v);
    }
  }
}

#else

template <class W>
W* packed_at(W* packed, int64_t depth, int64_t panel_count, int64_t panel, int64_t k,
             int64_t column) {
  (void)panel_count;
  return packed + panel * Packing<W>::depth(depth) * kPanel + Packing<W>::offset(k, column);
}

#if defined(__AVX512F__)
constexpr int64_t kRows = 6;
#else
constexpr int64_t kRows = 3;
#endif

// Of what runs inside a tile: called instead, it would keep the accumulators in memory.
#define ELMO4J_INLINE inline __attribute__((always_inline))

template <int R>
ELMO4J_INLINE void copy(const Vec (*from)[4], Vec (*to)[4]) {
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      to[r][j] = from[r][j];
    }
  }
}

template <int R>
ELMO4J_INLINE void multiply_add(const float* const* a, int64_t k, const Vec* b, Vec (*acc)[4]) {
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    const float x = a[r][k];
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      acc[r][j] += x * b[j];
    }
  }
}

// Fetches the next line of memory that will be read later into L2, if it shall.
template <bool kFetch>
ELMO4J_INLINE void fetch(const char*& soon) {
  if (kFetch) {
    __builtin_prefetch(soon, 0, 2);
    soon += kPanel;
  }
}

// Adds one operand's part of a tile; with kFetch, as much memory as a quarter of this panel is
// fetched meanwhile, from `soon` on.
template <int R, bool kFetch>
ELMO4J_INLINE void accumulate(const float* const* a, int64_t depth, const float* weights,
                              const char* soon, Vec (*acc)[4]) {
  for (int64_t k = 0; k < depth; k++) {
    fetch<kFetch>(soon);
    const Vec b[4] = {load(weights), load(weights + kLanes), load(weights + 2 * kLanes),
                      load(weights + 3 * kLanes)};
    multiply_add<R>(a, k, b, acc);
    weights += kPanel;
  }
}

inline IntVec load_words(const Bf16* pairs) {
  IntVec words;
  std::memcpy(&words, pairs, sizeof words);
  return words;
}

template <int R, bool kFetch>
ELMO4J_INLINE void accumulate(const float* const* a, int64_t depth, const Bf16* weights,
                              const char* soon, Vec (*acc)[4]) {
  for (int64_t k = 0; k < depth; k += 2) {
    fetch<kFetch>(soon);
    Vec b[4];
    for (int j = 0; j < 4; j++) {
      const IntVec even = load_words(weights + 2 * j * kLanes) << 16;
      std::memcpy(&b[j], &even, sizeof even);
    }
    multiply_add<R>(a, k, b, acc);
    // The words are read again: to keep them would take registers from the accumulators, which the
    // compiler does unless it is made to think that the pointer changed.
    asm("" : "+r"(weights));
    if (k + 1 < depth) {
      for (int j = 0; j < 4; j++) {
        const IntVec odd = load_words(weights + 2 * j * kLanes) & static_cast<int32_t>(0xffff0000u);
        std::memcpy(&b[j], &odd, sizeof odd);
      }
      multiply_add<R>(a, k + 1, b, acc);
    }
    weights += 2 * kPanel;
  }
}

#if defined(__AVX512BF16__)
}  // namespace ELMO4J_ISA
}  // namespace elmo4j
#include "product_bf16.h"
namespace elmo4j {
namespace ELMO4J_ISA {
#endif

// R rows of a panel. Where `quarter` is not negative, that one of the next panel is fetched.
template <int R, class Left, class Before, class After>
void tile(int64_t row, int64_t panel, const Left* operands, int operand_count, int64_t quarter,
          Before& before, After& after) {
  using W = typename Left::Weight;
  Vec sums[R][4];
  for (int r = 0; r < R; r++) {
    before(row + r, panel, sums[r]);
  }
  for (int i = 0; i < operand_count; i++) {
    typename Left::Row a[R];
    for (int r = 0; r < R; r++) {
      a[r] = operands[i].row(row + r);
    }
    const int64_t size = Packing<W>::depth(operands[i].depth) * kPanel;
    const W* weights = operands[i].packed + panel * size;
    // Copies that nothing else can refer to: they stay in registers whether or not the callers'
    // functions are inlined.
    Vec acc[R][4];
    copy<R>(sums, acc);
    if (quarter < 0) {
      accumulate<R, false>(a, operands[i].depth, weights, nullptr, acc);
    } else {
      const char* next = reinterpret_cast<const char*>(weights + size);
      const int64_t quarter_size = size * static_cast<int64_t>(sizeof(W)) / 4;
      accumulate<R, true>(a, operands[i].depth, weights, next + quarter * quarter_size, acc);
    }
    copy<R>(acc, sums);
  }
  for (int r = 0; r < R; r++) {
    after(row + r, panel, sums[r]);
  }
}

// A tile of `height` rows, R at most.
template <int R, class Left, class Before, class After>
void tile_of(int64_t height, int64_t row, int64_t panel, const Left* operands, int operand_count,
             int64_t quarter, Before& before, After& after) {
  if (height == R) {
    tile<R>(row, panel, operands, operand_count, quarter, before, after);
  } else if constexpr (R > 1) {
    tile_of<R - 1>(height, row, panel, operands, operand_count, quarter, before, after);
  }
}

template <class Left, class Before, class After>
void product_in_registers(int64_t rows, const Left* operands, int operand_count,
                          int64_t panel_count, Before& before, After& after) {
  const int64_t tiles = (rows + kRows - 1) / kRows;
  for (int64_t p = 0; p < panel_count; p++) {
    for (int64_t t = 0; t < tiles; t++) {
      // Of nearly equal height, none of a single row beside full ones.
      const int64_t row = rows * t / tiles;
      const int64_t height = rows * (t + 1) / tiles - row;
      // While a panel is used the next one is fetched, a quarter by each of the first four tiles.
      const int64_t quarter = p + 1 < panel_count && t < 4 ? t : -1;
      tile_of<kRows>(height, row, p, operands, operand_count, quarter, before, after);
    }
  }
}

#if defined(__AMX_BF16__)
}  // namespace ELMO4J_ISA
}  // namespace elmo4j
#include "product_amx.h"
namespace elmo4j {
namespace ELMO4J_ISA {
#endif

template <class W>
int64_t product_scratch(int64_t rows, int64_t depth, int64_t panel_count) {
#if defined(__AVX512BF16__)
  if (sizeof(W) == sizeof(Bf16)) {
#if defined(__AMX_BF16__)
    return rounded_scratch(rows, depth) + kTileResult;
#else
    return rounded_scratch(rows, depth);
#endif
  }
#endif
  (void)rows;
  (void)depth;
  (void)panel_count;
  return 0;
}

// For each row r and panel p: before(r, p, v) sets the four vectors v, the product is added to
// them, after(r, p, v) takes them. `scratch` has product_scratch floats for the operands' depths
// together, each rounded up to 32.
template <class W, class Before, class After>
void product(int64_t rows, const Operand<W>* operands, int operand_count, int64_t panel_count,
             float* scratch, Before before, After after) {
#if defined(__AVX512BF16__)
  if constexpr (sizeof(W) == sizeof(Bf16)) {
    RoundedOperand rounded[2];
    float* room = round_operands(rows, operands, operand_count, scratch, rounded);
#if defined(__AMX_BF16__)
    product_in_tiles(rows, rounded, operand_count, panel_count, room, before, after);
#else
    (void)room;
    product_in_registers(rows, rounded, operand_count, panel_count, before, after);
#endif
    return;
  }
#endif
  (void)scratch;
  product_in_registers(rows, operands, operand_count, panel_count, before, after);
}

#endif  // ELMO4J_OPENBLAS

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_PRODUCT_H_
