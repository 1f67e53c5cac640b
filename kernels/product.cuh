// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// One tile of a product by one block: sums of A [rows, depth] times packed B (elmo4j_cuda_pack),
// handed to an epilogue in registers, so that biases, gates, clips and stores need no second pass.
//
// Halves: mma.sync m16n8k16 (two m16n8k8 on Turing) with 32-bit accumulators, operands by ldmatrix
// from shared memory, filled by cp.async some stages ahead. Floats: plain fused multiply-adds, so
// that nothing is rounded below 24 bits.
//
// Halves on Hopper (kWgmma): wgmma m64nNk16, N the tile's columns, a warpgroup for each 64 rows,
// both operands from shared memory in the same places, which are those of wgmma's swizzle. A
// block's products go on while the next is waited for, so its stage is filled one block later.
//
// What a thread gets. An m16n8 accumulator holds two neighbouring columns of a row; taken as they
// are, a cell's four gates would lie in two threads and a row's stores would be 4 bytes wide. The
// rows of B are therefore put into shared memory in another order: one in which a thread's columns
// over all of its warp's m16n8 tiles stand side by side in packed order; wgmma's accumulators are
// such tiles too, and each 64 columns are ordered by themselves. So the epilogue sees
// kCount neighbouring packed rows of B, column * groups + group, at once: whole cells with all
// their gates.
//
// In one file beyond 500 lines: both ways share their order of rows and their stages, each of which
// is of use to them alone.

#ifndef ELMO4J_KERNELS_PRODUCT_CUH_
#define ELMO4J_KERNELS_PRODUCT_CUH_

#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "common.cuh"
#include "wgmma.cuh"

namespace elmo4j {

// One product of a sum.
//   a       row r begins at a + (index ? index[r] : r) * stride; fastest where rows lie on 16 bytes
//   depth   numbers of a row; what lies behind them is not read
//   b       packed
template <class T>
struct Operand {
  const T* a;
  const int32_t* index;
  int64_t stride;
  int depth;
  const T* b;
};

// What packing rounds depths and columns up to (kernels.h).
constexpr int kPackedMultiple = 16;

__host__ __device__ constexpr int64_t round_up(int64_t count, int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

// -------------------------------------------------------------------------------------------------
// PTX, and beside each instruction its twin for the emulator.

// Bits that another block of this launch may have written, from L2. (The toolkit's own __ldcg of a
// __half is no volatile read: the compiler may move it over a barrier.)
template <class Bits>
__device__ inline Bits load_past_l1(const Bits* from) {
  return __ldcg(from);
}

// As many bits as a T.
template <int kBytes>
using BitsOf = std::conditional_t<
    kBytes == 16, uint4,
    std::conditional_t<kBytes == 8, uint2,
                       std::conditional_t<kBytes == 4, unsigned, unsigned short>>>;

// N neighbouring numbers of a row as `load` reads them, those from `there` on zero. One access
// where the address allows it.
template <int N, class T, class Load>
__device__ inline void load_row(float (&v)[N], const T* from, int there, const Load& load) {
  using Bits = BitsOf<N * sizeof(T)>;
  static_assert(sizeof(Bits) == N * sizeof(T), "");
  T numbers[N];
  if (there >= N && reinterpret_cast<uintptr_t>(from) % sizeof(Bits) == 0) {
    const Bits bits = load(reinterpret_cast<const Bits*>(from));
    memcpy(static_cast<void*>(numbers), &bits, sizeof bits);
  } else {
#pragma unroll
    for (int i = 0; i < N; i++) {
      using One = BitsOf<sizeof(T)>;
      const One bits = i < there ? load(reinterpret_cast<const One*>(from + i)) : One{};
      memcpy(static_cast<void*>(&numbers[i]), &bits, sizeof bits);
    }
  }
#pragma unroll
  for (int i = 0; i < N; i++) {
    v[i] = to_float(numbers[i]);
  }
}

// A row that another block may have written.
template <int N, class T>
__device__ inline void load_row(float (&v)[N], const T* from, int there) {
  load_row(v, from, there, [](auto* bits) { return load_past_l1(bits); });
}

// A row that nobody writes during the launch; L1 keeps it.
template <int N, class T>
__device__ inline void load_constant_row(float (&v)[N], const T* from, int there) {
  load_row(v, from, there, [](auto* bits) { return __ldg(bits); });
}

// Stores the first `there` of N neighbours.
template <int N, class T>
__device__ inline void store_row(T* to, const float (&v)[N], int there) {
  using Bits = BitsOf<N * sizeof(T)>;
  static_assert(sizeof(Bits) == N * sizeof(T), "");
  T numbers[N];
#pragma unroll
  for (int i = 0; i < N; i++) {
    numbers[i] = from_float<T>(v[i]);
  }
  if (there >= N && reinterpret_cast<uintptr_t>(to) % sizeof(Bits) == 0) {
    Bits bits;
    memcpy(&bits, numbers, sizeof bits);
    *reinterpret_cast<Bits*>(to) = bits;
  } else {
#pragma unroll
    for (int i = 0; i < N; i++) {
      if (i < there) {
        to[i] = numbers[i];
      }
    }
  }
}

// cp.async: copies of 16 bytes from global to shared memory, in groups that complete in order. They
// go past L1. What is behind the first `bytes` becomes zero. Turing has none and copies at once.
class AsyncCopies {
 public:
  __device__ void copy16(void* to, const void* from, int bytes) {
#ifdef ELMO4J_EMULATED
    // The bytes arrive in wait(), as late as the instruction allows; what they replace is gone now.
    std::memset(to, 0xff, 16);
    emulator::unshown(to) = 1;
    queue_.push_back({to, from, bytes});
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                     static_cast<unsigned>(__cvta_generic_to_shared(to))),
                 "l"(from), "r"(bytes)
                 : "memory");
#else
    uint4 v = {};
    if (bytes == 16) {
      v = load_past_l1(static_cast<const uint4*>(from));
    } else {
      unsigned short halves[8] = {};
#pragma unroll
      for (int i = 0; i < 8; i++) {
        halves[i] = 2 * i < bytes ? load_past_l1(static_cast<const unsigned short*>(from) + i) : 0;
      }
      v.x = halves[0] | halves[1] << 16;
      v.y = halves[2] | halves[3] << 16;
      v.z = halves[4] | halves[5] << 16;
      v.w = halves[6] | halves[7] << 16;
    }
    *static_cast<uint4*>(to) = v;
#endif
  }

