// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Products of more than kRows rows, for processors with 16 vector registers (kBlocks).
//
// A tile is 6 rows by two strips: 12 accumulators, for which each step in depth loads 2 vectors of
// weights and 6 numbers of the rows. Half a panel, kBlockDepth deep, is a block. All rows use a
// block before the next one is read, so that its weights are read from memory once and then from
// L1 and L2. Between blocks the sums are in memory. While a block is used, the next one is
// prefetched; the prefetches are spread over all tiles, because many at once would delay the loads.

#ifndef ELMO4J_CPU_BLOCKS_H_
#define ELMO4J_CPU_BLOCKS_H_

#include "strips.h"

namespace elmo4j {
namespace ELMO4J_ISA {

constexpr int64_t kBlockRows = 6;
constexpr int64_t kBlockDepth = 512;
// The most tiles whose sums are in memory at once.
constexpr int64_t kGroupTiles = 22;

// Memory that will be read soon: the same part of two strips.
struct Soon {
  const char* at;
  int64_t strip;  // bytes from one strip to the other
  int64_t lines;  // of each strip, to be prefetched for each piece of the rows

  // Prefetches to L2.
  ELMO4J_INLINE void fetch() {
    for (int64_t i = 0; i < lines; i++, at += 64) {
      __builtin_prefetch(at, 0, 2);
      __builtin_prefetch(at + strip, 0, 2);
    }
  }
};

ELMO4J_INLINE void store(int32_t* p, IntVec v) { std::memcpy(p, &v, sizeof v); }

// Adds number i of a piece of R rows times a vector of each strip.
template <int R>
ELMO4J_INLINE void multiply_add(const float* left, int64_t i, Vec first, Vec second,
                                Vec (*acc)[2]) {
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    const float x = left[r * kPiece<float> + i];
    acc[r][0] += x * first;
    acc[r][1] += x * second;
  }
}

// Adds R rows times two strips to the sums. `left` is [depth / kPiece, R, kPiece].
template <int R>
ELMO4J_INLINE void accumulate(const float* left, int64_t depth, const float* first,
                              const float* second, Soon soon, Vec (*acc)[2]) {
  for (int64_t k = 0; k < depth; k += kPiece<float>) {
    soon.fetch();
    const int64_t end = std::min(kPiece<float>, depth - k);
#pragma GCC unroll 2
    for (int64_t i = 0; i < end; i++) {
      multiply_add<R>(left, i, load(first), load(second), acc);
      first += kLanes;
      second += kLanes;
    }
    left += R * kPiece<float>;
  }
}

template <int R>
ELMO4J_INLINE void accumulate(const float* left, int64_t depth, const Bf16* first,
                              const Bf16* second, Soon soon, Vec (*acc)[2]) {
  for (int64_t k = 0; k < depth; k += kPiece<float>) {
    soon.fetch();
    const int64_t end = std::min(kPiece<float>, depth - k);
    for (int64_t i = 0; i < end; i += 2) {
      multiply_add<R>(left, i, even(first), even(second), acc);
      // The words are read again on purpose (accumulate.h).
      asm("" : "+r"(first), "+r"(second));
      if (i + 1 < end) {
        multiply_add<R>(left, i + 1, odd(first), odd(second), acc);
      }
      first += 2 * kLanes;
      second += 2 * kLanes;
    }
    left += R * kPiece<float>;
  }
}

template <int R>
ELMO4J_INLINE void accumulate(const Quantised* left, int64_t depth, const Int8* first,
                              const Int8* second, Soon soon, IntVec (*acc)[2]) {
  for (int64_t k = 0; k < depth; k += kPiece<Quantised>) {
    soon.fetch();
    const int64_t end = std::min(kPiece<Quantised>, depth - k);
#pragma GCC unroll 2
    for (int64_t i = 0; i < end; i += kPair8) {
      const Weights8 b[2] = {load(first), load(second)};
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) {
        const Weights8 x = spread(pair_at(left + r * kPiece<Quantised> + i));
        acc[r][0] = dot(acc[r][0], x, b[0]);
        acc[r][1] = dot(acc[r][1], x, b[1]);
      }
      first += kPair8 * kLanes;
      second += kPair8 * kLanes;
    }
    left += R * kPiece<Quantised>;
  }
}

// The same with sums in memory, kPanel numbers apart.
template <int R, class X, class W, class Number>
ELMO4J_ONCE void block_tile(const X* left, int64_t depth, const W* first, const W* second,
                            const Soon& soon, Number* sums) {
  decltype(load(sums)) acc[R][2];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    acc[r][0] = load(sums + r * kPanel);
    acc[r][1] = load(sums + r * kPanel + kLanes);
  }
  accumulate<R>(left, depth, first, second, soon, acc);
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    store(sums + r * kPanel, acc[r][0]);
    store(sums + r * kPanel + kLanes, acc[r][1]);
  }
}

// The same for `height` rows, at most R.
template <int R, class X, class W, class Number>
void block_tile_of(int64_t height, const X* left, int64_t depth, const W* first, const W* second,
                   const Soon& soon, Number* sums) {
  if (height == R) {
    block_tile<R>(left, depth, first, second, soon, sums);
  } else if constexpr (R > 1) {
    block_tile_of<R - 1>(height, left, depth, first, second, soon, sums);
  }
}

// Sets the integers that the sums of some rows of a panel begin with.
inline void begin_integers(const QuantisedOperand& operand, int64_t panel, int64_t rows,
                           int32_t* integers) {
  for (int64_t r = 0; r < rows; r++) {
    std::memcpy(integers + r * kPanel, operand.begins + panel * kPanel, kPanel * sizeof(int32_t));
  }
}

