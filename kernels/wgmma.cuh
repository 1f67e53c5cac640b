// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// wgmma: a warpgroup, which is 128 threads from a multiple of 128 on, multiplies matrices of halves
// in shared memory while its threads do something else. Only code for sm_90a has it.

#ifndef ELMO4J_KERNELS_WGMMA_CUH_
#define ELMO4J_KERNELS_WGMMA_CUH_

#include <cuda_fp16.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "common.cuh"

namespace elmo4j {

#if defined(ELMO4J_EMULATED) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
constexpr bool kHasWgmma = true;
#else
constexpr bool kHasWgmma = false;
#endif

// Returns wgmma's descriptor of a matrix. The matrix is row-major, with kPitch bytes (64 or 128) of
// depth in each row. The swizzle exchanges the 16-byte chunks of each row: chunk c of row r is at
// place c ^ r % 8 of the row, or at c ^ r / 2 % 4 if kPitch is 64. The first row begins at a
// multiple of 8 * kPitch bytes. `first` is that address, or the address that a later chunk of the
// first row would have without the swizzle.
//   bits 0 to 13    address / 16
//   bits 16 to 29   bytes / 16 to further depth; not read if a row is as wide as the swizzle
//   bits 32 to 45   bytes / 16 from 8 rows to the next 8
//   bits 49 to 51   the position of the first row in the swizzle pattern: 0, since it is aligned
//   bits 62 and 63  swizzle: 1 of 128 bytes, 2 of 64, 3 of 32
template <int kPitch>
__device__ inline uint64_t matrix_descriptor(const void* first) {
  static_assert(kPitch == 64 || kPitch == 128, "");
#ifdef ELMO4J_EMULATED
  const uint64_t address = static_cast<const char*>(first) - shared_memory();
#else
  const uint64_t address = __cvta_generic_to_shared(first);
#endif
  return (address & 0x3ffff) >> 4 | uint64_t{1} << 16 | uint64_t{8 * kPitch / 16} << 32 |
         uint64_t{kPitch == 128 ? 1 : 2} << 62;
}

#ifdef ELMO4J_EMULATED
namespace emulator {

// Reads the rows of 16 numbers that a descriptor describes. Ends the process if it is not valid.
template <int kRows>
void read_matrix(uint64_t descriptor, float (&numbers)[kRows][16]) {
  const int64_t width = 256 >> (descriptor >> 62);  // of the swizzle, in bytes
  const int64_t start = descriptor % (1 << 14) * 16;
  const int64_t stride = (descriptor >> 32) % (1 << 14) * 16;
  if (width == 256 || (descriptor & 0x3fffc000c000c000) != 0 || stride == 0 ||
      stride % (8 * width) != 0 || start % (8 * width) > width - 32) {
    fail("a matrix descriptor of wgmma that is wrong, or not modelled");
  }
  for (int row = 0; row < kRows; row++) {
    for (int half = 0; half < 2; half++) {
      int64_t at = start + row / 8 * stride + row % 8 * width + 16 * half;
      at ^= (at >> 7) % (width / 16) << 4;
      const char* from = shared_memory() + at;
      if (unshown(from)) {
        fail("wgmma reads what is being copied, or was not shown to it");
      }
      __half halves[8];
      std::memcpy(static_cast<void*>(halves), from, 16);
      for (int i = 0; i < 8; i++) {
        numbers[row][8 * half + i] = __half2float(halves[i]);
      }
    }
  }
}

// The running products of a warpgroup, as one of its threads knows them.
struct Wgmmas {
  struct Matrices {
    uint64_t a, b;
  };
  ShortList<Matrices, 32> queue;
  ShortList<size_t, 8> groups;  // the end in the queue of each running group
  float* sums;                  // of the thread
};

// Computes the first `count` of them for all 128 threads. AsyncSums describes the layout of the
// sums [64, kColumns].
template <int kColumns>
void run_wgmmas(const Wgmmas* const* threads, size_t count) {
  for (int i = 1; i < 128; i++) {
    const auto same = [](const Wgmmas::Matrices& x, const Wgmmas::Matrices& y) {
      return x.a == y.a && x.b == y.b;
    };
    const Wgmmas& one = *threads[i];
    const Wgmmas& other = *threads[0];
    if (!std::equal(one.groups.begin(), one.groups.end(), other.groups.begin(),
                    other.groups.end()) ||
        !std::equal(one.queue.begin(), one.queue.end(), other.queue.begin(), other.queue.end(),
                    same)) {
      fail("threads of a warpgroup multiply different matrices");
    }
  }
  for (size_t p = 0; p < count; p++) {
    float a[64][16], b[kColumns][16], turned[16][kColumns];
    read_matrix(threads[0]->queue[p].a, a);
    read_matrix(threads[0]->queue[p].b, b);
    for (int k = 0; k < 16; k++) {
      for (int column = 0; column < kColumns; column++) {
        turned[k][column] = b[column][k];
      }
    }
    for (int row = 0; row < 64; row++) {
      float sums[kColumns];
      const auto place = [&](int column) -> float& {
        const int thread = row / 16 * 32 + row % 8 * 4 + column % 8 / 2;
        return threads[thread]->sums[column / 8 * 4 + row % 16 / 8 * 2 + column % 2];
      };
      for (int column = 0; column < kColumns; column++) {
        sums[column] = place(column);
      }
      for (int k = 0; k < 16; k++) {
        for (int column = 0; column < kColumns; column++) {
          sums[column] += a[row][k] * turned[k][column];
        }
      }
      for (int column = 0; column < kColumns; column++) {
        place(column) = sums[column];
      }
    }
  }
}

}  // namespace emulator
#endif

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
// The operands %(10 t) to %(10 t + 9), and their registers.
#define TEN(t)                                                                                     \
  "%" #t "0, %" #t "1, %" #t "2, %" #t "3, %" #t "4, %" #t "5, %" #t "6, %" #t "7, %" #t "8, %" #t \
  "9, "
#define EIGHT(i)                                                                              \
  "+f"(v[i]), "+f"(v[i + 1]), "+f"(v[i + 2]), "+f"(v[i + 3]), "+f"(v[i + 4]), "+f"(v[i + 5]), \
      "+f"(v[i + 6]), "+f"(v[i + 7])
#define SIXTY_FOUR(i)                                                                 \
  EIGHT(i), EIGHT(i + 8), EIGHT(i + 16), EIGHT(i + 24), EIGHT(i + 32), EIGHT(i + 40), \
      EIGHT(i + 48), EIGHT(i + 56)

// v += a b. Nothing is negated; both matrices have rows along the depth.
__device__ inline void wgmma(float (&v)[64], uint64_t a, uint64_t b) {
  asm volatile(
      "{\n\t.reg .pred add;\n\tsetp.eq.u32 add, 0, 0;\n\t"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 "
      "{" TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) "%60, %61, %62, %63}, "
      "%64, %65, add, 1, 1, 0, 0;\n\t}"
      : SIXTY_FOUR(0)
      : "l"(a), "l"(b));
}
__device__ inline void wgmma(float (&v)[128], uint64_t a, uint64_t b) {
  asm volatile(
      "{\n\t.reg .pred add;\n\tsetp.eq.u32 add, 0, 0;\n\t"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 "
      "{" TEN() TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9) TEN(10) TEN(11)
      "%120, %121, %122, %123, %124, %125, %126, %127}, "
      "%128, %129, add, 1, 1, 0, 0;\n\t}"
      : SIXTY_FOUR(0), SIXTY_FOUR(64)
      : "l"(a), "l"(b));
}
#undef TEN
#undef EIGHT
#undef SIXTY_FOUR
#endif

