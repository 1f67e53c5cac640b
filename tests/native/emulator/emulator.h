// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs CUDA kernels on the host, to test them without a GPU. A C++ compiler compiles the sources of
// the kernels with the toolkit's headers. This header supplies what nvcc would (threadIdx,
// __syncthreads, shuffles, atomics...), emulator.cpp runs the threads, and runtime.cpp has the
// functions of the CUDA runtime that elmo4j calls.
//
// Modelled:
// - Each thread of a block is a fiber that runs until it waits, so a kernel always runs in the same
//   order. Successive launches run the threads alternately forwards and backwards, which reveals
//   many missing barriers. Blocks run one after the other, those of a cooperative launch together.
// - If a thread waits forever, the process ends with a message: for barriers in divergent branches,
//   lanes that are missing from a shuffle, and endless spinning.
// - Dynamic shared memory is allocated for each block and filled with 0xFF (NaN). Device memory is
//   filled with 0xFF too. AddressSanitizer detects accesses out of bounds.
// - Copies to shared memory and wgmma are executed when the kernel waits for them. wgmma fails if
//   no fence made its operands visible.
// - Streams execute at once; graphs record and replay. Several host threads may launch kernels;
//   they take turns.
//
// Not modelled: time, weak memory ordering, bank conflicts, and the alignment of vector accesses
// except where UBSan detects it.
//
// With ThreadSanitizer (preset `tsan`) every CUDA thread counts as a thread. Only barriers, warp
// operations and acquire-release pairs synchronise them, so it reports a kernel's races in shared
// and device memory, whatever the order in which the threads ran. Newer systems need `setarch -R`,
// so that ThreadSanitizer gets the addresses that it needs.

#ifndef ELMO4J_TESTS_NATIVE_EMULATOR_EMULATOR_H_
#define ELMO4J_TESTS_NATIVE_EMULATOR_EMULATOR_H_

#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <device_launch_parameters.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#define __launch_bounds__(...)

namespace elmo4j {
namespace emulator {

// The position of a running thread.
struct Thread {
  uint3 index;  // in its block
  uint3 block;
  dim3 block_size;
  dim3 grid_size;
};

// The CUDA thread that runs on this host thread; null outside of kernels.
extern __thread Thread* running __attribute__((tls_model("initial-exec")));

#if defined(__x86_64__) && !defined(__FMA__)
const bool has_fma = __builtin_cpu_supports("fma");
#endif

// One of a kernel's arguments.
struct Argument {
  const void* at;
  size_t bytes;
};

// Runs `kernel`, which has these arguments, once for each thread. Returns a cudaError_t.
int launch(const std::function<void()>& kernel, const std::vector<Argument>& arguments, dim3 grid,
           dim3 block, size_t shared_bytes, bool cooperative, cudaStream_t stream);

// The block's dynamic shared memory.
char* shared_memory();

// Waits until `threads` threads of the block, a multiple of 32, have reached barrier `id`; for 0,
// until all threads that have not ended have reached it.
void barrier(int id, int threads, const char* file, int line);

// Waits for all lanes of `mask`. The last one runs `operation` for all of them: lanes[i] is the
// `data` of lane i, or null if the lane is not in the mask.
using Operation = void (*)(void* const* lanes);
void together(unsigned mask, Operation operation, void* data, const char* file, int line);

// The same for all 128 threads of a warpgroup: threads[i] is the `data` of thread i.
void warpgroup_together(Operation operation, void* data, const char* file, int line);

// A flag for 16 bytes of the block's shared memory: whether a copy to them was started that no
// fence has made visible to the asynchronous proxy, through which wgmma reads.
char& unshown(const void* shared);

// fail() ends the process with a message that says why, and where each thread is.
// require_capability() does so if the device has a lower compute capability.
[[noreturn]] void fail(const char* why);
void require_capability(int major, int minor);

// Lets other threads run. To be called in loops that wait for memory to change.
void spin();

// Tell ThreadSanitizer about synchronisation other than by barriers.
void acquired(const void* address);
void releasing(const void* address);

// Does the same as together() with typed lanes: operation(Lane* const* lanes).
template <typename Lane, void (*kOperation)(Lane* const*)>
void warp_together(unsigned mask, Lane* lane, const char* file, int line) {
  together(
      mask, [](void* const* lanes) { kOperation(reinterpret_cast<Lane* const*>(lanes)); }, lane,
      file, line);
}

template <typename T>
struct Shuffle {
  T value;
  int source;
  T result;
};

template <typename T>
void run_shuffle(Shuffle<T>* const* lanes) {
  for (int i = 0; i < 32; i++) {
    if (lanes[i]) {
      Shuffle<T>* source = lanes[lanes[i]->source & 31];
      if (source) {
        lanes[i]->result = source->value;
      } else {  // undefined on a device
        std::memset(static_cast<void*>(&lanes[i]->result), 0xFF, sizeof(T));
      }
    }
  }
}

template <typename T>
T shuffle(unsigned mask, T value, int source, const char* file, int line) {
  Shuffle<T> lane{value, source, value};
  warp_together<Shuffle<T>, run_shuffle<T>>(mask, &lane, file, line);
  return lane.result;
}

struct Ballot {
  bool predicate;
  unsigned result;
};

inline void run_ballot(Ballot* const* lanes) {
  unsigned bits = 0;
  for (int i = 0; i < 32; i++) {
    bits |= lanes[i] && lanes[i]->predicate ? 1u << i : 0;
  }
  for (int i = 0; i < 32; i++) {
    if (lanes[i]) {
      lanes[i]->result = bits;
    }
  }
}

inline void run_nothing(void* const*) {}

// Up to kMost items. In place of std::vector where the threads of a kernel would spend their time
// on allocations.
template <class T, int kMost>
class ShortList {
 public:
  void push_back(const T& item) {
    if (size_ == kMost) {
      fail("more than a ShortList of the emulator holds");
    }
    items_[size_++] = item;
  }
  void drop_front(size_t count) {
    std::copy(items_ + count, items_ + size_, items_);
    size_ -= static_cast<int>(count);
  }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return items_[i]; }
  const T& operator[](size_t i) const { return items_[i]; }
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + size_; }

