// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Helpers of the CUDA benchmarks: memory, timing, and the two measured limits of the GPU
// (ceilings).

#ifndef ELMO4J_CUDA_YARDSTICKS_H_
#define ELMO4J_CUDA_YARDSTICKS_H_

#include <benchmark/benchmark.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <library_types.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "elmo4j/kernels.h"

namespace elmo4j {
namespace bench {

inline double copy_ceiling = 0;     // bytes read and written per second
inline double product_ceiling = 0;  // FLOP/s; 0 without cuBLAS

inline void check(int error, const char* what) {
  if (error != cudaSuccess) {
    std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(static_cast<cudaError_t>(error)));
    std::exit(1);
  }
}

inline int64_t bytes_of(int type) { return type == ELMO4J_F16 ? 2 : 4; }

class DeviceMemory {
 public:
  explicit DeviceMemory(int64_t bytes) { check(cudaMalloc(&memory_, bytes), "cudaMalloc"); }
  DeviceMemory(const void* host, int64_t bytes) : DeviceMemory(bytes) {
    check(cudaMemcpy(memory_, host, bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  DeviceMemory(DeviceMemory&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory() { cudaFree(memory_); }

  template <typename T = void>
  T* get() const {
    return static_cast<T*>(memory_);
  }

 private:
  void* memory_ = nullptr;
};

constexpr int64_t kPiece = 1 << 20;

// Returns kPiece random numbers of `type` between -scale and scale. They are kept, because
// benchmarks ask for them hundreds of times, and making them takes longer than the measurements.
inline const std::vector<char>& piece_of(int type, float scale) {
  static std::map<std::pair<int, float>, std::vector<char>> pieces;
  std::vector<char>& bytes = pieces[{type, scale}];
  if (bytes.empty()) {
    static std::mt19937 engine(20180610);
    std::uniform_real_distribution<float> uniform(-scale, scale);
    const int64_t size = bytes_of(type);
    bytes.resize(kPiece * size);
    for (int64_t i = 0; i < kPiece; i++) {
      const float value = uniform(engine);
      const __half half = __float2half_rn(value);
      std::memcpy(&bytes[i * size], type == ELMO4J_F16 ? static_cast<const void*>(&half) : &value,
                  size);
    }
  }
  return bytes;
}

// Random numbers of `type` between -scale and scale. Only kPiece are different; they are repeated.
inline DeviceMemory numbers(int type, int64_t count, float scale = 1) {
  const std::vector<char>& piece = piece_of(type, scale);
  const int64_t bytes = count * bytes_of(type);
  DeviceMemory memory(bytes);
  for (int64_t done = 0; done < bytes;) {
    // After the first piece, the device copies what it already has.
    const int64_t next = std::min<int64_t>(bytes - done, done == 0 ? piece.size() : done);
    check(cudaMemcpy(memory.get<char>() + done, done == 0 ? piece.data() : memory.get<char>(), next,
                     done == 0 ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToDevice),
          "cudaMemcpy");
    done += next;
  }
  return memory;
}

inline DeviceMemory integers(const std::vector<int32_t>& values) {
  return DeviceMemory(values.data(), static_cast<int64_t>(values.size() * sizeof(int32_t)));
}

class Timer {
 public:
  Timer() {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
    check(cudaEventCreate(&before_), "cudaEventCreate");
    check(cudaEventCreate(&after_), "cudaEventCreate");
  }
  ~Timer() {
    cudaEventDestroy(before_);
    cudaEventDestroy(after_);
    cudaStreamDestroy(stream_);
  }
  cudaStream_t stream() const { return stream_; }

  // Returns the GPU time of one call of `launch` in seconds.
  double seconds(const std::function<int()>& launch) {
    check(cudaEventRecord(before_, stream_), "cudaEventRecord");
    check(launch(), "launch");
    check(cudaEventRecord(after_, stream_), "cudaEventRecord");
    check(cudaEventSynchronize(after_), "kernel");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, before_, after_), "cudaEventElapsedTime");
    return milliseconds * 1e-3;
  }

  // Returns the shortest time of ten calls, after three to warm up.
  double best(const std::function<int()>& launch) {
    double least = 1e9;
    for (int i = 0; i < 13; i++) {
      const double now = seconds(launch);
      least = i < 3 ? least : std::min(least, now);
    }
    return least;
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t before_, after_;
};

// Runs a benchmark. `bytes` and `flop` are what one launch must move and compute at least; 0 is not
// reported.
inline void measure(benchmark::State& state, Timer& timer, double bytes, double flop,
                    const std::function<int()>& launch) {
  timer.seconds(launch);
  for (auto _ : state) {
    state.SetIterationTime(timer.seconds(launch));
  }
  const auto rate = [&](const char* name, double each) {
    if (each > 0) {
      state.counters[name] = benchmark::Counter(each * static_cast<double>(state.iterations()),
                                                benchmark::Counter::kIsRate);
    }
  };
  rate("bytes/s", bytes);
  rate("of_copy", bytes / copy_ceiling);
  rate("FLOP/s", flop);
  rate("of_product", product_ceiling > 0 ? flop / product_ceiling : 0);
}

inline void measure_copy() {
  constexpr int64_t kBytes = int64_t{1} << 30;
  const DeviceMemory from = numbers(ELMO4J_F32, kBytes / 4), to(kBytes);
  Timer timer;
  copy_ceiling = 2.0 * kBytes / timer.best([&] {
    return cudaMemcpyAsync(to.get(), from.get(), kBytes, cudaMemcpyDeviceToDevice, timer.stream());
  });
}

// cuBLAS is loaded at run time, since the toolkit that compiles this may lack its headers.
inline void measure_product() {
  void* cublas = nullptr;
  for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so"}) {
    cublas = cublas ? cublas : dlopen(name, RTLD_NOW);
  }
  if (!cublas) {
    std::fprintf(stderr, "no cuBLAS, so no ceiling for products: %s\n", dlerror());
    return;
  }
  using Create = int (*)(void**);
  using SetStream = int (*)(void*, cudaStream_t);
  using Product =
      int (*)(void*, int, int, int, int, int, const void*, const void*, cudaDataType, int,
              const void*, cudaDataType, int, const void*, void*, cudaDataType, int, int, int);
  const auto create = reinterpret_cast<Create>(dlsym(cublas, "cublasCreate_v2"));
  const auto set_stream = reinterpret_cast<SetStream>(dlsym(cublas, "cublasSetStream_v2"));
  const auto product = reinterpret_cast<Product>(dlsym(cublas, "cublasGemmEx"));
  void* handle = nullptr;
  Timer timer;
  if (!create || !set_stream || !product || create(&handle) != 0 ||
      set_stream(handle, timer.stream()) != 0) {
    std::fprintf(stderr, "cuBLAS does not start, so no ceiling for products\n");
    return;
  }
  constexpr int kSize = 8192, kCompute32f = 68, kDefault = -1;
  const DeviceMemory a = numbers(ELMO4J_F16, int64_t{kSize} * kSize),
                     b = numbers(ELMO4J_F16, int64_t{kSize} * kSize),
                     c = numbers(ELMO4J_F16, int64_t{kSize} * kSize);
  const float one = 1, zero = 0;
  int status = 0;
  const double seconds = timer.best([&] {
    status |= product(handle, 0, 0, kSize, kSize, kSize, &one, a.get(), CUDA_R_16F, kSize, b.get(),
                      CUDA_R_16F, kSize, &zero, c.get(), CUDA_R_16F, kSize, kCompute32f, kDefault);
    return cudaSuccess;
  });
  if (status != 0) {
    std::fprintf(stderr, "cublasGemmEx: status %d, so no ceiling for products\n", status);
    return;
  }
  product_ceiling = 2.0 * kSize * kSize * kSize / seconds;
}

}  // namespace bench
}  // namespace elmo4j

#endif  // ELMO4J_CUDA_YARDSTICKS_H_