// A thread's part of its warpgroup's sums [64, kColumns]. In lane 4 g + q of the warpgroup's warp
// w, v[4 j] and v[4 j + 1] are columns 8 j + 2 q and 8 j + 2 q + 1 of row 16 w + g, and v[4 j + 2]
// and v[4 j + 3] are the same columns of row 16 w + g + 8. All threads of the warpgroup must make
// the same calls.
template <int kColumns>
class AsyncSums {
 public:
  float v[kColumns / 2] = {};  // must not be accessed from add() to the end of wait<0>()

  // To be called before the first add() after v was accessed.
  __device__ void begin() {
#ifdef ELMO4J_EMULATED
    begun_ = true;
#elif defined(__CUDA_ARCH_FEAT_SM90_ALL)
    hold();
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
  }

  // v += a times b transposed. a and b are descriptors of matrices with 64 and kColumns rows of 16
  // halves.
  __device__ void add([[maybe_unused]] uint64_t a, [[maybe_unused]] uint64_t b) {
#ifdef ELMO4J_EMULATED
    // The emulator multiplies in wait(), as late as the instruction allows; until then v is NaN.
    if (!begun_) {
      emulator::fail("wgmma without a fence before it");
    }
    if (under_way_.queue.size() == 0) {
      std::memcpy(sums_, v, sizeof v);
      std::memset(v, 0xff, sizeof v);
    }
    under_way_.queue.push_back({a, b});
#elif defined(__CUDA_ARCH_FEAT_SM90_ALL)
    wgmma(v, a, b);
#endif
  }

