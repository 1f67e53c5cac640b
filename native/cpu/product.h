// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The one matrix product of the CPU kernels: rows of floats, anywhere in memory, times packed panels
// (kernels.h), with what happens before and after given by the caller while the numbers are still in
// registers: the LSTM's gates, the clips, the highway's sum never see memory as raw products.
//
//   A tile is kRows rows by one panel of four vectors: with AVX-512, 6 x 64 = 24 accumulators, 24
//   fused multiply-adds for 4 loads of weights and 6 broadcasts. A panel of depth 1024 has 256 KB: it
//   is read from memory once, for the first tile, and from L2 for the others.
//
// Each number is accumulated in one register in the order of depth, whatever the number of rows or the
// place of a row: so a row's result has the same bits in any batch.

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

constexpr int64_t kPanel = 4 * kLanes;  // floats of a panel's row

// Scratch is counted in floats; pointers to rows lie there too.
constexpr int64_t kFloatsPerPointer = sizeof(void*) / 4;

// Columns of one group that a panel covers.
inline int64_t panel_columns(int groups) { return kPanel / groups; }

inline int64_t panels(int64_t columns, int groups) {
  return (columns + panel_columns(groups) - 1) / panel_columns(groups);
}

// Part of the left-hand side: `depth` floats of each row. Several stand side by side ([x; h]).
struct Operand {
  const float* const* rows;
  int64_t depth;
};

#ifdef ELMO4J_OPENBLAS

// Packed form for OpenBLAS: plain row-major [depth, panels * kPanel], columns in panel order.
inline float* packed_row(float* packed, int64_t depth, int64_t panel_count, int64_t panel,
                         int64_t k) {
  (void)depth;
  return packed + (k * panel_count + panel) * kPanel;
}

inline int64_t product_scratch(int64_t rows, int64_t depth, int64_t panel_count) {
  return rows * (depth + panel_count * kPanel);
}

template <class Before, class After>
void product(int64_t rows, const Operand* operands, int operand_count, int64_t first_row_of_packed,
             const float* packed, int64_t packed_depth, int64_t panel_count, float* scratch,
             Before before, After after) {
  (void)packed_depth;
  int64_t depth = 0;
  for (int i = 0; i < operand_count; i++) {
    depth += operands[i].depth;
  }
  float* left = scratch;
  float* result = scratch + rows * depth;
  for (int64_t r = 0; r < rows; r++) {
    float* to = left + r * depth;
    for (int i = 0; i < operand_count; i++) {
      std::memcpy(to, operands[i].rows[r], operands[i].depth * sizeof(float));
      to += operands[i].depth;
    }
  }
  const int64_t columns = panel_count * kPanel;
  cblas_sgemm(101, 111, 111, static_cast<int>(rows), static_cast<int>(columns),
              static_cast<int>(depth), 1.0f, left, static_cast<int>(depth),
              packed + first_row_of_packed * columns, static_cast<int>(columns), 0.0f, result,
              static_cast<int>(columns));
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

#if defined(__AVX512F__)
constexpr int64_t kRows = 6;
#else
constexpr int64_t kRows = 3;
#endif

inline float* packed_row(float* packed, int64_t depth, int64_t panel_count, int64_t panel,
                         int64_t k) {
  (void)panel_count;
  return packed + (panel * depth + k) * kPanel;
}

inline int64_t product_scratch(int64_t, int64_t, int64_t) { return 0; }

constexpr int64_t kCacheLine = 64 / sizeof(float);

// `soon`, where not null, is memory that will be read later: one cache line of it is fetched into L2 for
// each row of the panel.
template <int R, class Before, class After>
void tile(int64_t row, int64_t panel, const Operand* operands, int operand_count,
          const float* weights, const float* soon, Before& before, After& after) {
  Vec acc[R][4];
  for (int r = 0; r < R; r++) {
    before(row + r, panel, acc[r]);
  }
  for (int i = 0; i < operand_count; i++) {
    const float* a[R];
    for (int r = 0; r < R; r++) {
      a[r] = operands[i].rows[row + r];
    }
    const auto multiply_add = [&](int64_t k) {
      const Vec b[4] = {load(weights), load(weights + kLanes), load(weights + 2 * kLanes),
                        load(weights + 3 * kLanes)};
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) {
        const float x = a[r][k];
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
          acc[r][j] += x * b[j];
        }
      }
      weights += kPanel;
    };
    const int64_t depth = operands[i].depth;
    if (soon) {
      for (int64_t k = 0; k < depth; k++, soon += kCacheLine) {
        __builtin_prefetch(soon, 0, 2);
        multiply_add(k);
      }
    } else {
      for (int64_t k = 0; k < depth; k++) {
        multiply_add(k);
      }
    }
  }
  for (int r = 0; r < R; r++) {
    after(row + r, panel, acc[r]);
  }
}

// For each row r and panel p: before(r, p, v) sets the four vectors v, the product is added to them,
// after(r, p, v) takes them. `first_row_of_packed` is the row of the packed matrix that the first
// operand's first column meets.
template <class Before, class After>
void product(int64_t rows, const Operand* operands, int operand_count, int64_t first_row_of_packed,
             const float* packed, int64_t packed_depth, int64_t panel_count, float* scratch,
             Before before, After after) {
  (void)scratch;
  int64_t depth = 0;
  for (int i = 0; i < operand_count; i++) {
    depth += operands[i].depth;
  }
  const int64_t blocks = (rows + kRows - 1) / kRows;
  for (int64_t p = 0; p < panel_count; p++) {
    const float* weights = packed + (p * packed_depth + first_row_of_packed) * kPanel;
    // While this panel is used the next one is fetched, a part by each of the first tiles.
    const float* next = weights + packed_depth * kPanel;
    for (int64_t b = 0; b < blocks; b++) {
      const bool fetches = p + 1 < panel_count && b < kPanel / kCacheLine;
      const float* soon = fetches ? next + b * depth * kCacheLine : nullptr;
      // Blocks of nearly equal height, none of a single row beside full ones.
      const int64_t row = rows * b / blocks;
      switch (rows * (b + 1) / blocks - row) {
        case 1:
          tile<1>(row, p, operands, operand_count, weights, soon, before, after);
          break;
        case 2:
          tile<2>(row, p, operands, operand_count, weights, soon, before, after);
          break;
        case 3:
          tile<3>(row, p, operands, operand_count, weights, soon, before, after);
          break;
#if defined(__AVX512F__)
        case 4:
          tile<4>(row, p, operands, operand_count, weights, soon, before, after);
          break;
        case 5:
          tile<5>(row, p, operands, operand_count, weights, soon, before, after);
          break;
        case 6:
          tile<6>(row, p, operands, operand_count, weights, soon, before, after);
          break;
#endif
      }
    }
  }
}

#endif  // ELMO4J_OPENBLAS

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_PRODUCT_H_
