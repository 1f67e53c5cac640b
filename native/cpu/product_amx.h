// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The part of the product (product.h) for AMX. It accumulates products of bfloat16 numbers in
// 32-bit floats, and products of 8-bit integers in 32-bit integers.
//
// 32 rows by half a panel (32 columns) use four accumulator tiles. Each step of 64 bytes in depth
// loads two tiles of the rows and two of the weights, 4 KB, for four tile products of 16 cycles.
// The weights come from L2 at 32 bytes per cycle. If at most 16 rows are left, they take a whole
// panel at once, so that its weights are read only once.

#ifndef ELMO4J_CPU_PRODUCT_AMX_H_
#define ELMO4J_CPU_PRODUCT_AMX_H_

namespace elmo4j {
namespace ELMO4J_ISA {

constexpr int64_t kTileBytes = 64;  // of a row of a tile, and of a strip
// The size of the accumulators' copy in memory, in 32-bit numbers.
constexpr int64_t kTileResult = 2 * kTileRows * kPanel;

struct TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64, "as the processor reads it");

// Prefetches the next panel of an operand into L2, a few cache lines in each step in depth. Without
// it tiles are multiplied faster than L3 delivers the weights.
class Ahead {
 public:
  Ahead() = default;
  Ahead(const char* from, int64_t bytes) : at_(from), end_(from + bytes) {}

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

// sum += a times b. This is a macro because the numbers of the tiles are part of the instruction.
#define ELMO4J_TILES(sum, a, b)                              \
  if constexpr (std::is_same_v<typename Left::Weight, Bf16>) \
    _tile_dpbf16ps(sum, a, b);                               \
  else                                                       \
    _tile_dpbusd(sum, a, b)

// sums [32, kPanel] += 32 rows times a panel; without `both`, sums [16, kPanel] += 16 rows times
// it.
template <class Left>
void add_tiles(const Left* operands, int operand_count, int64_t row, bool both, int64_t panel,
               Ahead* ahead, void* sums) {
  constexpr int64_t kStride = 4 * kPanel;  // bytes from one row of sums to the next
  const auto rows_of = [&](const Left& operand) {
    return reinterpret_cast<const char*>(operand.row(row));
  };
  const auto stride_of = [](const Left& operand) {
    return reinterpret_cast<const char*>(operand.row(1)) -
           reinterpret_cast<const char*>(operand.row(0));
  };
  const auto strip_size = [](const Left& operand) {
    return operand.depth * kLanes * int64_t{sizeof(typename Left::Weight)};
  };
  const auto strip_of = [&](const Left& operand, int64_t strip) {
    return reinterpret_cast<const char*>(operand.packed) + strip * strip_size(operand);
  };
  char* at = static_cast<char*>(sums);
  if (!both) {
    _tile_loadd(0, at, kStride);
    _tile_loadd(1, at + kTileBytes, kStride);
    _tile_loadd(2, at + 2 * kTileBytes, kStride);
    _tile_loadd(3, at + 3 * kTileBytes, kStride);
    for (int i = 0; i < operand_count; i++) {
      const int64_t size = strip_size(operands[i]), stride = stride_of(operands[i]);
      const char* a = rows_of(operands[i]);
      const char* b = strip_of(operands[i], 4 * panel);
      for (int64_t done = 0; done < size; done += kTileRows * kTileBytes) {
        _tile_loadd(4, a, stride);
        _tile_loadd(5, b, kTileBytes);
        _tile_loadd(6, b + size, kTileBytes);
        ELMO4J_TILES(0, 4, 5);
        ELMO4J_TILES(1, 4, 6);
        _tile_loadd(5, b + 2 * size, kTileBytes);
        _tile_loadd(6, b + 3 * size, kTileBytes);
        ELMO4J_TILES(2, 4, 5);
        ELMO4J_TILES(3, 4, 6);
        a += kTileBytes;
        b += kTileRows * kTileBytes;
      }
    }
    _tile_stored(0, at, kStride);
    _tile_stored(1, at + kTileBytes, kStride);
    _tile_stored(2, at + 2 * kTileBytes, kStride);
    _tile_stored(3, at + 3 * kTileBytes, kStride);
    return;
  }
  for (int half = 0; half < 2; half++, at += 2 * kTileBytes) {
    _tile_loadd(0, at, kStride);
    _tile_loadd(1, at + kTileBytes, kStride);
    _tile_loadd(2, at + kTileRows * kStride, kStride);
    _tile_loadd(3, at + kTileRows * kStride + kTileBytes, kStride);
    for (int i = 0; i < operand_count; i++) {
      const int64_t size = strip_size(operands[i]), stride = stride_of(operands[i]);
      const char* a = rows_of(operands[i]);
      const char* b = strip_of(operands[i], 4 * panel + 2 * half);
      for (int64_t done = 0; done < size; done += kTileRows * kTileBytes) {
        _tile_loadd(4, a, stride);
        _tile_loadd(5, a + kTileRows * stride, stride);
        _tile_loadd(6, b, kTileBytes);
        _tile_loadd(7, b + size, kTileBytes);
        ELMO4J_TILES(0, 4, 6);
        ELMO4J_TILES(1, 4, 7);
        ELMO4J_TILES(2, 5, 6);
        ELMO4J_TILES(3, 5, 7);
        ahead[i].fetch();
        a += kTileBytes;
        b += kTileRows * kTileBytes;
      }
    }
    _tile_stored(0, at, kStride);
    _tile_stored(1, at + kTileBytes, kStride);
    _tile_stored(2, at + kTileRows * kStride, kStride);
    _tile_stored(3, at + kTileRows * kStride + kTileBytes, kStride);
  }
}

// sums [rows, kPanel] += rows times a panel, for all operands. `integers` has kTileResult elements.
inline void add_operands(const RoundedOperand* operands, int operand_count, int64_t row,
                         int64_t rows, int64_t panel, Ahead* ahead, int32_t* integers,
                         float* sums) {
  (void)integers;
  add_tiles(operands, operand_count, row, rows > kTileRows, panel, ahead, sums);
}

inline void add_operands(const QuantisedOperand* operands, int operand_count, int64_t row,
                         int64_t rows, int64_t panel, Ahead* ahead, int32_t* integers,
                         float* sums) {
  for (int i = 0; i < operand_count; i++) {
    const QuantisedOperand& operand = operands[i];
    for (int64_t r = 0; r < round_up(rows, kTileRows); r++) {
      std::memcpy(integers + r * kPanel, operand.begins + panel * kPanel, kPanel * sizeof(int32_t));
    }
    add_tiles(&operand, 1, row, rows > kTileRows, panel, ahead + i, integers);
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t c = 0; c < kPanel; c += kLanes) {
        float* sum = sums + r * kPanel + c;
        store(sum, scaled(load(integers + r * kPanel + c), operand.row_scales[row + r],
                          load(operand.scales + panel * kPanel + c), load(sum)));
      }
    }
  }
}

