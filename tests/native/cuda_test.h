// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Shared by the CUDA kernel tests: device memory, random numbers, comparison. The same tests run on
// the emulator and on a GPU; only the linked library differs. Without a device they are skipped, or
// fail if the environment has ELMO4J_REQUIRE=cuda.

#ifndef ELMO4J_TESTS_NATIVE_CUDA_TEST_H_
#define ELMO4J_TESTS_NATIVE_CUDA_TEST_H_

#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "comparison.h"
#include "elmo4j/kernels.h"

namespace elmo4j {

inline void check_cuda(cudaError_t error, const char* what) {
  if (error != cudaSuccess) {
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
  }
}

// An array in device memory. The allocation has exactly its size, so that a memory checker detects
// accesses beyond it.
template <typename T>
class DeviceArray {
 public:
  // Sets all bits, which is NaN in every floating-point type.
  explicit DeviceArray(int64_t count)
      : DeviceArray(std::vector<T>(static_cast<size_t>(count), poison())) {}
  explicit DeviceArray(const std::vector<T>& host) : count_(host.size()) {
    if (count_ > 0) {
      check_cuda(cudaMalloc(reinterpret_cast<void**>(&memory_), count_ * sizeof(T)), "cudaMalloc");
      check_cuda(cudaMemcpy(memory_, host.data(), count_ * sizeof(T), cudaMemcpyHostToDevice),
                 "cudaMemcpy");
    }
  }
  DeviceArray(DeviceArray&& other) noexcept : memory_(other.memory_), count_(other.count_) {
    other.memory_ = nullptr;
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(memory_); }

  T* get() const { return memory_; }
  std::vector<T> host() const {
    std::vector<T> values(count_);
    if (count_ > 0) {
      check_cuda(cudaMemcpy(values.data(), memory_, count_ * sizeof(T), cudaMemcpyDeviceToHost),
                 "cudaMemcpy");
    }
    return values;
  }

 private:
  static T poison() {
    T value;
    std::memset(static_cast<void*>(&value), 0xff, sizeof value);
    return value;
  }

  T* memory_ = nullptr;
  size_t count_;
};

// A byte in the memory of the second device, which no launch on the first one may get to see.
class ForeignMemory {
 public:
  ForeignMemory() {
    int devices = 0;
    check_cuda(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
    if (devices > 1) {
      check_cuda(cudaSetDevice(1), "cudaSetDevice");
      check_cuda(cudaMalloc(&memory_, 1), "cudaMalloc");
      check_cuda(cudaSetDevice(0), "cudaSetDevice");
    }
  }
  ForeignMemory(const ForeignMemory&) = delete;
  ForeignMemory& operator=(const ForeignMemory&) = delete;
  ~ForeignMemory() {
    if (memory_ != nullptr) {
      EXPECT_EQ(cudaSuccess, cudaSetDevice(1));
      EXPECT_EQ(cudaSuccess, cudaFree(memory_));
      EXPECT_EQ(cudaSuccess, cudaSetDevice(0));
    }
  }

  // Its address, or null where there is one device.
  void* get() const { return memory_; }

 private:
  void* memory_ = nullptr;
};

// Numbers in device memory that have one of the types of kernels.h. On the host they are 32-bit
// floats.
class DeviceNumbers {
 public:
  DeviceNumbers(int type, const std::vector<float>& host) : type_(type), bytes_(pack(type, host)) {}
  // Sets all numbers to NaN.
  DeviceNumbers(int type, int64_t count) : type_(type), bytes_(count * size(type)) {}

  static int64_t size(int type) { return type == ELMO4J_F16 ? 2 : 4; }

  // Returns the address of number `index`.
  void* get(int64_t index = 0) const { return bytes_.get() + index * size(type_); }
  std::vector<float> host() const {
    const std::vector<unsigned char> bytes = bytes_.host();
    std::vector<float> values(bytes.size() / size(type_));
    for (size_t i = 0; i < values.size(); i++) {
      if (type_ == ELMO4J_F16) {
        __half half;
        std::memcpy(static_cast<void*>(&half), &bytes[2 * i], 2);
        values[i] = __half2float(half);
      } else {
        std::memcpy(&values[i], &bytes[4 * i], 4);
      }
    }
    return values;
  }

