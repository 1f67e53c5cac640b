// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The one matrix product of the CPU kernels: rows of floats, anywhere in memory, times packed
// panels (kernels.h), with what happens before and after given by the caller while the numbers are
// at hand: the LSTM's gates, the clips, the highway's sum never see memory as raw products.
//
// A panel is as wide as four vectors and lies strip by strip, a strip being a vector wide. The ways
// through it:
// - Tiles of kRows rows by a panel in vector registers: with AVX-512, 6 x 64 = 24 accumulators, 24
//   fused multiply-adds for 4 loads of weights and 6 broadcasts.
// - Few rows, but more than one such tile: all of them by a strip. Memory delivers weights hardly
//   faster than few rows use them, so it has to be asked in the order and at the pace of their use:
//   a strip is read once, from one end to the other, where the first of several tiles reads a panel
//   in a hurry and the others read it again. The price is a broadcast for each multiply-add.
// - bfloat16: the same two, with weights widened as they are loaded, two of a column from one word;
//   with AVX512-BF16 or Armv8.6's bfdot, each multiply-add takes two of a column at once.
// - 8 bits: the same two, sums of integers (product_int8.h).
// - AMX, bfloat16: 32 rows by 32 columns in four tiles, 4 tile products for 4 tile loads.
//
// In all of them each number is accumulated in one place in the order of depth, whatever the
// number of rows or the place of a row: so a row's result has the same bits in any batch.

#ifndef ELMO4J_CPU_PRODUCT_H_
#define ELMO4J_CPU_PRODUCT_H_

#include <algorithm>
#include <type_traits>

#include "simd.h"
#include "work_sharing.h"

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
// kLanes, kPair]. Bf16: two of a column side by side as AMX wants them, depth padded with zeros to
// whole AMX tiles.

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
  static int64_t depth(int64_t depth) { return round_up(depth, 4); }
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

// Rows of a tile, and the most that are few: with more, tiles were faster. Armv8 has as many
// registers as AVX-512.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int64_t kRows = 6;
constexpr int64_t kStripRows = 20;
#else
constexpr int64_t kRows = 3;
constexpr int64_t kStripRows = 12;
#endif

// Of what runs inside a tile: called instead, it would keep the accumulators in memory.
#define ELMO4J_INLINE inline __attribute__((always_inline))

// Of what is called from two places and much code.
#define ELMO4J_ONCE __attribute__((noinline))

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

// Adds one operand's part of a tile; the panel's strips are `strip` numbers apart. With kFetch, as
// much memory as a quarter of this panel is fetched meanwhile, from `soon` on.
template <int R, bool kFetch>
ELMO4J_INLINE void accumulate(const float* const* a, int64_t depth, const float* weights,
                              int64_t strip, const char* soon, Vec (*acc)[4]) {
  for (int64_t k = 0; k < depth; k++) {
    fetch<kFetch>(soon);
    const Vec b[4] = {load(weights), load(weights + strip), load(weights + 2 * strip),
                      load(weights + 3 * strip)};
    multiply_add<R>(a, k, b, acc);
    weights += kLanes;
  }
}

// The even and the odd numbers of pairs, as floats.
ELMO4J_INLINE Vec even(const Bf16* pairs) {
  IntVec words;
  std::memcpy(&words, pairs, sizeof words);
  words <<= 16;
  Vec v;
  std::memcpy(&v, &words, sizeof v);
  return v;
}

ELMO4J_INLINE Vec odd(const Bf16* pairs) {
  IntVec words;
  std::memcpy(&words, pairs, sizeof words);
  words &= static_cast<int32_t>(0xffff0000u);
  Vec v;
  std::memcpy(&v, &words, sizeof v);
  return v;
}

