// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The one matrix product of the CPU kernels: rows of floats, anywhere in memory, times packed
// panels (kernels.h). The caller supplies the code before and after the product, which sees a
// few vectors at a time: the LSTM's gates, the clips and the highway's sum are computed there, so
// that of a raw product only the tiles in use are ever stored, which stay in the nearest caches.
//
// A panel is four vectors wide and lies strip by strip; a strip is one vector wide. There are
// several ways to compute a panel:
// - Tiles of kRows rows by a panel, in registers. With AVX-512 a tile has 6 x 64 numbers in 24
//   accumulators, and 24 fused multiply-adds use 4 loads of weights and 6 broadcasts.
// - Strips, for few rows that are more than one tile. All rows take one strip at a time. Memory
//   delivers weights hardly faster than few rows use them, so weights must be requested in the
//   order and at the pace of their use. A strip is read once, from its beginning to its end;
//   with tiles, the first tile would read a panel in a hurry and the others would read it again.
//   The price is a broadcast for each multiply-add.
// - Blocks, for more than kRows rows where there are 16 registers (AVX2): tiles of 6 rows by half a
//   panel, with sums in memory between blocks (blocks.h). They use each weight that is loaded for
//   6 rows, and not for 3 as a tile of a whole panel would.
// - bfloat16: the same three ways, with weights widened when they are loaded, two of a column from
//   one word. With AVX512-BF16 or Armv8.6's bfdot each multiply-add takes two of a column.
// - 8 bits: the same three ways with sums of integers (product_int8.h).
// - AMX, bfloat16 and 8 bits: 32 rows by 32 columns in four tiles, with 4 tile products for 4 tile
//   loads. For kRows rows of 8 bits or fewer, where memory is the limit, vectors are used.
//
// In all of them a number is accumulated in one place and in the order of depth, whatever the
// number of rows and the position of a row. The result of a row has the same bits in any batch.

#ifndef ELMO4J_CPU_PRODUCT_H_
#define ELMO4J_CPU_PRODUCT_H_

#include "blocks.h"
#include "strips.h"
#include "tiles.h"
#include "work_sharing.h"
#if defined(__AMX_BF16__)
#include "product_amx.h"
#endif

namespace elmo4j {
namespace ELMO4J_ISA {

// Where the rows of an operand are multiplied, and what does not depend on before and after:
// compiled once for each instruction set, in product.cpp.
#if ELMO4J_BLOCKS
#define ELMO4J_MORE_ROWS(prefix, Left, Number)                                                     \
  prefix template void block_tile_of<kBlockRows>(int64_t, Left::Row, int64_t, const Left::Weight*, \
                                                 const Left::Weight*, const Soon&, Number*);
#else
#define ELMO4J_MORE_ROWS(prefix, Left, Number) \
  prefix template void strips_of<kStripRows>(int64_t, Left::Row, const Left&, int64_t, float*);
#endif
#define ELMO4J_PRODUCT(prefix, Left, Number)                                                      \
  prefix template void add_of<kRows>(int64_t, const Left&, int64_t, int64_t, int64_t, Vec(*)[4]); \
  ELMO4J_MORE_ROWS(prefix, Left, Number)
#if defined(__AMX_BF16__)
#define ELMO4J_PRODUCT_BF16(prefix)
#elif defined(ELMO4J_BF16_PAIRS)
#define ELMO4J_PRODUCT_BF16(prefix) ELMO4J_PRODUCT(prefix, RoundedOperand, float)
#else
#define ELMO4J_PRODUCT_BF16(prefix) ELMO4J_PRODUCT(prefix, Operand<Bf16>, float)
#endif
#define ELMO4J_PRODUCTS(prefix)                     \
  ELMO4J_PRODUCT(prefix, Operand<float>, float)     \
  ELMO4J_PRODUCT(prefix, QuantisedOperand, int32_t) \
  ELMO4J_PRODUCT_BF16(prefix)
ELMO4J_PRODUCTS(extern)

template <class W>
int64_t product_scratch(int64_t rows, int64_t depth, int64_t panel_count) {
  if (sizeof(W) == sizeof(Int8)) {
    return quantised_scratch(rows, depth) + strips_scratch(rows, depth);
  }
  (void)panel_count;
#if defined(ELMO4J_BF16_PAIRS)
  if (sizeof(W) == sizeof(Bf16)) {
#if defined(__AMX_BF16__)
    return rounded_scratch(rows, depth);
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
  if (rows <= kRows || (!kBlocks && rows > kStripRows)) {
    product_in_tiles(rows, operands, operand_count, panel_count, before, after, sharing);
  } else if constexpr (kBlocks) {
    product_in_blocks(rows, operands, operand_count, panel_count, scratch, before, after, sharing);
  } else {
    product_in_strips(rows, operands, operand_count, panel_count, scratch, before, after, sharing);
  }
}

// For each row r and panel p, before(r, p, v) sets the four vectors v, the product is added to
// them, and after(r, p, v) receives them. `scratch` has product_scratch floats for the sum of the
// operands' depths, each rounded up to 32. With a sharing, other threads may call before and after
// too.
template <class W, class Before, class After>
void product(int64_t rows, const Operand<W>* operands, int operand_count, int64_t panel_count,
             float* scratch, Before before, After after, WorkSharing* sharing = nullptr) {
#if defined(ELMO4J_BF16_PAIRS)
  if constexpr (sizeof(W) == sizeof(Bf16)) {
    RoundedOperand rounded[2];
    float* room = round_operands(rows, operands, operand_count, scratch, rounded);
#if defined(__AMX_BF16__)
    (void)room;
    product_on_amx(rows, rounded, operand_count, panel_count, before, after, sharing);
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
#if defined(__AMX_INT8__)
  if (rows > kRows) {
    product_on_amx(rows, quantised, operand_count, panel_count, before, after, sharing);
    return;
  }
#endif
  product_in_vectors(rows, quantised, operand_count, panel_count, room, before, after, sharing);
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_PRODUCT_H_