 private:
  static std::vector<unsigned char> pack(int type, const std::vector<float>& host) {
    std::vector<unsigned char> bytes(host.size() * size(type));
    for (size_t i = 0; i < host.size(); i++) {
      if (type == ELMO4J_F16) {
        const __half half = __float2half_rn(host[i]);
        std::memcpy(&bytes[2 * i], &half, 2);
      } else {
        std::memcpy(&bytes[4 * i], &host[i], 4);
      }
    }
    return bytes;
  }

  int type_;
  DeviceArray<unsigned char> bytes_;
};

// The parameter of a test: a type of activations and, if it matters for 16-bit floats, the way in
// which they are multiplied.
struct Numbers {
  Numbers(int type, int products = ELMO4J_WGMMA) : type(type), products(products) {}
  int type;
  int products;
};

// Each test has a stream of its own, `stream_`.
class CudaTest : public testing::TestWithParam<Numbers> {
 protected:
  void SetUp() override {
    int devices = 0;
    const cudaError_t error = cudaGetDeviceCount(&devices);
    if (error != cudaSuccess || devices == 0) {
      const char* require = std::getenv("ELMO4J_REQUIRE");
      ASSERT_FALSE(require && std::string(require) == "cuda")
          << "a GPU is required: " << cudaGetErrorString(error);
      GTEST_SKIP() << "no GPU: " << cudaGetErrorString(error);
    }
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  }
  void TearDown() override {
    if (stream_) {
      cudaStreamDestroy(stream_);
    }
  }

  int type() const { return GetParam().type; }
  int products() const { return products_ < 0 ? GetParam().products : products_; }

  // Packs a matrix [depth, groups * columns], whose groups are side by side. `memory` owns the
  // result.
  elmo4j_matrix matrix_of(const float* weights, int64_t depth, int64_t columns, int groups,
                          std::vector<DeviceArray<unsigned char>>* memory) const {
    elmo4j_matrix matrix = {products(), type(), groups, depth, columns, nullptr, nullptr};
    std::vector<unsigned char> packed(elmo4j_cuda_packed_size(&matrix), 0xff);
    for (int g = 0; g < groups; g++) {
      elmo4j_cuda_pack(&matrix, weights + g * columns, groups * columns, g, packed.data());
    }
    memory->emplace_back(packed);
    matrix.weights = memory->back().get();
    return matrix;
  }

  // Waits for a launched kernel.
  void finish(int launched) {
    ASSERT_EQ(cudaSuccess, launched) << cudaGetErrorString(static_cast<cudaError_t>(launched));
    const cudaError_t error = cudaStreamSynchronize(stream_);
    ASSERT_EQ(cudaSuccess, error) << cudaGetErrorString(error);
  }

  // Returns the nearest number of a type.
  static float rounded(int type, float x) {
    return type == ELMO4J_F16 ? __half2float(__float2half_rn(x)) : x;
  }

  // Returns random numbers that `type` represents exactly, so that only a kernel's own error is
  // compared.
  std::vector<float> random_of(int type, int64_t count, double scale = 1) {
    std::uniform_real_distribution<float> uniform(-scale, scale);
    std::vector<float> values(count);
    for (float& v : values) {
      v = rounded(type, uniform(engine_));
    }
    return values;
  }
  std::vector<float> random(int64_t count, double scale = 1) {
    return random_of(ELMO4J_F32, count, scale);
  }

  int products_ = -1;  // overrides the way of multiplying of the test's parameter
  std::mt19937 engine_{20180610};
  cudaStream_t stream_ = nullptr;
};

inline std::string name_of(const testing::TestParamInfo<Numbers>& i) {
  return i.param.type == ELMO4J_F32 ? "f32" : i.param.products == ELMO4J_MMA ? "f16_mma" : "f16";
}

#define ELMO4J_FOR_EACH_TYPE(suite) \
  INSTANTIATE_TEST_SUITE_P(Type, suite, testing::Values(ELMO4J_F32, ELMO4J_F16), name_of)
#define ELMO4J_FOR_EACH_PRODUCT(suite)                                                       \
  INSTANTIATE_TEST_SUITE_P(                                                                  \
      Type, suite, testing::Values(ELMO4J_F32, ELMO4J_F16, Numbers(ELMO4J_F16, ELMO4J_MMA)), \
      name_of)

}  // namespace elmo4j

#endif  // ELMO4J_TESTS_NATIVE_CUDA_TEST_H_
