// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The functions of the CUDA runtime that the host side uses (kernels.h). The only state is a memory
// pool for each device.
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

#include "elmo4j/kernels.h"

namespace {

// Makes a pool of the device's memory.
cudaError_t make_pool(int device, cudaMemPool_t* pool) {
  cudaMemPoolProps properties = {};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = device;
  cudaError_t error = cudaMemPoolCreate(pool, &properties);
  if (error != cudaSuccess) {
    return error;
  }
  // The pool keeps memory that is freed: without a threshold, each synchronisation would return it
  // to the device.
  uint64_t keep = UINT64_MAX;
  error = cudaMemPoolSetAttribute(*pool, cudaMemPoolAttrReleaseThreshold, &keep);
  if (error == cudaSuccess) {
    // The pool never makes a stream wait for another one in order to reuse its memory.
    int depend = 0;
    error = cudaMemPoolSetAttribute(*pool, cudaMemPoolReuseAllowInternalDependencies, &depend);
  }
  if (error != cudaSuccess) {
    cudaMemPoolDestroy(*pool);
  }
  return error;
}

// Returns the pool from which elmo4j_cuda_malloc takes memory on the calling thread's device. It is
// not the device's default pool, whose settings belong to the whole process. It exists as long as
// the process.
cudaError_t memory_pool(cudaMemPool_t* pool) {
  static std::mutex mutex;
  static auto& pools = *new std::map<int, cudaMemPool_t>;  // used until the end: never freed
  int device;
  cudaError_t error = cudaGetDevice(&device);
  if (error != cudaSuccess) {
    return error;
  }
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = pools.find(device);
  if (found != pools.end()) {
    *pool = found->second;
    return cudaSuccess;
  }
  error = make_pool(device, pool);
  if (error == cudaSuccess) {
    pools[device] = *pool;
  }
  return error;
}

#ifndef ELMO4J_EMULATED
__global__ void nothing() {
}  // stands for all kernels, which are compiled for the same architectures
#endif

}  // namespace

extern "C" {

int elmo4j_cuda_device_count(int32_t* count) {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  *count = error == cudaSuccess ? devices : 0;
  return error;
}

int elmo4j_cuda_set_device(int device) { return cudaSetDevice(device); }

int elmo4j_cuda_device(int device, char* name, int64_t bytes, int64_t* properties) {
  cudaDeviceProp found;
  const cudaError_t error = cudaGetDeviceProperties(&found, device);
  if (error != cudaSuccess) {
    return error;
  }
  std::snprintf(name, static_cast<size_t>(bytes), "%s", found.name);
  properties[0] = found.major;
  properties[1] = found.minor;
  properties[2] = found.multiProcessorCount;
  properties[3] = static_cast<int64_t>(found.totalGlobalMem);
  return cudaSuccess;
}

int elmo4j_cuda_has_code(void) {
#ifdef ELMO4J_EMULATED
  return cudaSuccess;
#else
  cudaFuncAttributes attributes;
  const cudaError_t error = cudaFuncGetAttributes(&attributes, nothing);
  cudaGetLastError();  // Clears the error, which is returned.
  return error;
#endif
}

int elmo4j_cuda_memory(int64_t* free, int64_t* total) {
  size_t unused = 0;
  size_t all = 0;
  cudaError_t error = cudaMemGetInfo(&unused, &all);
  uint64_t reserved = 0;
  uint64_t used = 0;
  cudaMemPool_t pool;
  if (error == cudaSuccess) {
    error = memory_pool(&pool);
  }
  if (error == cudaSuccess) {
    error = cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved);
  }
  if (error == cudaSuccess) {
    error = cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used);
  }
  *free = static_cast<int64_t>(unused + (reserved - used));
  *total = static_cast<int64_t>(all);
  return error;
}

const char* elmo4j_cuda_error_name(int error) {
  return cudaGetErrorName(static_cast<cudaError_t>(error));
}

const char* elmo4j_cuda_error_string(int error) {
  return cudaGetErrorString(static_cast<cudaError_t>(error));
}

int elmo4j_cuda_stream_create(elmo4j_stream* stream) {
  // Not synchronised with the default stream, which other code in the process may use.
  return cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
}

int elmo4j_cuda_stream_destroy(elmo4j_stream stream) { return cudaStreamDestroy(stream); }

int elmo4j_cuda_stream_synchronize(elmo4j_stream stream) { return cudaStreamSynchronize(stream); }

int elmo4j_cuda_stream_wait(elmo4j_stream stream, elmo4j_stream other) {
  cudaEvent_t event;
  cudaError_t error = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  if (error != cudaSuccess) {
    return error;
  }
  error = cudaEventRecord(event, other);
  if (error == cudaSuccess) {
    error = cudaStreamWaitEvent(stream, event, 0);
  }
  const cudaError_t destroyed = cudaEventDestroy(event);  // It is freed after the wait.
  return error != cudaSuccess ? error : destroyed;
}

int elmo4j_cuda_malloc(void** memory, int64_t bytes, elmo4j_stream stream) {
  *memory = nullptr;
  cudaMemPool_t pool;
  cudaError_t error = memory_pool(&pool);
  if (error == cudaSuccess) {
    error = cudaMallocFromPoolAsync(memory, static_cast<size_t>(bytes), pool, stream);
  }
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    // Memory that other streams freed returns to the pool once they have run. The pool then returns
    // all unused memory to the device, since none of its pieces may have been large enough.
    error = cudaDeviceSynchronize();
    if (error == cudaSuccess) {
      error = cudaMemPoolTrimTo(pool, 0);
    }
    if (error == cudaSuccess) {
      error = cudaMallocFromPoolAsync(memory, static_cast<size_t>(bytes), pool, stream);
    }
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
    }
  }
  return error;
}

int elmo4j_cuda_free(void* memory, elmo4j_stream stream) { return cudaFreeAsync(memory, stream); }

int elmo4j_cuda_malloc_host(void** memory, int64_t bytes) {
  *memory = nullptr;
  return cudaMallocHost(memory, static_cast<size_t>(bytes));
}

int elmo4j_cuda_free_host(void* memory) { return cudaFreeHost(memory); }

int elmo4j_cuda_copy(void* target, const void* source, int64_t bytes, elmo4j_stream stream) {
  return cudaMemcpyAsync(target, source, static_cast<size_t>(bytes), cudaMemcpyDefault, stream);
}

int elmo4j_cuda_clear(void* memory, int64_t bytes, elmo4j_stream stream) {
  return cudaMemsetAsync(memory, 0, static_cast<size_t>(bytes), stream);
}

void elmo4j_cuda_from_floats(int type, int64_t count, const float* floats, void* values) {
  if (type == ELMO4J_F32) {
    std::memcpy(values, floats, static_cast<size_t>(count) * sizeof(float));
    return;
  }
  __half* halves = static_cast<__half*>(values);
  for (int64_t i = 0; i < count; ++i) {
    halves[i] = __float2half_rn(floats[i]);
  }
}

void elmo4j_cuda_to_floats(int type, int64_t count, const void* values, float* floats) {
  if (type == ELMO4J_F32) {
    std::memcpy(floats, values, static_cast<size_t>(count) * sizeof(float));
    return;
  }
  const __half* halves = static_cast<const __half*>(values);
  for (int64_t i = 0; i < count; ++i) {
    floats[i] = __half2float(halves[i]);
  }
}

}  // extern "C"
