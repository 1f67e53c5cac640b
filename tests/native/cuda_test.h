// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// What the CUDA kernel tests share: device memory, random numbers, comparison. They run as they are
// on the emulator and on a GPU: only which library is linked differs. Without a device they are
// skipped; ELMO4J_REQUIRE=cuda in the environment makes that a failure.

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

// An array in device memory, of exactly its size: a memory checker sees what reaches beyond.
template <typename T>
class DeviceArray {
 public:
  // Poisoned: all bits set, which is NaN in every floating-point type.
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

// Numbers of a type of kernels.h in device memory, 32-bit floats on the host.
class DeviceNumbers {
 public:
  DeviceNumbers(int type, const std::vector<float>& host) : type_(type), bytes_(pack(type, host)) {}
  // Poisoned.
  DeviceNumbers(int type, int64_t count) : type_(type), bytes_(count * size(type)) {}

  static int64_t size(int type) { return type == ELMO4J_F16 ? 2 : 4; }

  // Number `index` and what follows.
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

// What a test runs once for each of: a type of activations and, where it matters for halves, how
// they are multiplied.
struct Numbers {
  Numbers(int type, int products = ELMO4J_WGMMA) : type(type), products(products) {}
  int type;
  int products;
};

// `stream_` is the test's own.
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

  // A matrix [depth, groups * columns], groups one beside the other, packed; `memory` keeps it.
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

  // Waits for what was launched.
  void finish(int launched) {
    ASSERT_EQ(cudaSuccess, launched) << cudaGetErrorString(static_cast<cudaError_t>(launched));
    const cudaError_t error = cudaStreamSynchronize(stream_);
    ASSERT_EQ(cudaSuccess, error) << cudaGetErrorString(error);
  }

  // The nearest number of a type.
  static float rounded(int type, float x) {
    return type == ELMO4J_F16 ? __half2float(__float2half_rn(x)) : x;
  }

  // Numbers that `type` can hold, so that what is compared is a kernel's own error.
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

  int products_ = -1;  // what a test multiplies by in place of its parameter
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
