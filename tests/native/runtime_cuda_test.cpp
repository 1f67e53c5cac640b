// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include "cuda_test.h"

namespace elmo4j {
namespace {

class RuntimeCudaTest : public CudaTest {
 protected:
  static int64_t free_bytes() {
    int64_t free = 0, total = 0;
    EXPECT_EQ(cudaSuccess, elmo4j_cuda_memory(&free, &total));
    return free;
  }

  void* allocate(int64_t bytes) {
    void* memory = nullptr;
    EXPECT_EQ(cudaSuccess, elmo4j_cuda_malloc(&memory, bytes, stream_)) << bytes << " bytes";
    return memory;
  }

  void release(void* memory) { finish(elmo4j_cuda_free(memory, stream_)); }
};

// The device's default pool keeps the settings of other code in the process.
TEST_P(RuntimeCudaTest, TheDevicesDefaultPoolIsNotTouched) {
  cudaMemPool_t pool;
  check_cuda(cudaDeviceGetDefaultMemPool(&pool, 0), "cudaDeviceGetDefaultMemPool");
  const auto attribute = [&](cudaMemPoolAttr which) {
    uint64_t value = 0;
    check_cuda(cudaMemPoolGetAttribute(pool, which, &value), "cudaMemPoolGetAttribute");
    return value;
  };
  const uint64_t used = attribute(cudaMemPoolAttrUsedMemCurrent);
  elmo4j_stream stream;
  ASSERT_EQ(cudaSuccess, elmo4j_cuda_stream_create(&stream));
  void* memory = allocate(1 << 20);
  EXPECT_EQ(used, attribute(cudaMemPoolAttrUsedMemCurrent));
  EXPECT_EQ(0u, attribute(cudaMemPoolAttrReleaseThreshold));
  release(memory);
  EXPECT_EQ(cudaSuccess, elmo4j_cuda_stream_destroy(stream));
}

TEST_P(RuntimeCudaTest, WhatThePoolHoldsUnusedCountsAsFree) {
  release(allocate(3 << 20));  // the pool has grown
  const int64_t before = free_bytes();
  void* memory = allocate(3 << 20);
  EXPECT_GE(before - free_bytes(), 3 << 20);
  release(memory);
  EXPECT_EQ(before, free_bytes());
}

// No freed block is large enough for the next allocation, so the pool must release all of them.
TEST_P(RuntimeCudaTest, ThePoolIsTrimmedWhereTheDeviceHasNoMemoryLeft) {
  int64_t free = 0, total = 0;
  ASSERT_EQ(cudaSuccess, elmo4j_cuda_memory(&free, &total));
  if (total > 1 << 30) {
    GTEST_SKIP() << "expected a device of 1 GiB at most: on the emulator, memory is filled";
  }
  std::vector<void*> blocks;
  for (int i = 0; i < 4; i++) {
    blocks.push_back(allocate(free / 5));
  }
  for (void* block : blocks) {
    release(block);
  }
  release(allocate(free / 2));
  // Memory that the device does not have is refused, and no error is left for the next launch.
  void* memory;
  EXPECT_EQ(cudaErrorMemoryAllocation, elmo4j_cuda_malloc(&memory, total + 1, stream_));
  EXPECT_EQ(cudaSuccess, cudaPeekAtLastError());
  EXPECT_EQ(free, free_bytes());
}

INSTANTIATE_TEST_SUITE_P(Type, RuntimeCudaTest, testing::Values(ELMO4J_F32), name_of);

}  // namespace
}  // namespace elmo4j