// Each thread that computes panels configures its own tiles.
template <class Left, class Before, class After>
void product_on_amx(int64_t rows, const Left* operands, int operand_count, int64_t panel_count,
                    Before& before, After& after, WorkSharing* sharing) {
  for_panels(sharing, panel_count, [&](int64_t first, int64_t last) ELMO4J_ONCE {
    alignas(64) float sums[kTileResult];
    alignas(64) int32_t integers[kTileResult];
    const TileConfig config;
    _tile_loadconfig(&config);
    for (int64_t p = first; p < last; p++) {
      Ahead ahead[2];
      for (int i = 0; p + 1 < panel_count && i < operand_count; i++) {
        const int64_t size = operands[i].depth * kPanel * int64_t{sizeof(typename Left::Weight)};
        ahead[i] = {reinterpret_cast<const char*>(operands[i].packed) + (p + 1) * size, size};
      }
      for (int64_t row = 0; row < rows; row += 2 * kTileRows) {
        const int64_t count = std::min(rows - row, 2 * kTileRows);
        put_before(row, count, p, before, sums);
        add_operands(operands, operand_count, row, count, p, ahead, integers, sums);
        give_after(row, count, p, sums, after);
      }
    }
    _tile_release();
  });
}

#undef ELMO4J_TILES

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_PRODUCT_AMX_H_
