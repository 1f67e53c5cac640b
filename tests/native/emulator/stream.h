// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Shared by emulator.cpp and runtime.cpp: properties of the device, and the submission of work.

#ifndef ELMO4J_TESTS_NATIVE_EMULATOR_STREAM_H_
#define ELMO4J_TESTS_NATIVE_EMULATOR_STREAM_H_

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "emulator.h"

namespace elmo4j {
namespace emulator {

// The device has Hopper's limits, but few multiprocessors, so that persistent kernels stay small.
// The environment variables ELMO4J_EMULATED_CAPABILITY (86 for 8.6) and
// ELMO4J_EMULATED_MULTIPROCESSORS replace the values; they are read at each call.
int capability();
int multiprocessors();
constexpr int kSharedBytesPerBlock = 227 << 10;
constexpr int kSharedBytesPerMultiprocessor = 228 << 10;
constexpr int kThreadsPerMultiprocessor = 2048;

// Registers are not modelled.
inline int blocks_per_multiprocessor(int threads, size_t shared_bytes) {
  return std::min({32, kThreadsPerMultiprocessor / ((threads + 31) / 32 * 32),
                   static_cast<int>(kSharedBytesPerMultiprocessor / (shared_bytes + 1024))});
}

// Checks that the stream of a launch belongs to the current device, that no argument points to
// memory of another device (every aligned word of an argument counts as an address), and that no
// argument contains something that was never written.
cudaError_t check_launch(cudaStream_t stream, const std::vector<Argument>& arguments);

// Runs the work at once, or records it if the stream is being captured.
void submit(cudaStream_t stream, std::function<void()> work);

// Keeps the error for cudaGetLastError and returns it.
cudaError_t failed(cudaError_t error);

}  // namespace emulator
}  // namespace elmo4j

#endif  // ELMO4J_TESTS_NATIVE_EMULATOR_STREAM_H_
