// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Measures the most operations per second of a core: the multiply-adds of the products (product.h)
// on registers only, with enough sums to hide their latency. Benchmarks give shares of this rate.

#include "elmo4j/kernels.h"
#include "isa.h"
#include "product.h"

namespace elmo4j {
namespace ELMO4J_ISA {
namespace {

// Hides the value of a vector from the compiler, so that it must compute again.
template <class V>
ELMO4J_INLINE void forget(V& v) {
#if defined(__x86_64__)
  asm volatile("" : "+x"(v));
#else
  asm volatile("" : "+w"(v));
#endif
}
#if !defined(__x86_64__) && !defined(__aarch64__)
ELMO4J_INLINE void forget(Weights8& w) {
  forget(w.first);
  forget(w.second);
}
#endif

#define ELMO4J_INLINE_LAMBDA __attribute__((always_inline))

constexpr int kSums = 12;

template <class Sum, class Step>
int64_t repeat(int64_t rounds, int64_t operations, Step step) {
  Sum sums[kSums] = {};
#pragma GCC unroll 12
  for (int i = 0; i < kSums; i++) {
    forget(sums[i]);
  }
  for (int64_t n = 0; n < rounds; n++) {
    step(sums);
  }
#pragma GCC unroll 12
  for (int i = 0; i < kSums; i++) {
    forget(sums[i]);
  }
  return rounds * kSums * operations;
}

int64_t run(int64_t rounds, const float*) {
  Vec x = splat(0.5f), y = splat(0.5f);
  forget(x);
  forget(y);
  return repeat<Vec>(rounds, 2 * kLanes, [&](Vec* sums) ELMO4J_INLINE_LAMBDA {
#pragma GCC unroll 12
    for (int i = 0; i < kSums; i++) {
      sums[i] = sums[i] * x + y;
    }
  });
}

#if defined(__AMX_BF16__)

// Four sums of tiles: as many as the products have.
template <class Step>
int64_t repeat_tiles(int64_t rounds, int64_t depth, Step step) {
  const TileConfig config;
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (int64_t n = 0; n < rounds; n++) {
    step();
  }
  _tile_release();
  return rounds * 4 * 2 * kTileRows * kLanes * depth;
}

int64_t run(int64_t rounds, const Int8*) {
  return repeat_tiles(rounds, 64, []() ELMO4J_INLINE_LAMBDA {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  });
}

int64_t run(int64_t rounds, const Bf16*) {
  return repeat_tiles(rounds, 32, []() ELMO4J_INLINE_LAMBDA {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  });
}

#else

int64_t run(int64_t rounds, const Int8*) {
  Weights8 x = spread(0x01010101), w = spread(0x01010101);
  return repeat<IntVec>(rounds, 2 * kPair8 * kLanes, [&](IntVec* sums) ELMO4J_INLINE_LAMBDA {
#pragma GCC unroll 12
    for (int i = 0; i < kSums; i++) {
      forget(x);
      sums[i] = dot(sums[i], x, w);
    }
  });
}

#if defined(ELMO4J_BF16_PAIRS)

int64_t run(int64_t rounds, const Bf16*) {
  const Bf16 zeros[2] = {};
  Pairs x = splat(zeros), w = splat(zeros);
  forget(w);
  return repeat<Vec>(rounds, 4 * kLanes, [&](Vec* sums) ELMO4J_INLINE_LAMBDA {
#pragma GCC unroll 12
    for (int i = 0; i < kSums; i++) {
      forget(x);
      sums[i] = dot(sums[i], x, w);
    }
  });
}

#else

// These weights are widened when they are loaded, so the arithmetic is that of floats.
int64_t run(int64_t rounds, const Bf16*) { return run(rounds, static_cast<const float*>(nullptr)); }

#endif
#endif  // AMX

}  // namespace

int64_t peak(const elmo4j_matrix* matrix, int64_t rounds) {
  ELMO4J_FOR_TYPE(matrix->type, run(rounds, static_cast<const Weight*>(nullptr)));
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j
