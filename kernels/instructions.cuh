// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The building blocks of a product's tile: accesses to a few neighbouring numbers, cp.async,
// ldmatrix and mma.sync. Next to each PTX instruction is its twin for the emulator.

#ifndef ELMO4J_KERNELS_INSTRUCTIONS_CUH_
#define ELMO4J_KERNELS_INSTRUCTIONS_CUH_

#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "common.cuh"

namespace elmo4j {

// Reads from L2 a value that another block of this launch may have written. It takes plain bits,
// because the toolkit's __ldcg of a __half is not a volatile read, so that the compiler may move it
// across a barrier.
template <class Bits>
__device__ inline Bits load_past_l1(const Bits* from) {
  return __ldcg(from);
}

// An unsigned type of kBytes bytes.
template <int kBytes>
using BitsOf = std::conditional_t<
    kBytes == 16, uint4,
    std::conditional_t<kBytes == 8, uint2,
                       std::conditional_t<kBytes == 4, unsigned, unsigned short>>>;

// Reads N neighbouring numbers of a row with `load`, in one access if the address is aligned. Only
// the first `there` of them exist; the others become zero and are not read.
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

// The same for numbers that another block may have written.
template <int N, class T>
__device__ inline void load_row(float (&v)[N], const T* from, int there) {
  load_row(v, from, there, [](auto* bits) { return load_past_l1(bits); });
}

// The same for numbers that are not written during the launch, which may stay in L1.
template <int N, class T>
__device__ inline void load_constant_row(float (&v)[N], const T* from, int there) {
  load_row(v, from, there, [](auto* bits) { return __ldg(bits); });
}

// Stores the first `there` of N neighbouring numbers.
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

// cp.async: copies 16 bytes from global to shared memory, bypassing L1, in groups that complete in
// order. Only the first `bytes` are read; the rest becomes zero. Turing has no cp.async and copies
// immediately.
class AsyncCopies {
 public:
  __device__ void copy16(void* to, const void* from, int bytes) {
#ifdef ELMO4J_EMULATED
    // The emulator copies the bytes in wait(), as late as the instruction allows, and overwrites
    // the destination now.
    std::memset(to, 0xff, 16);
    emulator::unshown(to) = 1;
    copies_.push_back({to, from, bytes});
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

  // Tells the emulator that the thread itself stores 16 bytes. Does nothing on a device.
  __device__ void stores16([[maybe_unused]] void* to) {
#ifdef ELMO4J_EMULATED
    emulator::unshown(to) = 1;
    copies_.push_back({to, nullptr, -1});
#endif
  }

  __device__ void commit() {
#ifdef ELMO4J_EMULATED
    groups_.push_back(copies_.size());
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
  }

  // Waits until all groups of this thread except the last kPending have arrived. Other threads see
  // them after a barrier.
  template <int kPending>
  __device__ void wait() {
#ifdef ELMO4J_EMULATED
    // What arrived before and was not shown is forgotten, since only wgmma needs to be shown it.
    copies_.drop_front(arrived_);
    for (size_t& end : groups_) {
      end -= arrived_;
    }
    arrived_ = 0;
    if (groups_.size() > kPending) {
      const size_t groups = groups_.size() - kPending;
      for (arrived_ = 0; arrived_ < groups_[groups - 1]; arrived_++) {
        const Copy& copy = copies_[arrived_];
        if (copy.bytes == 16) {
          std::memcpy(copy.to, copy.from, 16);
        } else if (copy.bytes >= 0) {
          std::memset(copy.to, 0, 16);
          std::memcpy(copy.to, copy.from, copy.bytes);
        }
      }
      groups_.drop_front(groups);
    }
#elif __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
  }

  // Makes this thread's stores to shared memory, and its copies that have arrived, visible to
  // wgmma. Each thread calls it for its own data, before a barrier.
  __device__ void show() {
#ifdef ELMO4J_EMULATED
    for (size_t i = 0; i < arrived_; i++) {
      emulator::unshown(copies_[i].to) = 0;
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
    int bytes;  // -1 if the thread stored them itself
  };
  emulator::ShortList<Copy, 64> copies_;   // the first arrived_ have arrived
  emulator::ShortList<size_t, 8> groups_;  // the end in copies_ of each running group
  size_t arrived_ = 0;
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

// Reads four 8 x 8 matrices of halves. Lane 8 m + i passes the address of row i of matrix m. From
// each matrix, lane l gets the halves of row l / 4 in columns 2 (l % 4) and 2 (l % 4) + 1.
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

}  // namespace elmo4j

#endif  // ELMO4J_KERNELS_INSTRUCTIONS_CUH_
