// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// One block computes one tile of a product: A [rows, depth] times packed B (elmo4j_cuda_pack), or
// the sum of two such products. It passes the sums in registers to an epilogue, so that biases,
// gates, clips and stores need no second pass over memory.
//
// Halves: cp.async fills stages of shared memory ahead, ldmatrix reads the operands from there, and
// mma.sync m16n8k16 (on Turing two m16n8k8) accumulates in 32-bit floats. Floats use plain fused
// multiply-adds, so that nothing is rounded to less than 24 bits.
//
// Halves on Hopper (kWgmma): a warpgroup multiplies 64 rows with wgmma m64nNk16, where N is the
// number of the tile's columns. It reads both operands from shared memory, where they have the same
// layout as for mma.sync, which is wgmma's own swizzle. The products of one stage still run while
// the block waits for the next one, so a stage is refilled one step later than with mma.sync.
//
// The columns of a thread: an m16n8 accumulator holds two neighbouring columns of a row. If the
// packed rows of B were used in their order, the four gates of a cell would be in two threads, and
// a thread would store 4 bytes at a time. So shared memory holds the packed rows in another order:
// the columns that one thread has in all m16n8 tiles of its warp are neighbours in packed order.
// wgmma's accumulators are such tiles too, ordered within each 64 columns. The epilogue then gets
// kCount neighbouring packed rows of B (column * groups + group) at once: whole cells with all
// gates.

#ifndef ELMO4J_KERNELS_PRODUCT_CUH_
#define ELMO4J_KERNELS_PRODUCT_CUH_

#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

#include "common.cuh"
#include "instructions.cuh"
#include "wgmma.cuh"

