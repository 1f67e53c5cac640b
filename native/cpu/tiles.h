// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Products in tiles of kRows rows by a panel. This is used for many rows, and for rows that fit one
// tile.

#ifndef ELMO4J_CPU_TILES_H_
#define ELMO4J_CPU_TILES_H_

#include "accumulate.h"
#include "work_sharing.h"

namespace elmo4j {
namespace ELMO4J_ISA {

// Adds the part of one operand to a tile. If `quarter` is not negative, that quarter of the
// operand's next panel is prefetched. Not inlined, so that all products share this code. The
// sums are in memory before and after, which costs little beside the product.
template <int R, class Left>
ELMO4J_ONCE void add(const Left& operand, int64_t row, int64_t panel, int64_t quarter,
                     Vec (*sums)[4]) {
  using W = typename Left::Weight;
  typename Left::Row a[R];
  for (int r = 0; r < R; r++) {
    a[r] = operand.row(row + r);
  }
  const int64_t strip = Packing<W>::depth(operand.depth) * kLanes;
  const W* weights = operand.packed + panel * 4 * strip;
  // Local copies, to which nothing else can refer, so that they stay in registers.
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

// The same for a tile of `height` rows, at most R.
template <int R, class Left>
void add_of(int64_t height, const Left& operand, int64_t row, int64_t panel, int64_t quarter,
            Vec (*sums)[4]) {
  if (height == R) {
    add<R>(operand, row, panel, quarter, sums);
  } else if constexpr (R > 1) {
    add_of<R - 1>(height, operand, row, panel, quarter, sums);
  }
}

// Computes a tile of `height` rows. If `quarter` is not negative, that quarter of the next panel is
// prefetched.
template <class Left, class Before, class After>
void tile(int64_t height, int64_t row, int64_t panel, const Left* operands, int operand_count,
          int64_t quarter, Before& before, After& after) {
  Vec sums[kRows][4];
  for (int64_t r = 0; r < height; r++) {
    before(row + r, panel, sums[r]);
  }
  for (int i = 0; i < operand_count; i++) {
    add_of<kRows>(height, operands[i], row, panel, quarter, sums);
  }
  for (int64_t r = 0; r < height; r++) {
    after(row + r, panel, sums[r]);
  }
}

// Calls panels(first, last) for all panels. With a sharing, its threads divide them.
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
        // The tiles have nearly equal heights, so that there is no tile of a single row beside full
        // ones.
        const int64_t row = rows * t / tiles;
        const int64_t height = rows * (t + 1) / tiles - row;
        // While a panel is used, each of the first four tiles prefetches a quarter of the next one.
        const int64_t quarter = p + 1 < panel_count && t < 4 ? t : -1;
        tile(height, row, p, operands, operand_count, quarter, before, after);
      }
    }
  });
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_TILES_H_