  // Says that the thread stores 16 bytes itself.
  __device__ void stores16([[maybe_unused]] void* to) {
#ifdef ELMO4J_EMULATED
    emulator::unshown(to) = 1;
    stored_.push_back(to);
#endif
  }

  __device__ void commit() {
#ifdef ELMO4J_EMULATED
    groups_.push_back(queue_.size());
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
  }

  // Until all groups but the last kPending are there, for this thread; others need a barrier too.
  template <int kPending>
  __device__ void wait() {
#ifdef ELMO4J_EMULATED
    while (groups_.size() > kPending) {
      for (; done_ < groups_.front(); done_++) {
        const Copy& copy = queue_[done_];
        std::memset(copy.to, 0, 16);
        std::memcpy(copy.to, copy.from, copy.bytes);
      }
      groups_.erase(groups_.begin());
    }
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
  }

  // Shows wgmma what this thread has put into shared memory, by stores and by copies that are
  // there. To see what others have put it takes their call and a barrier.
  __device__ void show() {
#ifdef ELMO4J_EMULATED
    for (; shown_ < done_; shown_++) {
      emulator::unshown(queue_[shown_].to) = 0;
    }
    for (; !stored_.empty(); stored_.pop_back()) {
      emulator::unshown(stored_.back()) = 0;
    }
#elif __CUDA_ARCH__ >= 900
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
  }

 private:
#ifdef ELMO4J_EMULATED
  struct Copy {
    void* to;
    const void* from;
    int bytes;
  };
  std::vector<Copy> queue_;
  std::vector<size_t> groups_;  // where each group that is under way ends in the queue
  size_t done_ = 0;
  size_t shown_ = 0;
  std::vector<void*> stored_;  // and not shown
#endif
};