 private:
  T items_[kMost];
  int size_ = 0;
};

inline int lane_of_running() {
  const Thread& t = *running;
  return (t.index.x + t.block_size.x * (t.index.y + t.block_size.y * t.index.z)) % 32;
}

}  // namespace emulator
}  // namespace elmo4j

#define threadIdx (::elmo4j::emulator::running->index)
#define blockIdx (::elmo4j::emulator::running->block)
#define blockDim (::elmo4j::emulator::running->block_size)
#define gridDim (::elmo4j::emulator::running->grid_size)

#define ELMO4J_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(ELMO4J_HERE) { elmo4j::emulator::barrier(0, 0, file, line); }

inline void __syncwarp(unsigned mask = 0xffffffffu, ELMO4J_HERE) {
  elmo4j::emulator::together(mask, elmo4j::emulator::run_nothing, nullptr, file, line);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, ELMO4J_HERE) {
  elmo4j::emulator::Ballot lane{predicate != 0, 0};
  elmo4j::emulator::warp_together<elmo4j::emulator::Ballot, elmo4j::emulator::run_ballot>(
      mask, &lane, file, line);
  return lane.result;
}

template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, ELMO4J_HERE) {
  const int lane = elmo4j::emulator::lane_of_running();
  return elmo4j::emulator::shuffle(mask, value, (lane & -width) + (source & (width - 1)), file,
                                   line);
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, ELMO4J_HERE) {
  const int lane = elmo4j::emulator::lane_of_running();
  const int source = lane ^ bits;
  return elmo4j::emulator::shuffle(mask, value, source < (lane & -width) + width ? source : lane,
                                   file, line);
}

template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, ELMO4J_HERE) {
  const int lane = elmo4j::emulator::lane_of_running();
  const int source = lane + static_cast<int>(by);
  return elmo4j::emulator::shuffle(mask, value, source < (lane & -width) + width ? source : lane,
                                   file, line);
}

template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, ELMO4J_HERE) {
  const int lane = elmo4j::emulator::lane_of_running();
  const int source = lane - static_cast<int>(by);
  return elmo4j::emulator::shuffle(mask, value, source >= (lane & -width) ? source : lane, file,
                                   line);
}

inline void __trap() { elmo4j::emulator::fail("a trap"); }

template <typename T>
T __ldg(const T* address) {
  return *address;
}
template <typename T>
T __ldcg(const T* address) {
  return *address;
}

// Atomics are relaxed, like on a device.
template <typename T, typename Change>
T elmo4j_emulated_atomic(T* address, Change change) {
  T old, wanted;
  __atomic_load(address, &old, __ATOMIC_RELAXED);
  do {
    wanted = change(old);
  } while (!__atomic_compare_exchange(address, &old, &wanted, false, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED));
  return old;
}
template <typename T>
T atomicAdd(T* address, T value) {
  return elmo4j_emulated_atomic(address, [&](T old) { return static_cast<T>(old + value); });
}
template <typename T>
T atomicExch(T* address, T value) {
  return elmo4j_emulated_atomic(address, [&](T) { return value; });
}
template <typename T>
T atomicMax(T* address, T value) {
  return elmo4j_emulated_atomic(address, [&](T old) { return old > value ? old : value; });
}

#if defined(__x86_64__) && !defined(__FMA__)
// The same as fmaf, which would be a call here: most of a product's time. A processor without the
// instruction rounds the sum to a double first.
inline float elmo4j_emulated_fma(float x, float y, float z) {
  if (__builtin_expect(elmo4j::emulator::has_fma, 1)) {
    asm("vfmadd231ss %2, %1, %0" : "+x"(z) : "x"(x), "x"(y));
    return z;
  }
  return static_cast<float>(static_cast<double>(x) * y + z);
}
#define fmaf elmo4j_emulated_fma
#endif
inline float __expf(float x) { return std::exp(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }

template <typename T>
T min(T x, T y) {
  return y < x ? y : x;
}
template <typename T>
T max(T x, T y) {
  return x < y ? y : x;
}

#endif  // ELMO4J_TESTS_NATIVE_EMULATOR_EMULATOR_H_
