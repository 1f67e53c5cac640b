// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The inner steps of a product: rows times a piece of a panel or strip, added to sums in registers.
// This file has the steps for floats and for bfloat16 that is widened when it is loaded. Those of
// the other types are in product_int8.h and product_bf16.h.

#ifndef ELMO4J_CPU_ACCUMULATE_H_
#define ELMO4J_CPU_ACCUMULATE_H_

#include "packing.h"

namespace elmo4j {
namespace ELMO4J_ISA {

// The rows of a tile; the most rows for which strips are used (with more rows, tiles were faster);
// and whether all numbers of rows above kRows use blocks instead. Armv8 has as many registers as
// AVX-512.
#if defined(__AVX512F__) || defined(__aarch64__)
#define ELMO4J_BLOCKS 0
#else
#define ELMO4J_BLOCKS 1
#endif
constexpr bool kBlocks = ELMO4J_BLOCKS;
constexpr int64_t kRows = kBlocks ? 3 : 6;
constexpr int64_t kStripRows = kBlocks ? 0 : 20;

// For functions inside a tile. If they were called and not inlined, the accumulators would be kept
// in memory.
#define ELMO4J_INLINE inline __attribute__((always_inline))

// For large functions that are called from two places.
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

// If kFetch, prefetches the next cache line of memory that will be read later to L2.
template <bool kFetch>
ELMO4J_INLINE void fetch(const char*& soon) {
  if (kFetch) {
    __builtin_prefetch(soon, 0, 2);
    soon += kPanel;
  }
}

// Adds the part of one operand to a tile. The strips of the panel are `strip` numbers apart. With
// kFetch it also prefetches as much memory as a quarter of this panel, starting at `soon`.
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
    // The words are read again on purpose. Keeping them would take registers from the accumulators,
    // and the compiler would do so unless it believes that the pointer has changed.
    asm("" : "+r"(weights));
    if (k + 1 < depth) {
      const Vec high[4] = {odd(weights), odd(weights + strip), odd(weights + 2 * strip),
                           odd(weights + 3 * strip)};
      multiply_add<R>(a, k + 1, high, acc);
    }
    weights += 2 * kLanes;
  }
}

// The left-hand side of few rows is copied to the order in which it is read, in pieces of a cache
// line: [depth / kPiece, rows, kPiece].
template <class X>
constexpr int64_t kPiece = 64 / sizeof(X);

// Prefetches the weights that are read 32 KB, or a few microseconds, later.
ELMO4J_INLINE void fetch_ahead(const void* weights) {
  __builtin_prefetch(static_cast<const char*>(weights) + (32 << 10), 0, 2);
}

// Adds a part of a strip that is at most one piece deep.
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

// Calls before() for some rows and stores the results in sums [rows, kPanel].
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

// Calls after() for the same rows.
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

#endif  // ELMO4J_CPU_ACCUMULATE_H_