#ifdef ELMO4J_EMULATED
namespace emulator {

struct Ldmatrix {
  const void* row;
  uint32_t* v;
};

inline void run_ldmatrix(Ldmatrix* const* lanes) {
  for (int lane = 0; lane < 32; lane++) {
    for (int m = 0; m < 4; m++) {
      const char* row = static_cast<const char*>(lanes[8 * m + lane / 4]->row);
      std::memcpy(&lanes[lane]->v[m], row + lane % 4 * 4, 4);
    }
  }
}

struct Mma {
  float* c;
  const uint32_t* a;
  uint32_t b[2];
};

inline void run_mma(Mma* const* lanes) {
  float a[16][16], b[16][8];
  const auto unpack = [](uint32_t two, float* low, float* high) {
    __half halves[2];
    std::memcpy(static_cast<void*>(halves), &two, 4);
    *low = __half2float(halves[0]);
    *high = __half2float(halves[1]);
  };
  for (int lane = 0; lane < 32; lane++) {
    const int g = lane / 4;
    const int k = lane % 4 * 2;
    for (int i = 0; i < 4; i++) {
      float* to = &a[g + i % 2 * 8][k + i / 2 * 8];
      unpack(lanes[lane]->a[i], to, to + 1);
    }
    for (int i = 0; i < 2; i++) {
      unpack(lanes[lane]->b[i], &b[k + i * 8][g], &b[k + i * 8 + 1][g]);
    }
  }
  for (int lane = 0; lane < 32; lane++) {
    for (int i = 0; i < 4; i++) {
      float sum = lanes[lane]->c[i];
      for (int k = 0; k < 16; k++) {
        sum += a[lane / 4 + i / 2 * 8][k] * b[k][lane % 4 * 2 + i % 2];
      }
      lanes[lane]->c[i] = sum;
    }
  }
}

}  // namespace emulator
#endif

// Four 8 x 8 matrices of halves, row i of matrix m at lane 8 m + i's address. Lane l gets of each
// the two halves in row l / 4 from column 2 (l % 4).
__device__ inline void ldmatrix(uint32_t (&v)[4], const void* row) {
#ifdef ELMO4J_EMULATED
  emulator::Ldmatrix lane = {row, v};
  emulator::warp_together<emulator::Ldmatrix, emulator::run_ldmatrix>(~0u, &lane, __FILE__,
                                                                      __LINE__);
#else
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
               : "r"(static_cast<unsigned>(__cvta_generic_to_shared(row)))
               : "memory");
#endif
}

// c [16, 8] += a [16, 16] b [16, 8]. With g = lane / 4, q = lane % 4, a lane holds
//   a  rows g, g + 8, g, g + 8 from columns 2q, 2q, 2q + 8, 2q + 8, two halves each
//   b  rows 2q and 2q + 1, then 2q + 8 and 2q + 9, of column g
//   c  row g from column 2q, row g + 8 from column 2q, two floats each
__device__ inline void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
#ifdef ELMO4J_EMULATED
  emulator::Mma lane = {c, a, {b0, b1}};
  emulator::warp_together<emulator::Mma, emulator::run_mma>(~0u, &lane, __FILE__, __LINE__);
#elif __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5}, {%8}, {%0, %1, %2, %3};\n\t"
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%6, %7}, {%9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

// Whether products of halves are to be computed by wgmma on a device: where it has that, this
// library has code for it, and the caller does not want it otherwise (kernels.h).
inline bool use_wgmma(int products, int major, int minor) {
#if defined(ELMO4J_EMULATED) || defined(ELMO4J_WITH_WGMMA)
  constexpr bool kBuilt = true;
#else
  constexpr bool kBuilt = false;
#endif
  return kBuilt && products != ELMO4J_MMA && major == 9 && minor == 0;
}

// The device that launches go to.
struct Machine {
  int multiprocessors, capability, shared_bytes, l2_bytes;  // capability: its major number
  bool wgmma;
};

inline int find_machine(int products, Machine* machine) {
  int device = 0;
  cudaError_t error = cudaGetDevice(&device);
  const auto attribute = [&](cudaDeviceAttr which, int* value) {
    if (error == cudaSuccess) {
      error = cudaDeviceGetAttribute(value, which, device);
    }
  };
  attribute(cudaDevAttrMultiProcessorCount, &machine->multiprocessors);
  attribute(cudaDevAttrComputeCapabilityMajor, &machine->capability);
  attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, &machine->shared_bytes);
  attribute(cudaDevAttrL2CacheSize, &machine->l2_bytes);
  int minor = 0;
  attribute(cudaDevAttrComputeCapabilityMinor, &minor);
  machine->wgmma = use_wgmma(products, machine->capability, minor);
  return error;
}

