// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <thread>
#include <vector>

#include "common.cuh"
#include "product.cuh"

namespace elmo4j {
namespace {

template <typename T>
struct DeviceArray {
  explicit DeviceArray(size_t count) : count(count) {
    cudaMalloc(reinterpret_cast<void**>(&memory), count * sizeof(T));
  }
  ~DeviceArray() { cudaFree(memory); }
  std::vector<T> get() const {
    std::vector<T> values(count);
    EXPECT_EQ(cudaSuccess,
              cudaMemcpy(values.data(), memory, count * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }
  void zero() { cudaMemset(memory, 0, count * sizeof(T)); }
  size_t count;
  T* memory = nullptr;
};

__global__ void reverse(int* values) {
  int* shared = shared_memory_as<int>();
  shared[threadIdx.x] = values[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  values[blockIdx.x * blockDim.x + threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

TEST(EmulatorTest, ABarrierOrdersABlock) {
  DeviceArray<int> values(3 * 80);
  std::vector<int> host(3 * 80);
  for (int i = 0; i < 240; i++) {
    host[i] = i;
  }
  cudaMemcpy(values.memory, host.data(), 240 * sizeof(int), cudaMemcpyHostToDevice);
  ASSERT_EQ(cudaSuccess, launch(reverse, 3, 80, 80 * sizeof(int), nullptr, values.memory));
  const std::vector<int> got = values.get();
  for (int i = 0; i < 240; i++) {
    EXPECT_EQ(i / 80 * 80 + 79 - i % 80, got[i]);
  }
}

struct Padded {
  struct {
    int number;  // followed by 4 bytes of padding
    int* pointer;
  } each[64];
};
__global__ void store_padded(Padded padded) { *padded.each[63].pointer = padded.each[63].number; }

__attribute__((noinline)) int launch_padded(bool cleared, int* value) {
  Padded padded;
  if (cleared) {
    std::memset(static_cast<void*>(&padded), 0, sizeof padded);
  }
  for (auto& each : padded.each) {
    each.number = 5;
    each.pointer = value;
  }
  return launch(store_padded, 1, 1, 0, nullptr, padded);
}

// A launch fails if nobody has written the padding in its arguments.
TEST(EmulatorTest, ALaunchIsGivenNothingOfTheStack) {
  DeviceArray<int> value(1);
  int device;
  ASSERT_EQ(cudaSuccess, cudaGetDevice(&device));
  EXPECT_EQ(cudaErrorInvalidValue, launch_padded(false, value.memory));
  EXPECT_EQ(cudaSuccess, launch_padded(true, value.memory));
  EXPECT_EQ(std::vector<int>{5}, value.get());
}

__global__ void lanes(float* sums, unsigned* ballots, int* shuffled) {
  sums[threadIdx.x] = warp_sum(static_cast<float>(threadIdx.x));
  ballots[threadIdx.x] = __ballot_sync(kAllLanes, threadIdx.x % 3 == 0);
  if (threadIdx.x % 32 < 8) {
    shuffled[threadIdx.x] = __shfl_down_sync(0x000000ffu, static_cast<int>(threadIdx.x), 1) +
                            100 * __shfl_up_sync(0x000000ffu, static_cast<int>(threadIdx.x), 2) +
                            10000 * __shfl_sync(0x000000ffu, static_cast<int>(threadIdx.x), 1, 4);
  }
  __syncwarp();
}

TEST(EmulatorTest, LanesOfAWarpExchangeNumbers) {
  DeviceArray<float> sums(64);
  DeviceArray<unsigned> ballots(64);
  DeviceArray<int> shuffled(64);
  shuffled.zero();
  ASSERT_EQ(cudaSuccess,
            launch(lanes, 1, 64, 0, nullptr, sums.memory, ballots.memory, shuffled.memory));
  EXPECT_EQ(496.0f, sums.get()[0]);
  EXPECT_EQ(496.0f + 32 * 32, sums.get()[63]);
  EXPECT_EQ(0x49249249u, ballots.get()[7]);
  EXPECT_EQ(3 + 100 * 0 + 10000 * 1, shuffled.get()[2]);
  EXPECT_EQ(6 + 100 * 3 + 10000 * 5, shuffled.get()[5]);
}

__global__ void add_up(unsigned* arrived, int* values, int* sums) {
  for (unsigned k = 1; k <= 3; k++) {
    if (threadIdx.x == 0) {
      values[blockIdx.x] = static_cast<int>(k * (blockIdx.x + 1));
    }
    grid_barrier(arrived, gridDim.x, 2 * k - 1);
    if (threadIdx.x == 1) {
      int sum = 0;
      for (unsigned b = 0; b < gridDim.x; b++) {
        sum += values[b];
      }
      sums[blockIdx.x * 3 + k - 1] = sum;
    }
    grid_barrier(arrived, gridDim.x, 2 * k);
  }
}

TEST(EmulatorTest, AGridBarrierOrdersTheBlocksOfACooperativeLaunch) {
  DeviceArray<unsigned> arrived(1);
  DeviceArray<int> values(7), sums(21);
  arrived.zero();
  ASSERT_EQ(cudaSuccess, launch_cooperative(add_up, 7, 64, 0, nullptr, arrived.memory,
                                            values.memory, sums.memory));
  for (int i = 0; i < 21; i++) {
    EXPECT_EQ(28 * (i % 3 + 1), sums.get()[i]);
  }
}

__global__ void count(int* counter, int* highest) {
  atomicAdd(counter, 1);
  atomicMax(highest, static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x));
}

TEST(EmulatorTest, HostThreadsLaunchAtTheSameTime) {
  DeviceArray<int> counter(1), highest(1);
  counter.zero();
  highest.zero();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; k++) {
        launch(count, dim3(2, 3), 50, 0, nullptr, counter.memory, highest.memory);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(4 * 5 * 6 * 50, counter.get()[0]);
  EXPECT_EQ(149, highest.get()[0]);
}

TEST(EmulatorTest, AGraphReplaysWhatItsStreamsWereGiven) {
  DeviceArray<int> counter(1), highest(1);
  counter.zero();
  highest.zero();
  cudaStream_t streams[2];
  cudaEvent_t fork;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  cudaStreamCreate(&streams[0]);
  cudaStreamCreate(&streams[1]);
  cudaEventCreate(&fork);
  ASSERT_EQ(cudaSuccess, cudaStreamBeginCapture(streams[0], cudaStreamCaptureModeThreadLocal));
  launch(count, 1, 10, 0, streams[0], counter.memory, highest.memory);
  cudaEventRecord(fork, streams[0]);
  cudaStreamWaitEvent(streams[1], fork, 0);
  launch(count, 1, 5, 0, streams[1], counter.memory, highest.memory);
  EXPECT_EQ(0, counter.get()[0]);
  ASSERT_EQ(cudaSuccess, cudaStreamEndCapture(streams[0], &graph));
  ASSERT_EQ(cudaSuccess, cudaGraphInstantiate(&exec, graph, 0));
  cudaGraphDestroy(graph);
  cudaGraphLaunch(exec, streams[0]);
  cudaGraphLaunch(exec, streams[0]);
  EXPECT_EQ(30, counter.get()[0]);
  cudaGraphExecDestroy(exec);
  cudaEventDestroy(fork);
  cudaStreamDestroy(streams[0]);
  cudaStreamDestroy(streams[1]);
}

__global__ void poison(float* values) {
  values[0] = shared_memory_as<float>()[threadIdx.x];
  shared_memory_as<float>()[threadIdx.x] = 1;
}

TEST(EmulatorTest, MemoryIsPoisoned) {
  DeviceArray<float> values(2);
  ASSERT_EQ(cudaSuccess, launch(poison, 2, 1, 4, nullptr, values.memory));
  EXPECT_TRUE(std::isnan(values.get()[0]));
  EXPECT_TRUE(std::isnan(values.get()[1]));
}

TEST(EmulatorTest, RefusesWhatADeviceWould) {
  DeviceArray<float> values(2);
  float host[2];
  EXPECT_EQ(cudaErrorInvalidConfiguration, launch(poison, 1, 1025, 0, nullptr, values.memory));
  EXPECT_EQ(cudaErrorInvalidConfiguration, launch(poison, 0, 1, 0, nullptr, values.memory));
  EXPECT_EQ(cudaErrorInvalidValue, launch(poison, 1, 1, 228 << 10, nullptr, values.memory));
  EXPECT_EQ(cudaErrorCooperativeLaunchTooLarge,
            launch_cooperative(poison, 9, 1024, 4, nullptr, values.memory));
  EXPECT_EQ(cudaErrorInvalidValue, cudaMemcpy(host, host, 8, cudaMemcpyHostToDevice));
  EXPECT_EQ(cudaErrorInvalidValue, cudaMemcpy(values.memory + 1, host, 8, cudaMemcpyHostToDevice));
  EXPECT_EQ(cudaErrorInvalidValue, cudaGetLastError());
  EXPECT_EQ(cudaSuccess, cudaGetLastError());
  void* memory;
  EXPECT_EQ(cudaErrorMemoryAllocation, cudaMalloc(&memory, size_t{5} << 30));
  EXPECT_EQ(cudaErrorInvalidValue, cudaFree(host));
}

TEST(EmulatorTest, RefusesMemoryAndStreamsOfAnotherDevice) {
  int count = 0;
  ASSERT_EQ(cudaSuccess, cudaGetDeviceCount(&count));
  ASSERT_EQ(2, count);
  DeviceArray<float> values(2);
  float host[2] = {1, 2};
  cudaStream_t first, second;
  cudaEvent_t event;
  size_t before = 0, after = 0, total = 0;
  ASSERT_EQ(cudaSuccess, cudaStreamCreate(&first));
  ASSERT_EQ(cudaSuccess, cudaMemGetInfo(&before, &total));
  ASSERT_EQ(cudaSuccess, cudaSetDevice(1));
  ASSERT_EQ(cudaSuccess, cudaStreamCreate(&second));
  ASSERT_EQ(cudaSuccess, cudaEventCreate(&event));
  void* memory;
  ASSERT_EQ(cudaSuccess, cudaMallocAsync(&memory, 1 << 20, second));
  EXPECT_EQ(cudaErrorIllegalAddress, launch(poison, 1, 1, 4, second, values.memory));
  EXPECT_EQ(cudaErrorInvalidResourceHandle, launch(poison, 1, 1, 4, first, values.memory));
  EXPECT_EQ(cudaErrorInvalidResourceHandle, cudaEventRecord(event, first));
  EXPECT_EQ(cudaErrorInvalidValue,
            cudaMemcpyAsync(values.memory, host, 8, cudaMemcpyDefault, second));
  EXPECT_EQ(cudaErrorInvalidValue, cudaMemsetAsync(values.memory, 0, 8, second));
  EXPECT_EQ(cudaErrorInvalidValue, cudaFreeAsync(memory, first));
  EXPECT_EQ(cudaErrorInvalidDevice, cudaSetDevice(2));
  ASSERT_EQ(cudaSuccess, cudaSetDevice(0));
  EXPECT_EQ(cudaSuccess, cudaMemGetInfo(&after, &total));
  EXPECT_EQ(before, after);
  EXPECT_EQ(cudaSuccess, cudaMemcpyAsync(values.memory, host, 8, cudaMemcpyDefault, first));
  EXPECT_EQ(cudaSuccess, cudaFreeAsync(memory, second));
  EXPECT_EQ(cudaSuccess, cudaEventDestroy(event));
  EXPECT_EQ(cudaSuccess, cudaStreamDestroy(first));
  EXPECT_EQ(cudaSuccess, cudaStreamDestroy(second));
}

__global__ void divergent(int) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void missing(int) {
  if (threadIdx.x != 5) {
    __syncwarp();
  } else {
    __syncthreads();
  }
}

__global__ void spins(unsigned* flag) {
  while (load_acquire(flag) != 1) {
    spin_wait();
  }
}

TEST(EmulatorDeathTest, ThreadsThatWaitInVainEndTheProcess) {
  DeviceArray<unsigned> flag(1);
  EXPECT_DEATH(launch(divergent, 1, 64, 0, nullptr, 0), "meet at different barriers");
  EXPECT_DEATH(launch(missing, 1, 32, 0, nullptr, 0), "deadlock");
  EXPECT_DEATH(launch(spins, 1, 2, 0, nullptr, flag.memory), "spin without end");
}

enum Mistake {
  kNone,
  kNotSwizzled,  // the chunks are not where the descriptors say
  kOffBoundary,  // the rows do not begin where the swizzle pattern does
  kNotShown,     // no fence between the copies and wgmma
  kNotBegun,     // no fence between the initial values of the sums and wgmma
  kRefilled,     // copies replace data that wgmma may still read
  kReadEarly,    // sums are read before wgmma has completed
  kWritten,      // sums are written before wgmma has completed
  kWarpMissing,
  kDifferent  // threads pass different matrix descriptors
};

// d [64, 128] = a [64, depth] times b [128, depth] transposed, by one warpgroup. The depth is
// kPitch / 2.
template <int kPitch>
__global__ void multiply(const __half* a, const __half* b, float* d, int mistake) {
  constexpr int kChunks = kPitch / 16;
  const int thread = static_cast<int>(threadIdx.x);
  char* rows = shared_memory() + (mistake == kOffBoundary ? 2 * kPitch : 0);
  AsyncCopies copies;
  const auto fill = [&] {
    for (int i = thread; i < (64 + 128) * kChunks; i += 128) {
      const int row = i / kChunks;
      const int chunk = i % kChunks;
      const int place = mistake == kNotSwizzled ? chunk : chunk ^ (row * kChunks / 8 % kChunks);
      const __half* from = row < 64 ? a + row * 8 * kChunks : b + (row - 64) * 8 * kChunks;
      copies.copy16(rows + row * kPitch + place * 16, from + chunk * 8, 16);
    }
    copies.commit();
  };
  fill();
  copies.wait<0>();
  if (mistake != kNotShown) {
    copies.show();
  }
  __syncthreads();
  AsyncSums<128> sums;
  if (mistake != kNotBegun) {
    sums.begin();
  }
  for (int k = 0; k < kPitch / 32; k++) {
    sums.add(matrix_descriptor<kPitch>(rows) + 2 * k,
             matrix_descriptor<kPitch>(rows + 64 * kPitch) + 2 * k +
                 (mistake == kDifferent && thread == 77));
  }
  sums.commit();
  if (mistake == kRefilled) {
    fill();
  } else if (mistake == kWritten) {
    sums.v[3] = 0;
  }
  if (mistake != kReadEarly && (mistake != kWarpMissing || thread < 96)) {
    sums.wait<0>();
  }
  for (int i = 0; i < 64; i++) {
    const int row = thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8;
    d[row * 128 + i / 4 * 8 + thread % 4 * 2 + i % 2] = sums.v[i];
  }
}

// Returns the largest error of a product with a mistake.
template <int kPitch>
double multiply(Mistake mistake) {
  constexpr int kDepth = kPitch / 2;
  DeviceArray<__half> a(64 * kDepth), b(128 * kDepth);
  DeviceArray<float> d(64 * 128);
  for (int i = 0; i < 128 * kDepth; i++) {
    const auto number = [](int n) { return __float2half_rn(static_cast<float>(n % 23 - 11) / 8); };
    b.memory[i] = number(i * 7 + i / kDepth);
    if (i < 64 * kDepth) {
      a.memory[i] = number(i * 5 + i / kDepth * 3);
    }
  }
  EXPECT_EQ(cudaSuccess, launch(multiply<kPitch>, 1, 128, 256 * kPitch, nullptr, a.memory, b.memory,
                                d.memory, static_cast<int>(mistake)));
  double error = 0;
  for (int row = 0; row < 64; row++) {
    for (int column = 0; column < 128; column++) {
      double wanted = 0;
      for (int k = 0; k < kDepth; k++) {
        wanted += static_cast<double>(__half2float(a.memory[row * kDepth + k])) *
                  __half2float(b.memory[column * kDepth + k]);
      }
      const double off = std::abs(wanted - d.memory[row * 128 + column]);
      error = off <= error ? error : off;  // NaN once, NaN to the end
    }
  }
  return error;
}

TEST(WgmmaTest, MultipliesWhatItsDescriptorsName) {
  EXPECT_LT(multiply<128>(kNone), 1e-4);
  EXPECT_LT(multiply<64>(kNone), 1e-4);
}

TEST(WgmmaTest, ShowsWhatIsNotInItsPlaceOrNotThereYet) {
  EXPECT_GT(multiply<128>(kNotSwizzled), 1);
  EXPECT_GT(multiply<64>(kNotSwizzled), 1);
  EXPECT_TRUE(std::isnan(multiply<128>(kReadEarly)));
}

TEST(WgmmaDeathTest, MistakesEndTheProcess) {
  EXPECT_DEATH(multiply<128>(kOffBoundary), "descriptor of wgmma");
  EXPECT_DEATH(multiply<64>(kOffBoundary), "descriptor of wgmma");
  EXPECT_DEATH(multiply<128>(kNotShown), "not shown");
  EXPECT_DEATH(multiply<128>(kNotBegun), "without a fence");
  EXPECT_DEATH(multiply<128>(kRefilled), "being copied");
  EXPECT_DEATH(multiply<128>(kWritten), "were changed");
  EXPECT_DEATH(multiply<128>(kWarpMissing), "waits for its warpgroup");
  EXPECT_DEATH(multiply<128>(kDifferent), "different matrices");
}

// Emulates a device that does not have the instruction.
TEST(WgmmaDeathTest, HopperAloneHasIt) {
  EXPECT_TRUE(use_wgmma(ELMO4J_WGMMA, 9, 0));
  EXPECT_TRUE(use_wgmma(ELMO4J_WGMMA_GATES, 9, 0));
  EXPECT_FALSE(use_wgmma(ELMO4J_MMA, 9, 0));
  for (int capability : {75, 80, 86, 89, 100, 103, 120}) {
    EXPECT_FALSE(use_wgmma(ELMO4J_WGMMA, capability / 10, capability % 10));
  }
  EXPECT_DEATH(
      {
        setenv("ELMO4J_EMULATED_CAPABILITY", "100", 1);
        multiply<128>(kNone);
      },
      "the device has not");
}

#if defined(__SANITIZE_THREAD__)
__global__ void unordered(int* values, int what) {
  int* shared = shared_memory_as<int>();
  if (what == 0) {  // no barrier
    shared[threadIdx.x] = 1;
    values[threadIdx.x] = shared[63 - threadIdx.x];
  } else if (what == 1) {  // too narrow a barrier
    shared[threadIdx.x] = 1;
    __syncwarp();
    values[threadIdx.x] = shared[63 - threadIdx.x];
  } else {  // a grid barrier that neither releases nor acquires
    values[1 + blockIdx.x] = 1;
    atomicAdd(values, 1);
    while (atomicAdd(values, 0) < 2) {
      spin_wait();
    }
    shared[0] = values[2 - blockIdx.x];
  }
}

TEST(EmulatorDeathTest, ThreadSanitizerReportsTheRacesOfAKernel) {
  DeviceArray<int> values(64);
  values.zero();
  for (int what : {0, 1, 2}) {
    EXPECT_DEATH(
        {
          launch_cooperative(unordered, what == 2 ? 2 : 1, what == 2 ? 1 : 64, 64 * sizeof(int),
                             nullptr, values.memory, what);
          std::abort();
        },
        "data race");
  }
}
#endif

}  // namespace
}  // namespace elmo4j
