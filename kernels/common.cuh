// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Shared by all kernels: launches, shared memory, waiting, and both types of numbers. So that the
// emulator (tests/native/emulator) can run kernels on the host, they use only these functions and
// plain CUDA names: no <<<>>> and no static __shared__. PTX is in small functions that have a twin
// for the host.

#ifndef ELMO4J_KERNELS_COMMON_CUH_
#define ELMO4J_KERNELS_COMMON_CUH_

#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdint.h>

#include <cmath>
#include <tuple>
#include <utility>

#include "elmo4j/kernels.h"

#ifdef ELMO4J_EMULATED
#include "emulator.h"
#endif

namespace elmo4j {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// ---------------------------------------------------------------------------------------------
// Launches. Each returns a cudaError_t. `kernel` is a __global__ function; the arguments are
// converted to the types of its parameters.

namespace detail {

// Lets a kernel take as much shared memory as a block of the current device may have. It is the
// same value for every call, since other threads may launch the kernel with other sizes meanwhile.
inline cudaError_t allow_shared(const void* kernel) {
  int device = 0, limit = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&limit, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  }
  return error == cudaSuccess
             ? cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, limit)
             : error;
}

template <typename... Parameters, size_t... I>
int launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
           cudaStream_t stream, bool cooperative, std::tuple<Parameters...>& values,
           std::index_sequence<I...>) {
#ifdef ELMO4J_EMULATED
  const std::vector<emulator::Argument> arguments = {{&std::get<I>(values), sizeof(Parameters)}...};
  return emulator::launch([=] { std::apply(kernel, values); }, arguments, grid, block, shared_bytes,
                          cooperative, stream);
#else
  const void* function = reinterpret_cast<const void*>(kernel);
  if (shared_bytes > 48 << 10) {
    const cudaError_t error = allow_shared(function);
    if (error != cudaSuccess) {
      return error;
    }
  }
  void* arguments[] = {&std::get<I>(values)..., nullptr};
  return cooperative
             ? cudaLaunchCooperativeKernel(function, grid, block, arguments, shared_bytes, stream)
             : cudaLaunchKernel(function, grid, block, arguments, shared_bytes, stream);
#endif
}

template <typename... Parameters, typename... Arguments>
int launch(bool cooperative, void (*kernel)(Parameters...), dim3 grid, dim3 block,
           size_t shared_bytes, cudaStream_t stream, Arguments&&... arguments) {
  std::tuple<Parameters...> values(std::forward<Arguments>(arguments)...);
  return launch(kernel, grid, block, shared_bytes, stream, cooperative, values,
                std::index_sequence_for<Parameters...>());
}

}  // namespace detail

template <typename... Parameters, typename... Arguments>
int launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
           cudaStream_t stream, Arguments&&... arguments) {
  return detail::launch(false, kernel, grid, block, shared_bytes, stream,
                        std::forward<Arguments>(arguments)...);
}

// The same for a kernel whose blocks wait for each other. It fails if the device cannot hold all of
// them at once; resident_blocks returns how many it holds.
template <typename... Parameters, typename... Arguments>
int launch_cooperative(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
                       cudaStream_t stream, Arguments&&... arguments) {
  return detail::launch(true, kernel, grid, block, shared_bytes, stream,
                        std::forward<Arguments>(arguments)...);
}

// Returns how many blocks of a kernel the current device holds at once; 0 if it cannot hold one.
template <typename... Parameters>
int resident_blocks(void (*kernel)(Parameters...), int threads, size_t shared_bytes, int* blocks) {
  const void* function = reinterpret_cast<const void*>(kernel);
  int device = 0, multiprocessors = 0, limit = 0, each = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  }
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&limit, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  }
  *blocks = 0;
  if (error != cudaSuccess || shared_bytes > static_cast<size_t>(limit)) {
    return error;
  }
  if (shared_bytes > 48 << 10) {
    error = detail::allow_shared(function);
  }
  if (error == cudaSuccess) {
    error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&each, function, threads, shared_bytes);
  }
  *blocks = each * multiprocessors;
  return error;
}

