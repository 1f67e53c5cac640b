// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// How the recurrence is laid over a device: which layers run at once, and how that of few sentences
// (lstm_resident.cuh) is divided. Plain arithmetic, so that it is tested for devices that are not
// there.

#ifndef ELMO4J_KERNELS_LSTM_PLAN_H_
#define ELMO4J_KERNELS_LSTM_PLAN_H_

#include <cstdint>

namespace elmo4j {

// Up to this many rows a step the weights stay on the chip. Above, every block's reading all of m
// costs more than reading the weights again.
constexpr int kResidentRows = 16;
// Rows whose input product is made ahead in one piece: what bounds its memory.
constexpr int kResidentPositions = 512;
// Fewer steps do not pay for bringing the weights in.
constexpr int kResidentSteps = 4;
constexpr int kResidentThreads = 256;

struct ResidentPlan {
  int directions;  // at once: 2, 1, or 0 where the weights do not fit
  int blocks;      // of a direction
  int cells;       // of a block: 8, 16, 32 or 64
  int columns;     // of the projection, of a block: at most 16
  int64_t shared_bytes;
};

// Shared memory of a block: its cells' gate weights, its columns of the projector, sums of the
// warps, cell states.
inline int64_t resident_bytes(int64_t cells, int64_t projection, int64_t block_cells,
                              int64_t block_columns) {
  const auto padded = [](int64_t depth) { return (depth + 63) / 64 * 64; };
  return 2 * (4 * block_cells * padded(projection) + block_columns * padded(cells)) +
         4 * (kResidentThreads * kResidentRows + kResidentRows * block_cells);
}

// Sizes for which the way exists at all.
inline bool may_be_resident(int64_t cells, int64_t projection) {
  return cells % 32 == 0 && projection % 32 == 0;
}

// One block a multiprocessor; both directions at once where that fits.
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

// Up to this many rows a step, reading the weights lasts longer than multiplying by them (lstm.cu).
constexpr int kReadingRows = 127;

// Whether the projection takes the larger tiles, 128 x 128 by wgmma: where those of two layers,
// both directions, fill most of the device. By the batch's first step alone, so that each of a
// call's layers has the same bits as in a call of its own. Fewer rows leave too many blocks idle.
inline bool is_wide_projection(int64_t sentences, int64_t projection, int64_t multiprocessors) {
  const int64_t tiles = 2 * ((sentences + 127) / 128) * ((projection + 127) / 128);
  return sentences > 256 && 10 * 2 * tiles >= 9 * multiprocessors;
}

// Blocks that one tile's sums are split among at most, and what the largest device with wgmma has.
constexpr int kMaxParts = 8;
constexpr int64_t kMostMultiprocessors = 144;
// With fewer rows, half of a tile of 128 would be padding.
constexpr int kSplitRows = 65;

// The depth of the projection, in parts that blocks multiply side by side.
struct Split {
  int parts;
  int depth;  // of each but the last, which may have less
};

// As many parts as two layers' tiles, 128 x 128, of both directions leave multiprocessors for; 0
// parts where there are too few rows. By the batch's first step alone, as above.
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

// How many layers' weights, of both directions, L2 holds: 0 where it cannot hold one's.
inline int layers_in_l2(int64_t cells, int64_t projection, int64_t number_bytes, int64_t l2_bytes) {
  return static_cast<int>(l2_bytes / (2 * (2 * 4 + 1) * cells * projection * number_bytes));
}

}  // namespace elmo4j

#endif  // ELMO4J_KERNELS_LSTM_PLAN_H_
