// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Decides how the recurrence is divided over a device: which layers run at once, which tiles the
// projection uses, and which cells and columns a block of lstm_resident owns. This is plain
// arithmetic, so that tests cover devices that are not available.

#ifndef ELMO4J_KERNELS_LSTM_PLAN_H_
#define ELMO4J_KERNELS_LSTM_PLAN_H_

#include <cstdint>

namespace elmo4j {

// With up to this many rows per step the weights stay in shared memory. With more rows, reading all
// of m in every block would cost more than reading the weights again in each step.
constexpr int kResidentRows = 16;
// The most rows of x that lstm_input_gates multiplies, which limits its memory.
constexpr int kResidentPositions = 512;
// With fewer steps, loading the weights into shared memory does not pay.
constexpr int kResidentSteps = 4;
constexpr int kResidentThreads = 256;

struct ResidentPlan {
  int directions;  // at once: 2, 1, or 0 if the weights do not fit
  int blocks;      // of a direction
  int cells;       // that a block owns: 8, 16, 32 or 64
  int columns;     // of the projection, that a block owns: at most 16
  int64_t shared_bytes;
};

// The shared memory of a block: the gate weights of its cells, its columns of the projector, sums
// of the warps, and cell states.
inline int64_t resident_bytes(int64_t cells, int64_t projection, int64_t block_cells,
                              int64_t block_columns) {
  const auto padded = [](int64_t depth) { return (depth + 63) / 64 * 64; };
  return 2 * (4 * block_cells * padded(projection) + block_columns * padded(cells)) +
         4 * (kResidentThreads * kResidentRows + kResidentRows * block_cells);
}

// Returns whether lstm_resident supports these sizes.
inline bool may_be_resident(int64_t cells, int64_t projection) {
  return cells % 32 == 0 && projection % 32 == 0;
}

// Plans one block per multiprocessor, and both directions at once if they fit.
inline ResidentPlan resident_plan(int64_t cells, int64_t projection, int64_t multiprocessors,
                                  int64_t shared_limit) {
  for (int directions = may_be_resident(cells, projection) ? 2 : 0; directions > 0; directions--) {
    for (int block_cells = 8; block_cells <= 64; block_cells *= 2) {
      const int64_t blocks = (cells + block_cells - 1) / block_cells;
      const int64_t columns = (projection + blocks - 1) / blocks;
      const int64_t bytes = resident_bytes(cells, projection, block_cells, columns);
      if (blocks * directions <= multiprocessors && columns <= 16 && bytes <= shared_limit) {
        return {directions, static_cast<int>(blocks), block_cells, static_cast<int>(columns),
                bytes};
      }
    }
  }
  return {};
}

// With up to this many rows per step, reading the weights from memory takes longer than multiplying
// by them (DESIGN.md).
constexpr int kReadingRows = 127;

// Returns whether the projection uses the larger tiles, 128 x 128 with wgmma: if the tiles of both
// directions of two layers fill most of the device. This depends only on the rows of the batch's
// first step and not on the number of layers, so that a layer has the same bits in a call of its
// own.
inline bool is_wide_projection(int64_t sentences, int64_t projection, int64_t multiprocessors) {
  const int64_t tiles = 2 * ((sentences + 127) / 128) * ((projection + 127) / 128);
  return sentences > 256 && 10 * 2 * tiles >= 9 * multiprocessors;
}

// A projection whose depth is split into parts, each of which is multiplied by one block.
struct Split {
  int parts;  // 0 if there are too few rows
  int depth;  // of each part; the last one may have less
};
constexpr int kMaxParts = 8;
constexpr int kSplitRows = 65;                 // with fewer, half of a tile would be padding
constexpr int64_t kMostMultiprocessors = 144;  // of a device with wgmma

// Each tile of 128 x 128 gets as many parts as there are multiprocessors for each tile of two
// layers, both directions. This depends only on the rows of the batch's first step, as above.
inline Split projection_split(int64_t sentences, int64_t cells, int64_t projection,
                              int64_t multiprocessors) {
  if (sentences < kSplitRows) {
    return {};
  }
  const int64_t tiles = 2 * 2 * ((sentences + 127) / 128) * ((projection + 127) / 128);
  const int64_t most =
      (multiprocessors < kMostMultiprocessors ? multiprocessors : kMostMultiprocessors) / tiles;
  const int64_t wanted = most < 1 ? 1 : most < kMaxParts ? most : kMaxParts;
  const int64_t depth = ((cells + wanted - 1) / wanted + 63) / 64 * 64;  // whole stages of a tile
  return {static_cast<int>((cells + depth - 1) / depth), static_cast<int>(depth)};
}

// Returns how many layers' weights L2 holds, with both directions; 0 if it cannot hold those of
// one.
inline int layers_in_l2(int64_t cells, int64_t projection, int64_t number_bytes, int64_t l2_bytes) {
  return static_cast<int>(l2_bytes / (2 * (2 * 4 + 1) * cells * projection * number_bytes));
}

}  // namespace elmo4j

#endif  // ELMO4J_KERNELS_LSTM_PLAN_H_
