// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The product of product.h on AMX: bfloat16 operands, 32-bit accumulators.
//
// 32 rows by half a panel (32 columns) take four accumulator tiles; each step of 32 in depth loads
// two tiles of either side, 4 KB, for four tile products of 16 cycles: the weights come from L2 at
// 32 bytes a cycle. The last 16 rows or fewer take a whole panel at once, so that its weights are
// read once.

#ifndef ELMO4J_CPU_PRODUCT_AMX_H_
#define ELMO4J_CPU_PRODUCT_AMX_H_

namespace elmo4j {
namespace ELMO4J_ISA {

constexpr int64_t kTileDepth = 32;           // bfloat16 numbers in a tile's row
constexpr int64_t kPairStride = kLanes * 4;  // bytes from one pair of a strip's rows to the next
// Floats of the accumulators' place in memory.
constexpr int64_t kTileResult = 2 * kTileRows * kPanel;

struct TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64, "as the processor reads it");

// What is left to fetch of an operand's next panel into L2, a few lines for each step in depth:
// tiles are multiplied faster than L3 delivers by itself.
class Ahead {
 public:
  Ahead() = default;
  Ahead(const Bf16* from, int64_t count)
      : at_(reinterpret_cast<const char*>(from)), end_(at_ + count * sizeof(Bf16)) {}

  void fetch() {
    for (int i = 0; i < kLines && at_ < end_; i++, at_ += 64) {
      __builtin_prefetch(at_, 0, 2);
    }
  }

 private:
  static constexpr int kLines = 8;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
};

// `result` has kTileResult floats.
template <class Before, class After>
void product_on_amx(int64_t rows, const RoundedOperand* operands, int operand_count,
                    int64_t panel_count, float* result, Before& before, After& after) {
  const TileConfig config;
  _tile_loadconfig(&config);
  for (int64_t p = 0; p < panel_count; p++) {
    Ahead ahead[2];
    if (p + 1 < panel_count) {
      for (int i = 0; i < operand_count; i++) {
        const int64_t size = operands[i].depth * kPanel;
        ahead[i] = Ahead(operands[i].packed + (p + 1) * size, size);
      }
    }
    for (int64_t row = 0; row < rows; row += 2 * kTileRows) {
      const int64_t count = std::min(rows - row, 2 * kTileRows);
      put_before(row, count, p, before, result);
      if (count > kTileRows) {
        for (int half = 0; half < 2; half++) {
          float* at = result + half * 2 * kLanes;
          _tile_loadd(0, at, kPanel * sizeof(float));
          _tile_loadd(1, at + kLanes, kPanel * sizeof(float));
          _tile_loadd(2, at + kTileRows * kPanel, kPanel * sizeof(float));
          _tile_loadd(3, at + kTileRows * kPanel + kLanes, kPanel * sizeof(float));
          for (int i = 0; i < operand_count; i++) {
            const int64_t depth = operands[i].depth;
            const Bf16* a = operands[i].row(row);
            const int64_t strip = depth * kLanes;
            const Bf16* b = operands[i].packed + (4 * p + 2 * half) * strip;
            for (int64_t k = 0; k < depth; k += kTileDepth) {
              _tile_loadd(4, a, depth * sizeof(Bf16));
              _tile_loadd(5, a + kTileRows * depth, depth * sizeof(Bf16));
              _tile_loadd(6, b, kPairStride);
              _tile_loadd(7, b + strip, kPairStride);
              _tile_dpbf16ps(0, 4, 6);
              _tile_dpbf16ps(1, 4, 7);
              _tile_dpbf16ps(2, 5, 6);
              _tile_dpbf16ps(3, 5, 7);
              ahead[i].fetch();
              a += kTileDepth;
              b += kTileDepth * kLanes;
            }
          }
          _tile_stored(0, at, kPanel * sizeof(float));
          _tile_stored(1, at + kLanes, kPanel * sizeof(float));
          _tile_stored(2, at + kTileRows * kPanel, kPanel * sizeof(float));
          _tile_stored(3, at + kTileRows * kPanel + kLanes, kPanel * sizeof(float));
        }
      } else {
        _tile_loadd(0, result, kPanel * sizeof(float));
        _tile_loadd(1, result + kLanes, kPanel * sizeof(float));
        _tile_loadd(2, result + 2 * kLanes, kPanel * sizeof(float));
        _tile_loadd(3, result + 3 * kLanes, kPanel * sizeof(float));
        for (int i = 0; i < operand_count; i++) {
          const int64_t depth = operands[i].depth;
          const Bf16* a = operands[i].row(row);
          const int64_t strip = depth * kLanes;
          const Bf16* b = operands[i].packed + 4 * p * strip;
          for (int64_t k = 0; k < depth; k += kTileDepth) {
            _tile_loadd(4, a, depth * sizeof(Bf16));
            _tile_loadd(5, b, kPairStride);
            _tile_loadd(6, b + strip, kPairStride);
            _tile_dpbf16ps(0, 4, 5);
            _tile_dpbf16ps(1, 4, 6);
            _tile_loadd(5, b + 2 * strip, kPairStride);
            _tile_loadd(6, b + 3 * strip, kPairStride);
            _tile_dpbf16ps(2, 4, 5);
            _tile_dpbf16ps(3, 4, 6);
            a += kTileDepth;
            b += kTileDepth * kLanes;
          }
        }
        _tile_stored(0, result, kPanel * sizeof(float));
        _tile_stored(1, result + kLanes, kPanel * sizeof(float));
        _tile_stored(2, result + 2 * kLanes, kPanel * sizeof(float));
        _tile_stored(3, result + 3 * kLanes, kPanel * sizeof(float));
      }
      give_after(row, count, p, result, after);
    }
  }
  _tile_release();
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_PRODUCT_AMX_H_