template <int R, bool kFetch>
ELMO4J_INLINE void accumulate(const float* const* a, int64_t depth, const Bf16* weights,
                              int64_t strip, const char* soon, Vec (*acc)[4]) {
  for (int64_t k = 0; k < depth; k += 2) {
    fetch<kFetch>(soon);
    const Vec low[4] = {even(weights), even(weights + strip), even(weights + 2 * strip),
                        even(weights + 3 * strip)};
    multiply_add<R>(a, k, low, acc);
    // The words are read again: to keep them would take registers from the accumulators, which the
    // compiler does unless it is made to think that the pointer changed.
    asm("" : "+r"(weights));
    if (k + 1 < depth) {
      const Vec high[4] = {odd(weights), odd(weights + strip), odd(weights + 2 * strip),
                           odd(weights + 3 * strip)};
      multiply_add<R>(a, k + 1, high, acc);
    }
    weights += 2 * kLanes;
  }
}

// The left side of few rows is copied to the order in which it is read, in pieces of a cache line:
// [depth / kPiece, rows, kPiece].
template <class X>
constexpr int64_t kPiece = 64 / sizeof(X);

// Fetches what is read 32 KB of weights, some microseconds, later.
ELMO4J_INLINE void fetch_ahead(const void* weights) {
  __builtin_prefetch(static_cast<const char*>(weights) + (32 << 10), 0, 2);
}

// Adds part of a strip, one piece deep at most.
template <int R>
ELMO4J_INLINE void accumulate(const float* left, int64_t depth, const float* strip, Vec* acc) {
  for (int64_t k = 0; k < depth; k++) {
    fetch_ahead(strip);
    const Vec b = load(strip);
#pragma GCC unroll 32
    for (int r = 0; r < R; r++) {
      acc[r] += left[r * kPiece<float> + k] * b;
    }
    strip += kLanes;
  }
}

template <int R>
ELMO4J_INLINE void accumulate(const float* left, int64_t depth, const Bf16* strip, Vec* acc) {
  for (int64_t k = 0; k < depth; k += 2) {
    fetch_ahead(strip);
    const Vec low = even(strip);
#pragma GCC unroll 32
    for (int r = 0; r < R; r++) {
      acc[r] += left[r * kPiece<float> + k] * low;
    }
    if (k + 1 < depth) {
      const Vec high = odd(strip);
#pragma GCC unroll 32
      for (int r = 0; r < R; r++) {
        acc[r] += left[r * kPiece<float> + k + 1] * high;
      }
    }
    strip += 2 * kLanes;
  }
}

// before() of some rows, into sums [rows, kPanel].
template <class Before>
void put_before(int64_t first, int64_t rows, int64_t panel, Before& before, float* sums) {
  for (int64_t r = 0; r < rows; r++) {
    Vec v[4];
    before(first + r, panel, v);
    for (int j = 0; j < 4; j++) {
      store(sums + r * kPanel + j * kLanes, v[j]);
    }
  }
}