// Returns whether products of halves use wgmma: if the device has it, this library has code for it,
// and the caller does not request mma.sync (kernels.h).
inline bool use_wgmma(int products, int major, int minor) {
#if defined(ELMO4J_EMULATED) || defined(ELMO4J_WITH_WGMMA)
  constexpr bool kBuilt = true;
#else
  constexpr bool kBuilt = false;
#endif
  return kBuilt && products != ELMO4J_MMA && major == 9 && minor == 0;
}

// The device of the launches.
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

// ---------------------------------------------------------------------------------------------
// Inside a kernel.

#ifdef ELMO4J_EMULATED
// The block's dynamic shared memory, on a 1024-byte boundary.
inline char* shared_memory() { return emulator::shared_memory(); }

// A loop that waits for memory to change calls this each time.
inline void spin_wait() { emulator::spin(); }

// Writes before a release are visible after an acquire that reads the released value.
inline unsigned load_acquire(const unsigned* address) {
  const unsigned value = __atomic_load_n(address, __ATOMIC_ACQUIRE);
  emulator::acquired(address);
  return value;
}
inline void add_release(unsigned* address, unsigned value) {
  emulator::releasing(address);
  __atomic_fetch_add(address, value, __ATOMIC_RELEASE);
}
#else
extern __shared__ __align__(1024) char dynamic_shared_memory[];
__device__ inline char* shared_memory() { return dynamic_shared_memory; }

__device__ inline void spin_wait() {}

__device__ inline unsigned load_acquire(const unsigned* address) {
  unsigned value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
  return value;
}
__device__ inline void add_release(unsigned* address, unsigned value) {
  asm volatile("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
}
#endif

template <typename T>
__device__ inline T* shared_memory_as() {
  return reinterpret_cast<T*>(shared_memory());
}

// A barrier for the `blocks` blocks that share `arrived`, in a cooperative launch. `arrived` is
// zero before the first call, and k is the number of the call, from 1. All threads of all these
// blocks must call it. No thread continues before all have called. Writes of any thread before the
// barrier are visible to all threads after it.
__device__ inline void grid_barrier(unsigned* arrived, unsigned blocks, unsigned k) {
  __syncthreads();
  if (threadIdx.x == 0 && threadIdx.y == 0 && threadIdx.z == 0) {
    add_release(arrived, 1);
    while (static_cast<int>(load_acquire(arrived) - blocks * k) < 0) {
      spin_wait();
    }
  }
  __syncthreads();
}

// ---------------------------------------------------------------------------------------------
// Numbers of either type, elmo4j_type F32 and F16.

__host__ __device__ inline float to_float(float x) { return x; }
__host__ __device__ inline float to_float(__half x) { return __half2float(x); }

// Rounds to the nearest number; to infinity beyond the range of a half.
template <typename T>
__host__ __device__ inline T from_float(float x);
template <>
__host__ __device__ inline float from_float<float>(float x) {
  return x;
}
template <>
__host__ __device__ inline __half from_float<__half>(float x) {
  return __float2half_rn(x);
}

// Calls function(T()), where T is float or __half, depending on `type`.
template <typename Function>
int for_type(int type, const Function& function) {
  return type == ELMO4J_F16 ? function(__half()) : function(float());
}

// 1 / (1 + e^-x) and tanh, with an error of at most 1e-6 and without overflow, in a few
// instructions.
__device__ inline float sigmoid(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }
__device__ inline float tanh_of(float x) {
  return 1.0f - __fdividef(2.0f, 1.0f + __expf(2.0f * x));
}

// The same with a relative error of 2^-11, in one instruction (compute capability 7.5 and newer).
__device__ inline float tanh_approximate(float x) {
#ifdef ELMO4J_EMULATED
  int exponent;
  const float mantissa = std::frexp(std::tanh(x), &exponent);
  return std::ldexp(std::nearbyint(mantissa * 2048.0f) / 2048.0f, exponent);
#else
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}
__device__ inline float sigmoid_approximate(float x) {
  return 0.5f * tanh_approximate(0.5f * x) + 0.5f;
}

// Returns min(max(x, -limit), limit), or x if the limit is 0. NaN stays NaN.
__device__ inline float clip(float x, float limit) {
  return limit > 0 ? (x > limit ? limit : x < -limit ? -limit : x) : x;
}

__device__ inline float warp_sum(float x) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    x += __shfl_xor_sync(kAllLanes, x, step);
  }
  return x;
}

}  // namespace elmo4j

#endif  // ELMO4J_KERNELS_COMMON_CUH_