// Adds the scaled integers to the sums of floats.
inline void add_integers(const QuantisedOperand& operand, int64_t panel, int64_t first,
                         int64_t rows, const int32_t* integers, float* sums) {
  for (int64_t j = 0; j < kPanel; j += kLanes) {
    const Vec scales = load(operand.scales + panel * kPanel + j);
    for (int64_t r = 0; r < rows; r++) {
      float* sum = sums + r * kPanel + j;
      store(sum, scaled(load(integers + r * kPanel + j), operand.row_scales[first + r], scales,
                        load(sum)));
    }
  }
}

// The place of a block: two strips of a panel, from k on.
struct Block {
  int64_t panel;
  int operand = 0;
  int64_t k = 0;
  int64_t strip = 0;

  template <class Left>
  Block next(const Left* operands, int operand_count) const {
    if (strip == 0) {
      return {panel, operand, k, 2};
    }
    if (k + kBlockDepth < operands[operand].depth) {
      return {panel, operand, k + kBlockDepth, 0};
    }
    return operand + 1 < operand_count ? Block{panel, operand + 1} : Block{panel + 1};
  }
};

template <class Left>
int64_t strip_size(const Left& operand) {
  return Packing<typename Left::Weight>::depth(operand.depth) * kLanes;
}

template <class Left>
const typename Left::Weight* weights_at(const Left* operands, const Block& block) {
  const Left& operand = operands[block.operand];
  return operand.packed + (block.panel * 4 + block.strip) * strip_size(operand) + block.k * kLanes;
}

template <class Left, class Before, class After>
void product_in_blocks(int64_t rows, const Left* operands, int operand_count, int64_t panel_count,
                       float* scratch, Before& before, After& after, WorkSharing* sharing) {
  using W = typename Left::Weight;
  using X = std::remove_const_t<std::remove_pointer_t<typename Left::Row> >;
  constexpr bool kIntegers = std::is_same_v<W, Int8>;
  constexpr int64_t kLines = kPiece<X> * kLanes * sizeof(W) / 64;  // of a strip, for each piece

  const int64_t tiles = (rows + kBlockRows - 1) / kBlockRows;
  const auto row_of = [&](int64_t tile) { return rows * tile / tiles; };
  // The rows of each operand: [depth / kBlockDepth, tiles, kBlockDepth / kPiece, a tile's rows,
  // kPiece].
  X* left[2] = {reinterpret_cast<X*>(scratch), nullptr};
  for (int i = 0; i < operand_count; i++) {
    X* to = left[i];
    for (int64_t k = 0; k < operands[i].depth; k += kBlockDepth) {
      const int64_t end = std::min(k + kBlockDepth, operands[i].depth);
      for (int64_t t = 0; t < tiles; t++) {
        to = copy_rows(operands[i], row_of(t), row_of(t + 1), k, end, to);
      }
    }
    if (i == 0) {
      left[1] = to;
    }
  }

  for_panels(sharing, panel_count, [&](int64_t first, int64_t last) ELMO4J_ONCE {
    constexpr int64_t kSums = kGroupTiles * kBlockRows * kPanel;
    alignas(64) float sums[kSums];
    alignas(64) int32_t integers[kIntegers ? kSums : 1];
    auto* accumulators = [&] {
      if constexpr (kIntegers) {
        return integers;
      } else {
        return sums;
      }
    }();
    // Computes a block of the tiles from `begin` to `end`.
    const auto compute = [&](const Block& block, int64_t begin, int64_t end) {
      const Left& operand = operands[block.operand];
      const int64_t depth = std::min(kBlockDepth, operand.depth - block.k);
      const int64_t pieces = (depth + kPiece<X> - 1) / kPiece<X>;
      const Block next = block.next(operands, operand_count);
      Soon soon = {nullptr, 0, 0};
      int64_t lines = 0;
      if (next.panel < panel_count) {
        soon.at = reinterpret_cast<const char*>(weights_at(operands, next));
        soon.strip = strip_size(operands[next.operand]) * int64_t{sizeof(W)};
        lines = pieces * kLines;
      }
      const W* weights = weights_at(operands, block);
      for (int64_t t = begin; t < end; t++) {
        const int64_t row = row_of(t);
        const int64_t to_fetch = (end - t) * pieces;
        soon.lines = (lines + to_fetch - 1) / to_fetch;
        block_tile_of<kBlockRows>(
            row_of(t + 1) - row, left[block.operand] + block.k * rows + row * pieces * kPiece<X>,
            depth, weights, weights + strip_size(operand), soon,
            accumulators + (row - row_of(begin)) * kPanel + block.strip * kLanes);
        soon.at += soon.lines * pieces * 64;
        lines = std::max<int64_t>(0, lines - soon.lines * pieces);
      }
    };
    for (int64_t p = first; p < last; p++) {
      for (int64_t begin = 0; begin < tiles; begin += kGroupTiles) {
        const int64_t end = std::min(begin + kGroupTiles, tiles);
        const int64_t row = row_of(begin);
        const int64_t height = row_of(end) - row;
        put_before(row, height, p, before, sums);
        Block block = {p};
        while (block.panel == p) {
          const int operand = block.operand;
          if constexpr (kIntegers) {
            begin_integers(operands[operand], p, height, integers);
          }
          for (; block.panel == p && block.operand == operand;
               block = block.next(operands, operand_count)) {
            compute(block, begin, end);
          }
          if constexpr (kIntegers) {
            add_integers(operands[operand], p, row, height, integers, sums);
          }
        }
        give_after(row, height, p, sums, after);
      }
    }
  });
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_BLOCKS_H_