// after() of the same rows.
template <class After>
void give_after(int64_t first, int64_t rows, int64_t panel, const float* sums, After& after) {
  for (int64_t r = 0; r < rows; r++) {
    Vec v[4];
    for (int j = 0; j < 4; j++) {
      v[j] = load(sums + r * kPanel + j * kLanes);
    }
    after(first + r, panel, v);
  }
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j
#include "product_int8.h"
#if defined(ELMO4J_BF16_PAIRS)
#include "product_bf16.h"
#endif
namespace elmo4j {
namespace ELMO4J_ISA {

// Adds one operand's part of a tile. Where `quarter` is not negative, that one of the operand's
// next panel is fetched.
template <int R, class Left>
ELMO4J_INLINE void add(const Left& operand, int64_t row, int64_t panel, int64_t quarter,
                       Vec (*sums)[4]) {
  using W = typename Left::Weight;
  typename Left::Row a[R];
  for (int r = 0; r < R; r++) {
    a[r] = operand.row(row + r);
  }
  const int64_t strip = Packing<W>::depth(operand.depth) * kLanes;
  const W* weights = operand.packed + panel * 4 * strip;
  // Copies that nothing else can refer to: they stay in registers whether or not the callers'
  // functions are inlined.
  Vec acc[R][4];
  copy<R>(sums, acc);
  if (quarter < 0) {
    accumulate<R, false>(a, operand.depth, weights, strip, nullptr, acc);
  } else {
    const char* soon = reinterpret_cast<const char*>(weights + (4 + quarter) * strip);
    accumulate<R, true>(a, operand.depth, weights, strip, soon, acc);
  }
  copy<R>(acc, sums);
}

// R rows of a panel. Where `quarter` is not negative, that one of the next panel is fetched.
template <int R, class Left, class Before, class After>
void tile(int64_t row, int64_t panel, const Left* operands, int operand_count, int64_t quarter,
          Before& before, After& after) {
  Vec sums[R][4];
  for (int r = 0; r < R; r++) {
    before(row + r, panel, sums[r]);
  }
  for (int i = 0; i < operand_count; i++) {
    add<R>(operands[i], row, panel, quarter, sums);
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

// Calls panels(first, last) for all panels, those of a sharing between its threads.
template <class Panels>
void for_panels(WorkSharing* sharing, int64_t panel_count, const Panels& panels) {
  if (sharing) {
    sharing->share(panel_count, panels);
  } else {
    panels(0, panel_count);
  }
}

template <class Left, class Before, class After>
void product_in_tiles(int64_t rows, const Left* operands, int operand_count, int64_t panel_count,
                      Before& before, After& after, WorkSharing* sharing) {
  const int64_t tiles = (rows + kRows - 1) / kRows;
  for_panels(sharing, panel_count, [&](int64_t first, int64_t last) ELMO4J_ONCE {
    for (int64_t p = first; p < last; p++) {
      for (int64_t t = 0; t < tiles; t++) {
        // Of nearly equal height, none of a single row beside full ones.
        const int64_t row = rows * t / tiles;
        const int64_t height = rows * (t + 1) / tiles - row;
        // While a panel is used the next one is fetched, a quarter by each of the first four tiles.
        const int64_t quarter = p + 1 < panel_count && t < 4 ? t : -1;
        tile_of<kRows>(height, row, p, operands, operand_count, quarter, before, after);
      }
    }
  });
}

// sums [R, kPanel] += left times a panel.
template <int R, class X, class Left>
void strips(const X* left, const Left& operand, int64_t panel, float* sums) {
  using W = typename Left::Weight;
  const int64_t depth = operand.depth;
  const int64_t strip = Packing<W>::depth(depth) * kLanes;
  const W* weights = operand.packed + panel * 4 * strip;
  for (int64_t j = 0; j < 4; j++) {
    Vec acc[R];
    for (int r = 0; r < R; r++) {
      acc[r] = load(sums + r * kPanel + j * kLanes);
    }
    for (int64_t k = 0; k < depth; k += kPiece<X>) {
      accumulate<R>(left + k * R, std::min(kPiece<X>, depth - k), weights + j * strip + k * kLanes,
                    acc);
    }
    for (int r = 0; r < R; r++) {
      store(sums + r * kPanel + j * kLanes, acc[r]);
    }
  }
}

// The same for `rows` rows, R at most.
template <int R, class X, class Left>
void strips_of(int64_t rows, const X* left, const Left& operand, int64_t panel, float* sums) {
  if (rows == R) {
    strips<R>(left, operand, panel, sums);
  } else if constexpr (R > kRows + 1) {
    strips_of<R - 1>(rows, left, operand, panel, sums);
  }
}

// Floats of scratch for a left side of few rows and at most two operands with that depth together.
inline int64_t strips_scratch(int64_t rows, int64_t depth) {
  return std::min(rows, kStripRows) * (round_up(depth, 16) + 2 * 16);
}

// More than kRows rows, kStripRows at most.
template <class Left, class Before, class After>
void product_in_strips(int64_t rows, const Left* operands, int operand_count, int64_t panel_count,
                       float* scratch, Before& before, After& after, WorkSharing* sharing) {
  using X = std::remove_const_t<std::remove_pointer_t<typename Left::Row> >;
  X* left[2] = {reinterpret_cast<X*>(scratch), nullptr};
  for (int i = 0; i < operand_count; i++) {
    const int64_t depth = operands[i].depth;
    X* to = left[i];
    for (int64_t k = 0; k < depth; k += kPiece<X>) {
      for (int64_t r = 0; r < rows; r++, to += kPiece<X>) {
        std::memcpy(to, operands[i].row(r) + k, std::min(kPiece<X>, depth - k) * sizeof(X));
      }
    }
    if (i == 0) {
      left[1] = to;
    }
  }
  for_panels(sharing, panel_count, [&](int64_t first, int64_t last) ELMO4J_ONCE {
    alignas(64) float sums[kStripRows * kPanel];
    for (int64_t p = first; p < last; p++) {
      put_before(0, rows, p, before, sums);
      for (int i = 0; i < operand_count; i++) {
        strips_of<kStripRows>(rows, left[i], operands[i], p, sums);
      }
      give_after(0, rows, p, sums, after);
    }
  });
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
  if (sizeof(W) == sizeof(Int8)) {
    return quantised_scratch(rows, depth) + strips_scratch(rows, depth);
  }
  (void)panel_count;
#if defined(ELMO4J_BF16_PAIRS)
  if (sizeof(W) == sizeof(Bf16)) {
#if defined(__AMX_BF16__)
    return rounded_scratch(rows, depth) + kTileResult;
#else
    return rounded_scratch(rows, depth) + strips_scratch(rows, depth);
#endif
  }
#endif
  return strips_scratch(rows, depth);
}

template <class Left, class Before, class After>
void product_in_vectors(int64_t rows, const Left* operands, int operand_count, int64_t panel_count,
                        float* scratch, Before& before, After& after, WorkSharing* sharing) {
  if (rows > kRows && rows <= kStripRows) {
    product_in_strips(rows, operands, operand_count, panel_count, scratch, before, after, sharing);
  } else {
    product_in_tiles(rows, operands, operand_count, panel_count, before, after, sharing);
  }
}

// For each row r and panel p: before(r, p, v) sets the four vectors v, the product is added to
// them, after(r, p, v) takes them. `scratch` has product_scratch floats for the operands' depths
// together, each rounded up to 32. With a sharing, other threads may call before and after too; on
// AMX the owner is alone.
template <class W, class Before, class After>
void product(int64_t rows, const Operand<W>* operands, int operand_count, int64_t panel_count,
             float* scratch, Before before, After after, WorkSharing* sharing = nullptr) {
#if defined(ELMO4J_BF16_PAIRS)
  if constexpr (sizeof(W) == sizeof(Bf16)) {
    RoundedOperand rounded[2];
    float* room = round_operands(rows, operands, operand_count, scratch, rounded);
#if defined(__AMX_BF16__)
    (void)sharing;
    product_on_amx(rows, rounded, operand_count, panel_count, room, before, after);
#else
    product_in_vectors(rows, rounded, operand_count, panel_count, room, before, after, sharing);
#endif
    return;
  }
#endif
  product_in_vectors(rows, operands, operand_count, panel_count, scratch, before, after, sharing);
}

// The same for quantised rows.
template <class Before, class After>
void product(int64_t rows, const Operand<Int8>* operands, int operand_count, int64_t panel_count,
             float* scratch, Before before, After after, WorkSharing* sharing = nullptr) {
  QuantisedOperand quantised[2];
  float* room = quantise_operands(rows, operands, operand_count, panel_count, scratch, quantised);
  product_in_vectors(rows, quantised, operand_count, panel_count, room, before, after, sharing);
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_PRODUCT_H_