  __device__ void commit() {
#ifdef ELMO4J_EMULATED
    under_way_.groups.push_back(under_way_.queue.size());
#elif defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
  }

  // Waits until all groups but the last kPending have read their matrices; for 0, v then holds the
  // sums.
  template <int kPending>
  __device__ void wait() {
#ifdef ELMO4J_EMULATED
    if (under_way_.queue.size() > 0) {
      emulator::require_capability(9, 0);
      emulator::warpgroup_together(run<kPending>, this, __FILE__, __LINE__);
    }
#elif defined(__CUDA_ARCH_FEAT_SM90_ALL)
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
    if constexpr (kPending == 0) {
      hold();
    }
#endif
  }

 private:
#ifdef ELMO4J_EMULATED
  // Does the same for the 128 threads of a warpgroup.
  template <int kPending>
  static void run(void* const* threads) {
    const emulator::Wgmmas* all[128];
    for (int i = 0; i < 128; i++) {
      AsyncSums* thread = static_cast<AsyncSums*>(threads[i]);
      thread->under_way_.sums = thread->sums_;
      all[i] = &thread->under_way_;
    }
    const auto& groups = all[0]->groups;
    const size_t done = groups.size() > kPending ? groups[groups.size() - 1 - kPending] : 0;
    emulator::run_wgmmas<kColumns>(all, done);
    for (int i = 0; i < 128; i++) {
      static_cast<AsyncSums*>(threads[i])->finish(done, kPending);
    }
  }

  void finish(size_t done, size_t pending) {
    for (float x : v) {
      uint32_t bits;
      std::memcpy(&bits, &x, sizeof bits);
      if (bits != 0xffffffff) {
        emulator::fail("sums of a wgmma that is under way were changed");
      }
    }
    auto& groups = under_way_.groups;
    groups.drop_front(groups.size() - std::min(pending, groups.size()));
    for (size_t& end : groups) {
      end -= done;
    }
    under_way_.queue.drop_front(done);
    if (under_way_.queue.size() == 0) {
      std::memcpy(v, sums_, sizeof v);
      begun_ = false;
    }
  }

  emulator::Wgmmas under_way_;
  float sums_[kColumns / 2];
  bool begun_ = false;
#elif defined(__CUDA_ARCH_FEAT_SM90_ALL)
  // Prevents the compiler from moving accesses to v across this point.
  __device__ void hold() {
#pragma unroll
    for (int i = 0; i < kColumns / 2; i++) {
      asm volatile("" : "+f"(v[i])::"memory");
    }
  }
#endif
};

}  // namespace elmo4j

#endif  // ELMO4J_KERNELS_WGMMA_CUH_
