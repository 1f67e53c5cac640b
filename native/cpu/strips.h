// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Products of few rows. They read each strip of the weights once, from its beginning to its end.

#ifndef ELMO4J_CPU_STRIPS_H_
#define ELMO4J_CPU_STRIPS_H_

#include <algorithm>
#include <type_traits>

#include "tiles.h"

namespace elmo4j {
namespace ELMO4J_ISA {

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

// The same for `rows` rows, at most R.
template <int R, class X, class Left>
void strips_of(int64_t rows, const X* left, const Left& operand, int64_t panel, float* sums) {
  if (rows == R) {
    strips<R>(left, operand, panel, sums);
  } else if constexpr (R > kRows + 1) {
    strips_of<R - 1>(rows, left, operand, panel, sums);
  }
}

// The floats of scratch memory for a copy of the rows of at most two operands, which have that
// depth together.
inline int64_t strips_scratch(int64_t rows, int64_t depth) {
  return (kBlocks ? rows : std::min(rows, kStripRows)) * (round_up(depth, 16) + 2 * 16);
}

// Copies some rows of an operand to the order in which they are read: [depth / kPiece, rows,
// kPiece]. Returns the end of the copy.
template <class Left, class X>
X* copy_rows(const Left& operand, int64_t first, int64_t last, int64_t k, int64_t until, X* to) {
  for (; k < until; k += kPiece<X>) {
    for (int64_t r = first; r < last; r++, to += kPiece<X>) {
      std::memcpy(to, operand.row(r) + k, std::min(kPiece<X>, until - k) * sizeof(X));
    }
  }
  return to;
}

// Computes more than kRows and at most kStripRows rows.
template <class Left, class Before, class After>
void product_in_strips(int64_t rows, const Left* operands, int operand_count, int64_t panel_count,
                       float* scratch, Before& before, After& after, WorkSharing* sharing) {
  using X = std::remove_const_t<std::remove_pointer_t<typename Left::Row> >;
  X* left[2] = {reinterpret_cast<X*>(scratch), nullptr};
  for (int i = 0; i < operand_count; i++) {
    X* end = copy_rows(operands[i], 0, rows, 0, operands[i].depth, left[i]);
    if (i == 0) {
      left[1] = end;
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

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_STRIPS_H_