// -------------------------------------------------------------------------------------------------
// A block's tile: kRows x kColumns (packed rows of B), kDepth deep at a time, by warps that stand
// kWarpsDown x kWarpsAcross. kStages of shared memory are filled ahead. By wgmma, a warp has 16
// rows and all columns.
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
  // So many are being filled: not the one in use, nor the one before it that wgmma may still read.
  static constexpr int kAhead = kWgmma ? kStages - 2 : kStages - 1;

  static constexpr int kChunk = 16 / sizeof(T);  // numbers in what is copied at once
  static constexpr int kChunks = kDepth / kChunk;
  // Floats: rows are set apart by one chunk; halves: chunks are exchanged (at() below). Either way
  // eight neighbouring rows' chunks lie in different banks.
  static constexpr int kPitch = kHalf ? kDepth : kDepth + kChunk;
  static constexpr int kStage = (kRows + kColumns) * kPitch;  // numbers in a stage
  static constexpr int kCopyRows = kThreads / kChunks;        // rows that one round of copies fills
  static constexpr int kRowRounds = kRows / kCopyRows;
  static constexpr int kColumnRounds = kColumns / kCopyRows;

  // Where a warp's, and within it a thread's, part of the tile is.
  static constexpr int kWarpRows = kRows / kWarpsDown;
  static constexpr int kWarpColumns = kColumns / kWarpsAcross;
  // Columns over which a thread's neighbours are spread.
  static constexpr int kSpan = kHalf && kWarpColumns > 64 ? 64 : kWarpColumns;
  static constexpr int kCount = kSpan / (kHalf ? 4 : 8);  // neighbours the epilogue gets
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
  // column, v) for the tile's cells: v[i] is the sum of products of row `row` and packed row column
  // + i, i < kCount. Cells past `rows` and `columns` are left out.
  using Accumulators =
      std::conditional_t<kWgmma, WgmmaAccumulators,
                         std::conditional_t<kHalf, HalfAccumulators, FloatAccumulators>>;

  // Tiles one behind the other: begin starts a tile's first copies, multiply does the rest. Between
  // multiply and its sums' give the next tile may begin. All threads of the block call.
  //   shared                  shared_bytes()
  //   rows, columns           of the problem; columns counts packed rows, a multiple of 16
  //   first_row, first_column where the tile begins
  template <int kOperands>
  struct Pipeline {
    T* stages;
    Operand<T> operands[kOperands];
    int rows, columns, first_row, first_column;
    int blocks;
    int ends[kOperands];  // the block of kDepth behind each operand's last
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
        blocks += (operands[o].depth + kDepth - 1) / kDepth;
        ends[o] = blocks;
      }
      source.begin(operands[0], rows, columns, first_row, first_column);
      __syncthreads();  // the last tile's reads are over
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
        // Everybody's part of this block is there; the block before it, or for wgmma the one before
        // that, is used up.
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
      copies.commit();  // an empty group where there is no block, so that counting stays simple
    }
  };

  // One tile, whole.
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

  // Where chunk `chunk` of a row lies in a stage.
  __device__ static int at(int row, int chunk) {
    return row * kPitch + (kHalf ? chunk ^ (row * kChunks / 8 % kChunks) : chunk) * kChunk;
  }

  // The packed row, within a tile, that slot `slot` of shared memory holds. Halves: slot 8 i + 2 q
  // + b of a span is column 2 q + b of its m16n8 tile i, which thread q of a row has beside its
  // columns of the other tiles. Floats: slot 16 j + q is the j-th of thread q's four.
  __device__ static constexpr int packed_row(int slot) {
    const int span = slot / kSpan * kSpan;
    const int s = slot % kSpan;
    return span +
           (kHalf ? s % 8 / 2 * kCount + s / 8 * 2 + s % 2 : s % (kSpan / 4) * 4 + s / (kSpan / 4));
  }

  // Reads an operand, kDepth of its depth at a time.
  struct Source {
    const T* a_row[kRowRounds];  // NULL past the last row
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
      k = static_cast<int>(threadIdx.x) % kChunks * kChunk;
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

  // A thread's sums.
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

    // Returns while it goes on, once the block before is done with.
    __device__ void add(const T* stage, int wanted) {
      if (wanted + warp_row() % 64 > 0) {  // the warpgroup's first row is wanted
        const uint64_t a =
            matrix_descriptor<kDepth * sizeof(T)>(stage + warp_row() / 64 * 64 * kPitch);
        const uint64_t b = matrix_descriptor<kDepth * sizeof(T)>(stage + kRows * kPitch);
        sums.begin();
#pragma unroll
        for (int k = 0; k < kDepth / 16; k++) {
          sums.add(a + 2 * k, b + 2 * k);  // 16 halves further in the row: two of 16 bytes
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

  // A warp's threads stand 4 x 8; a thread has every fourth row and four neighbouring columns.
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