namespace elmo4j {

// The operands of one product.
//   a       row r begins at a + (index ? index[r] : r) * stride; fastest if aligned to 16 bytes
//   depth   the number of elements of a row; elements after them are not read
//   b       packed
//   begin, end  the part of the depth that is multiplied, 0 to `depth` for all of it: begin is a
//               multiple of the tile's kDepth, and so is an end that is not `depth`
template <class T>
struct Operand {
  const T* a;
  const int32_t* index;
  int64_t stride;
  int depth;
  const T* b;
  int begin, end;
};

// Packing rounds depths and columns up to a multiple of this (kernels.h).
constexpr int kPackedMultiple = 16;

__host__ __device__ constexpr int64_t round_up(int64_t count, int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

// -------------------------------------------------------------------------------------------------
// A block's tile has kRows rows of A and kColumns columns (packed rows of B). Its warps divide it
// kWarpsDown x kWarpsAcross; with wgmma, a warp has 16 rows and all columns. A stage is kDepth of
// the depth; shared memory holds kStages.
template <class T, int kRows_, int kColumns_, int kDepth_, int kWarpsDown_, int kWarpsAcross_,
          int kStages_, bool kWgmma_ = false>
struct Product {
  static constexpr int kRows = kRows_;
  static constexpr int kColumns = kColumns_;
  static constexpr int kDepth = kDepth_;
  static constexpr int kWarpsDown = kWarpsDown_;
  static constexpr int kWarpsAcross = kWarpsAcross_;
  static constexpr int kThreads = 32 * kWarpsDown * kWarpsAcross;
  static constexpr bool kHalf = sizeof(T) == 2;
  static constexpr bool kWgmma = kWgmma_;
  static constexpr bool kCompiled = !kWgmma || kHasWgmma;  // for this architecture

  // Turing has 64 KiB of shared memory, and no copies that could run ahead by more than one stage.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
  static constexpr int kStages = 2;
#else
  static constexpr int kStages = kStages_;
#endif
  // The number of stages that are filled ahead: all but the one in use and, with wgmma, the one
  // before it, which may still be read.
  static constexpr int kAhead = kWgmma ? kStages - 2 : kStages - 1;

  static constexpr int kChunk = 16 / sizeof(T);  // numbers that are copied at once
  static constexpr int kChunks = kDepth / kChunk;
  // The same chunk of eight neighbouring rows must be in different banks. So rows of floats are one
  // chunk longer than their numbers, and rows of halves exchange their chunks (at() below).
  static constexpr int kPitch = kHalf ? kDepth : kDepth + kChunk;
  static constexpr int kStage = (kRows + kColumns) * kPitch;  // numbers in a stage
  static constexpr int kCopyRows = kThreads / kChunks;        // rows that one round of copies fills
  static constexpr int kRowRounds = kRows / kCopyRows;
  static constexpr int kColumnRounds = kColumns / kCopyRows;

  // The parts of the tile that belong to a warp, and to a thread.
  static constexpr int kWarpRows = kRows / kWarpsDown;
  static constexpr int kWarpColumns = kColumns / kWarpsAcross;
  // The neighbouring columns of a thread come from the m16n8 tiles of this many columns.
  static constexpr int kSpan = kHalf && kWarpColumns > 64 ? 64 : kWarpColumns;
  static constexpr int kCount = kSpan / (kHalf ? 4 : 8);  // neighbours that the epilogue gets
  static constexpr int kRowsOfThread = kWarpRows / (kHalf ? 8 : 4);

  static_assert(kThreads % kChunks == 0 && kRows % kCopyRows == 0 && kColumns % kCopyRows == 0, "");
  static_assert(kCopyRows % kSpan == 0 || (kHalf && kSpan % kCopyRows == 0 && kCopyRows % 8 == 0),
                "a round's packed rows lie as far apart as any round's");
  static_assert(kPackedMultiple % kCount == 0, "the epilogue's columns are all there, or none");
  static_assert(kHalf ? kWarpRows % 16 == 0 && kWarpColumns % 16 == 0 : kCount == 4, "");
  static_assert(!kHalf || kChunks == 4 || kChunks == 8, "");
  static_assert(!kWgmma || (kHalf && kWarpsAcross == 1 && kWarpRows == 16 && kWarpsDown % 4 == 0),
                "");

  // Bytes of shared memory on a device of this compute capability (its major number).
  static int64_t shared_bytes(int capability) {
    return int64_t{capability < 8 ? 2 : kStages_} * kStage * sizeof(T);
  }

  struct Source;
  struct HalfAccumulators;
  struct WgmmaAccumulators;
  struct FloatAccumulators;
  // A thread's sums. give(rows, columns, first_row, first_column, epilogue) calls epilogue(row,
  // column, v) for each of the thread's kCount neighbours: v[i] is the sum for row `row` of A and
  // packed row column + i of B. It leaves out rows from `rows` on and columns from `columns` on.
  using Accumulators =
      std::conditional_t<kWgmma, WgmmaAccumulators,
                         std::conditional_t<kHalf, HalfAccumulators, FloatAccumulators>>;

  // Computes tiles one after the other: begin starts the first copies of a tile, multiply does the
  // rest. The next tile may begin as soon as multiply has returned, before the epilogue gets the
  // sums. All threads of the block must call both.
  //   shared                  shared_bytes()
  //   rows, columns           of the problem; columns counts packed rows, a multiple of 16
  //   first_row, first_column where the tile begins
  template <int kOperands>
  struct Pipeline {
    T* stages;
    Operand<T> operands[kOperands];
    int rows, columns, first_row, first_column;
    int blocks;
    int ends[kOperands];  // the block of kDepth after each operand's last
    Source source;
    AsyncCopies copies;

    __device__ void begin(const Operand<T> (&of)[kOperands], int all_rows, int all_columns,
                          int at_row, int at_column, void* shared) {
      stages = static_cast<T*>(shared);
      rows = all_rows;
      columns = all_columns;
      first_row = at_row;
      first_column = at_column;
      blocks = 0;
#pragma unroll
      for (int o = 0; o < kOperands; o++) {
        operands[o] = of[o];
        blocks += (operands[o].end - operands[o].begin + kDepth - 1) / kDepth;
        ends[o] = blocks;
      }
      source.begin(operands[0], rows, columns, first_row, first_column);
      __syncthreads();  // the reads of the last tile have ended
#pragma unroll
      for (int block = 0; block < kAhead; block++) {
        fill(block);
      }
    }

    __device__ void multiply(Accumulators& sums) {
      const int wanted = rows - first_row - warp_row();
      for (int block = 0; block < blocks; block++) {
        copies.template wait<kAhead - 1>();
        if constexpr (kWgmma) {
          copies.show();
        }
        // The copies of all threads for this stage have arrived. All threads have finished the
        // stage before it or, with wgmma, the one before that.
        __syncthreads();
        fill(block + kAhead);
        sums.add(stages + block % kStages * kStage, wanted);
      }
      copies.template wait<0>();
      sums.finish();
    }

   private:
    __device__ void fill(int block) {
      if (block < blocks) {
#pragma unroll
        for (int o = 1; o < kOperands; o++) {
          if (block == ends[o - 1]) {
            source.begin(operands[o], rows, columns, first_row, first_column);
          }
        }
        source.fill(stages + block % kStages * kStage, copies);
      }
      copies.commit();  // an empty group if there is no block, so that the count stays simple
    }
  };

  // Computes one tile completely.
  template <int kOperands, class Epilogue>
  __device__ static void tile(const Operand<T> (&operands)[kOperands], int rows, int columns,
                              int first_row, int first_column, void* shared,
                              const Epilogue& epilogue) {
    Pipeline<kOperands> pipeline;
    pipeline.begin(operands, rows, columns, first_row, first_column, shared);
    Accumulators sums;
    pipeline.multiply(sums);
    sums.give(rows, columns, first_row, first_column, epilogue);
  }

  __device__ static int warp_row() {
    return static_cast<int>(threadIdx.x) / 32 / kWarpsAcross * kWarpRows;
  }
  __device__ static int warp_column() {
    return static_cast<int>(threadIdx.x) / 32 % kWarpsAcross * kWarpColumns;
  }

  // Returns the offset of a chunk of a row in a stage.
  __device__ static int at(int row, int chunk) {
    return row * kPitch + (kHalf ? chunk ^ (row * kChunks / 8 % kChunks) : chunk) * kChunk;
  }

  // Returns the packed row, within a tile, that a slot of shared memory holds. Halves: slot 8 i + 2
  // q + b of a span is column 2 q + b of the span's m16n8 tile i. Thread q of a row has it, as
  // number 2 i + b of its kCount neighbours. Floats: slot kSpan / 4 * j + q is number j of the four
  // of thread q.
  __device__ static constexpr int packed_row(int slot) {
    const int span = slot / kSpan * kSpan;
    const int s = slot % kSpan;
    return span +
           (kHalf ? s % 8 / 2 * kCount + s / 8 * 2 + s % 2 : s % (kSpan / 4) * 4 + s / (kSpan / 4));
  }

  // Reads an operand, kDepth of its depth at a time.
  struct Source {
    const T* a_row[kRowRounds];  // NULL after the last row
    const T* b_row;
    int b_left;  // packed rows from this thread's first on
    int depth, b_depth;
    int k;  // next number of this thread's chunk
    bool aligned;

    __device__ void begin(const Operand<T>& operand, int rows, int columns, int first_row,
                          int first_column) {
      const int slot = static_cast<int>(threadIdx.x) / kChunks;
      aligned = (reinterpret_cast<uintptr_t>(operand.a) | operand.stride * sizeof(T)) % 16 == 0;
      depth = operand.depth;
      b_depth = static_cast<int>(round_up(depth, kPackedMultiple));
      k = operand.begin + static_cast<int>(threadIdx.x) % kChunks * kChunk;
#pragma unroll
      for (int i = 0; i < kRowRounds; i++) {
        const int row = first_row + slot + i * kCopyRows;
        a_row[i] = nullptr;
        if (row < rows) {
          a_row[i] = operand.a + (operand.index ? operand.index[row] : row) * operand.stride;
        }
      }
      const int column = first_column + packed_row(slot);
      b_row = operand.b + int64_t{column} * b_depth;
      b_left = columns - column;
    }

    __device__ void fill(T* stage, AsyncCopies& copies) {
      const int slot = static_cast<int>(threadIdx.x) / kChunks;
      const int chunk = static_cast<int>(threadIdx.x) % kChunks;
      const int left = depth - k;
      const int there = left < 0 ? 0 : left < kChunk ? left : kChunk;
#pragma unroll
      for (int i = 0; i < kRowRounds; i++) {
        T* to = stage + at(slot + i * kCopyRows, chunk);
        if (aligned) {
          const bool some = there > 0 && a_row[i] != nullptr;
          copies.copy16(to, some ? a_row[i] + k : b_row, some ? there * sizeof(T) : 0);
        } else {
          copies.stores16(to);
#pragma unroll
          for (int j = 0; j < kChunk; j++) {
            using Bits = BitsOf<sizeof(T)>;
            const Bits* from = reinterpret_cast<const Bits*>(a_row[i] + k + j);
            reinterpret_cast<Bits*>(to)[j] =
                j < there && a_row[i] != nullptr ? load_past_l1(from) : Bits{};
          }
        }
      }
      T* columns = stage + kRows * kPitch;
#pragma unroll
      for (int i = 0; i < kColumnRounds; i++) {
        const int further = packed_row(i * kCopyRows);
        const bool some = k < b_depth && further < b_left;
        copies.copy16(columns + at(slot + i * kCopyRows, chunk),
                      some ? b_row + int64_t{further} * b_depth + k : b_row, some ? 16 : 0);
      }
      k += kDepth;
    }
  };

  struct HalfAccumulators {
    static constexpr int kDown = kWarpRows / 16;
    static constexpr int kAcross = kWarpColumns / 8;
    float v[kDown][kAcross][4] = {};

    // Rows from `wanted` on need not be computed.
    __device__ void add(const T* stage, int wanted) {
      if (wanted > kWarpRows - 16) {
        add<true>(stage, wanted);
      } else if (wanted > 0) {
        add<false>(stage, wanted);
      }
    }

    __device__ void finish() {}

    template <bool kAll>
    __device__ void add(const T* stage, int wanted) {
      const int lane = threadIdx.x % 32;
      const T* columns = stage + kRows * kPitch;
#pragma unroll
      for (int k = 0; k < kDepth / 16; k++) {
        uint32_t b[kAcross / 2][4];
#pragma unroll
        for (int j = 0; j < kAcross / 2; j++) {
          ldmatrix(b[j], columns + at(warp_column() + 16 * j + lane / 16 * 8 + lane % 8,
                                      2 * k + lane / 8 % 2));
        }
#pragma unroll
        for (int i = 0; i < kDown; i++) {
          if (kAll || 16 * i < wanted) {
            uint32_t a[4];
            ldmatrix(a, stage + at(warp_row() + 16 * i + lane % 16, 2 * k + lane / 16));
#pragma unroll
            for (int j = 0; j < kAcross; j++) {
              mma(v[i][j], a, b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
            }
          }
        }
      }
    }

    template <class Epilogue>
    __device__ void give(int rows, int columns, int first_row, int first_column,
                         const Epilogue& epilogue) const {
      const int lane = threadIdx.x % 32;
      const int column = first_column + warp_column() + lane % 4 * kCount;
      if (column >= columns) {
        return;
      }
#pragma unroll
      for (int i = 0; i < kDown; i++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const int row = first_row + warp_row() + 16 * i + 8 * half + lane / 4;
          if (row < rows) {
            float cells[kCount];
#pragma unroll
            for (int j = 0; j < kCount; j++) {
              cells[j] = v[i][j / 2][2 * half + j % 2];
            }
            epilogue(row, column, cells);
          }
        }
      }
    }
  };

  struct WgmmaAccumulators {
    AsyncSums<kColumns> sums;

    // Starts the products of a stage, and returns when those of the stage before it have completed.
    __device__ void add(const T* stage, int wanted) {
      if (wanted + warp_row() % 64 > 0) {  // if the warpgroup's first row is needed
        const uint64_t a =
            matrix_descriptor<kDepth * sizeof(T)>(stage + warp_row() / 64 * 64 * kPitch);
        const uint64_t b = matrix_descriptor<kDepth * sizeof(T)>(stage + kRows * kPitch);
        sums.begin();
#pragma unroll
        for (int k = 0; k < kDepth / 16; k++) {
          sums.add(a + 2 * k, b + 2 * k);  // 16 halves further in the row: 2 units of 16 bytes
        }
        sums.commit();
        sums.template wait<1>();
      }
    }

    __device__ void finish() { sums.template wait<0>(); }

    template <class Epilogue>
    __device__ void give(int rows, int columns, int first_row, int first_column,
                         const Epilogue& epilogue) const {
      const int lane = threadIdx.x % 32;
#pragma unroll
      for (int span = 0; span < kColumns / kSpan; span++) {
        const int column = first_column + span * kSpan + lane % 4 * kCount;
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const int row = first_row + warp_row() + 8 * half + lane / 4;
          if (row < rows && column < columns) {
            float cells[kCount];
#pragma unroll
            for (int j = 0; j < kCount; j++) {
              cells[j] = sums.v[(span * kSpan / 8 + j / 2) * 4 + 2 * half + j % 2];
            }
            epilogue(row, column, cells);
          }
        }
      }
    }
  };

  // The threads of a warp form a grid of 4 x 8. A thread has every fourth row and four neighbouring
  // columns.
  struct FloatAccumulators {
    float v[kRowsOfThread][4] = {};

    __device__ void add(const T* stage, int wanted) {
      if (wanted <= 0) {
        return;
      }
      const int lane = threadIdx.x % 32;
      const T* rows = stage + warp_row() * kPitch;
      const T* columns = stage + (kRows + warp_column()) * kPitch;
#pragma unroll
      for (int k = 0; k < kChunks; k++) {
        float4 b[4];
#pragma unroll
        for (int j = 0; j < 4; j++) {
          b[j] = *reinterpret_cast<const float4*>(columns + at(8 * j + lane % 8, k));
        }
#pragma unroll
        for (int i = 0; i < kRowsOfThread; i++) {
          const float4 a = *reinterpret_cast<const float4*>(rows + at(4 * i + lane / 8, k));
#pragma unroll
          for (int j = 0; j < 4; j++) {
            v[i][j] = fmaf(a.x, b[j].x, v[i][j]);
            v[i][j] = fmaf(a.y, b[j].y, v[i][j]);
            v[i][j] = fmaf(a.z, b[j].z, v[i][j]);
            v[i][j] = fmaf(a.w, b[j].w, v[i][j]);
          }
        }
      }
    }

    __device__ void finish() {}

    template <class Epilogue>
    __device__ void give(int rows, int columns, int first_row, int first_column,
                         const Epilogue& epilogue) const {
      const int lane = threadIdx.x % 32;
      const int column = first_column + warp_column() + lane % 8 * 4;
      if (column >= columns) {
        return;
      }
#pragma unroll
      for (int i = 0; i < kRowsOfThread; i++) {
        const int row = first_row + warp_row() + 4 * i + lane / 8;
        if (row < rows) {
          epilogue(row, column, v[i]);
        }
      }
    }
  };
};

}  // namespace elmo4j

#endif  // ELMO4J_KERNELS_PRODUCT_CUH_
