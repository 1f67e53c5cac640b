// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The functions of the CUDA runtime that elmo4j calls, on host memory. A stream executes work at
// once, unless it is being captured: then the work is stored, and runs with each launch of the
// graph.
//
// There are two devices with 4 GiB of memory, unless the environment variables
// ELMO4J_EMULATED_DEVICES and ELMO4J_EMULATED_MEMORY (bytes of each) have other values. Access from
// a stream of one device to memory of another is an error (CUDA would allow some of it), and so are
// launches and events with a stream that does not belong to the current device.
//
// The file is longer than 500 lines because all functions share the tables of devices, memory and
// streams. Each function is short.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "emulator.h"
#include "stream.h"

using Work = std::vector<std::function<void()>>;

struct CUstream_st {
  int device;
  std::shared_ptr<Work> captured;  // null if the stream is not captured
  bool began = false;              // the capture began on this stream
};
// Freed memory stays reserved until the pool is trimmed; a block is only reused for the same size.
// If the threshold is 0, like that of a default pool, freed memory is released at once.
struct CUmemPoolHandle_st {
  int device;
  uint64_t threshold = 0;
  size_t used = 0;
  size_t unused = 0;
  std::multiset<size_t> blocks;  // sizes of the unused blocks
};
struct CUevent_st {
  int device;
  std::shared_ptr<Work> captured;
  std::chrono::steady_clock::time_point time;
  bool recorded = false;
};
struct CUgraph_st {
  std::shared_ptr<Work> work;
};
struct CUgraphExec_st {
  std::shared_ptr<Work> work;
};

namespace elmo4j {
namespace emulator {
namespace {

thread_local cudaError_t last_error = cudaSuccess;

thread_local int current_device = 0;

size_t environment(const char* name, size_t otherwise) {
  const char* wanted = std::getenv(name);
  return wanted ? std::strtoull(wanted, nullptr, 10) : otherwise;
}

int device_count() {
  static const int count = static_cast<int>(environment("ELMO4J_EMULATED_DEVICES", 2));
  return count;
}

size_t memory_bytes() {
  static const size_t bytes = environment("ELMO4J_EMULATED_MEMORY", size_t{4} << 30);
  return bytes;
}

int device_of(cudaStream_t stream) { return stream ? stream->device : current_device; }

// Device memory; `allocations` has the addresses as keys.
struct Allocation {
  size_t bytes;
  int device;
  cudaMemPool_t pool;  // or null
};
std::mutex mutex;
std::map<const char*, Allocation> allocations;
std::map<int, size_t> allocated;  // bytes of each device, including unused memory of pools
std::map<int, CUmemPoolHandle_st> default_pools;

// The caller holds `mutex`.
void trim(cudaMemPool_t pool) {
  allocated[pool->device] -= pool->unused;
  pool->unused = 0;
  pool->blocks.clear();
}

cudaError_t allocate(void** memory, size_t bytes, int device, cudaMemPool_t pool = nullptr) {
  *memory = nullptr;
  if (bytes == 0) {
    return cudaSuccess;
  }
  const std::lock_guard<std::mutex> lock(mutex);
  const auto kept = pool ? pool->blocks.find(bytes) : std::multiset<size_t>::iterator();
  const bool again = pool && kept != pool->blocks.end();
  if ((!again && bytes > memory_bytes() - allocated[device]) ||
      posix_memalign(memory, 256, bytes) != 0) {
    return failed(cudaErrorMemoryAllocation);
  }
  std::memset(*memory, 0xFF, bytes);
  allocations[static_cast<char*>(*memory)] = {bytes, device, pool};
  if (again) {
    pool->blocks.erase(kept);
    pool->unused -= bytes;
  } else {
    allocated[device] += bytes;
  }
  if (pool) {
    pool->used += bytes;
  }
  return cudaSuccess;
}

cudaError_t release(void* memory, int device) {
  if (!memory) {
    return cudaSuccess;
  }
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = allocations.find(static_cast<char*>(memory));
  if (found == allocations.end() || found->second.device != device) {
    return failed(cudaErrorInvalidValue);
  }
  const size_t bytes = found->second.bytes;
  const cudaMemPool_t pool = found->second.pool;
  if (pool) {
    pool->used -= bytes;
  }
  if (pool && pool->threshold > 0) {
    pool->unused += bytes;
    pool->blocks.insert(bytes);
  } else {
    allocated[device] -= bytes;
  }
  allocations.erase(found);
  std::free(memory);
  return cudaSuccess;
}

// Fills the unused part of the stack with a number that check_launch refuses. A launch then fails
// if its arguments contain something that was never written, such as the padding between the fields
// of a struct.
constexpr uint32_t kUnwritten = 0x5eed1e55;
__attribute__((noinline)) void spoil_stack() {
  volatile uint32_t memory[16384];
  for (volatile uint32_t& word : memory) {
    word = kUnwritten;
  }
}

// Returns the device of some bytes: kHost if they are not device memory, kNowhere if they exceed
// their allocation.
constexpr int kHost = -1;
constexpr int kNowhere = -2;
int device_of(const void* memory, size_t bytes) {
  const char* first = static_cast<const char*>(memory);
  const std::lock_guard<std::mutex> lock(mutex);
  auto after = allocations.upper_bound(first);
  if (after == allocations.begin()) {
    return kHost;
  }
  --after;
  const char* end = after->first + after->second.bytes;
  return first >= end ? kHost : first + bytes <= end ? after->second.device : kNowhere;
}

// Returns whether source and target of a copy are where `kind` says, and not on another device than
// the stream.
bool valid(void* target, const void* source, size_t bytes, cudaMemcpyKind kind, int device) {
  const bool to = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const auto end = [&](const void* memory, bool wanted) {
    const int found = device_of(memory, bytes);
    return (found == device || found == kHost) &&
           (kind == cudaMemcpyDefault || wanted == (found == device));
  };
  return bytes == 0 || (end(target, to) && end(source, from));
}

}  // namespace

cudaError_t check_launch(cudaStream_t stream, const std::vector<Argument>& arguments) {
  if (device_of(stream) != current_device) {
    return failed(cudaErrorInvalidResourceHandle);
  }
  for (const Argument& argument : arguments) {
    for (size_t at = 0; at + sizeof kUnwritten <= argument.bytes; at += sizeof kUnwritten) {
      if (std::memcmp(static_cast<const char*>(argument.at) + at, &kUnwritten, sizeof kUnwritten) ==
          0) {
        return failed(cudaErrorInvalidValue);
      }
    }
    for (size_t at = 0; at + sizeof(void*) <= argument.bytes; at += sizeof(void*)) {
      const void* word;
      std::memcpy(&word, static_cast<const char*>(argument.at) + at, sizeof word);
      const int device = device_of(word, 1);
      if (device != kHost && device != current_device) {
        return failed(cudaErrorIllegalAddress);
      }
    }
  }
  return cudaSuccess;
}

int capability() { return static_cast<int>(environment("ELMO4J_EMULATED_CAPABILITY", 90)); }

int multiprocessors() {
  return static_cast<int>(environment("ELMO4J_EMULATED_MULTIPROCESSORS", 4));
}

void submit(cudaStream_t stream, std::function<void()> work) {
  if (stream && stream->captured) {
    stream->captured->push_back(std::move(work));
  } else {
    work();
  }
}

cudaError_t failed(cudaError_t error) {
  last_error = error;
  return error;
}

}  // namespace emulator
}  // namespace elmo4j

using namespace elmo4j::emulator;

extern "C" {

// Memory.

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  return allocate(memory, bytes, current_device);
}
cudaError_t cudaFree(void* memory) { return release(memory, current_device); }

cudaError_t cudaMallocFromPoolAsync(void** memory, size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  if (stream && stream->captured) {
    return failed(cudaErrorStreamCaptureUnsupported);
  }
  return pool->device != device_of(stream) ? failed(cudaErrorInvalidValue)
                                           : allocate(memory, bytes, pool->device, pool);
}
cudaError_t cudaMallocAsync(void** memory, size_t bytes, cudaStream_t stream) {
  cudaMemPool_t pool;
  cudaDeviceGetDefaultMemPool(&pool, device_of(stream));
  return cudaMallocFromPoolAsync(memory, bytes, pool, stream);
}
cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  return stream && stream->captured ? failed(cudaErrorStreamCaptureUnsupported)
                                    : release(memory, device_of(stream));
}

cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  *memory = nullptr;
  return posix_memalign(memory, 4096, bytes) == 0 ? cudaSuccess : failed(cudaErrorMemoryAllocation);
}
cudaError_t cudaMallocHost(void** memory, size_t bytes) { return cudaHostAlloc(memory, bytes, 0); }
cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const std::lock_guard<std::mutex> lock(mutex);
  *free = memory_bytes() - allocated[current_device];
  *total = memory_bytes();
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  spoil_stack();  // Called from about the same depth as launches.
  if (!valid(target, source, bytes, kind, device_of(stream))) {
    return failed(cudaErrorInvalidValue);
  }
  submit(stream, [=] { std::memmove(target, source, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* target, const void* source, size_t bytes, cudaMemcpyKind kind) {
  return cudaMemcpyAsync(target, source, bytes, kind, nullptr);
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  if (bytes > 0 && device_of(memory, bytes) != device_of(stream)) {
    return failed(cudaErrorInvalidValue);
  }
  submit(stream, [=] { std::memset(memory, value, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  return cudaMemsetAsync(memory, value, bytes, nullptr);
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  const std::lock_guard<std::mutex> lock(mutex);
  *pool = &default_pools[device];
  (*pool)->device = device;
  return cudaSuccess;
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  if (properties->allocType != cudaMemAllocationTypePinned ||
      properties->location.type != cudaMemLocationTypeDevice ||
      properties->location.id >= device_count()) {
    return failed(cudaErrorInvalidValue);
  }
  *pool = new CUmemPoolHandle_st;
  (*pool)->device = properties->location.id;
  return cudaSuccess;
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  const std::lock_guard<std::mutex> lock(mutex);
  trim(pool);
  delete pool;
  return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (attribute == cudaMemPoolAttrReleaseThreshold) {
    pool->threshold = *static_cast<uint64_t*>(value);
  }
  return cudaSuccess;
}
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  const std::lock_guard<std::mutex> lock(mutex);
  uint64_t& number = *static_cast<uint64_t*>(value);
  switch (attribute) {
    case cudaMemPoolAttrReservedMemCurrent:
      number = pool->used + pool->unused;
      return cudaSuccess;
    case cudaMemPoolAttrUsedMemCurrent:
      number = pool->used;
      return cudaSuccess;
    case cudaMemPoolAttrReleaseThreshold:
      number = pool->threshold;
      return cudaSuccess;
    default:
      return failed(cudaErrorInvalidValue);
  }
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t) {
  const std::lock_guard<std::mutex> lock(mutex);
  trim(pool);
  return cudaSuccess;
}

// Streams and events.

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  (*stream)->device = current_device;
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  spoil_stack();
  return stream && stream->captured ? failed(cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  (*event)->device = current_device;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (event->device != device_of(stream)) {
    return failed(cudaErrorInvalidResourceHandle);
  }
  event->captured = stream ? stream->captured : nullptr;
  event->time = std::chrono::steady_clock::now();
  event->recorded = true;
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (!start->recorded || !end->recorded) {
    return failed(cudaErrorInvalidResourceHandle);
  }
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return cudaSuccess;
}
// A stream that waits for an event of a capture joins the capture.
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (stream && event->captured && !stream->captured) {
    stream->captured = event->captured;
  }
  return cudaSuccess;
}

// Graphs.

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (!stream || stream->captured) {
    return failed(cudaErrorStreamCaptureUnsupported);
  }
  stream->captured = std::make_shared<Work>();
  stream->began = true;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  if (!stream || !stream->captured || !stream->began) {
    return failed(cudaErrorIllegalState);
  }
  *graph = new CUgraph_st{std::move(stream->captured)};
  stream->captured = nullptr;
  stream->began = false;
  return cudaSuccess;
}
// Only returns the number of nodes.
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) {
  *count = graph->work->size();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  submit(stream, [work = exec->work] {
    for (const std::function<void()>& each : *work) {
      each();
    }
  });
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}

// The device.

cudaError_t cudaGetDeviceCount(int* count) {
  *count = device_count();
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  spoil_stack();
  *device = current_device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= device_count()) {
    return failed(cudaErrorInvalidDevice);
  }
  current_device = device;
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= device_count()) {
    return failed(cudaErrorInvalidDevice);
  }
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "elmo4j emulator");
  properties->totalGlobalMem = memory_bytes();
  properties->sharedMemPerBlock = 48 << 10;
  properties->sharedMemPerBlockOptin = kSharedBytesPerBlock;
  properties->sharedMemPerMultiprocessor = kSharedBytesPerMultiprocessor;
  properties->reservedSharedMemPerBlock = 1 << 10;
  properties->regsPerBlock = 65536;
  properties->regsPerMultiprocessor = 65536;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = 1024;
  properties->maxThreadsPerMultiProcessor = kThreadsPerMultiprocessor;
  properties->maxBlocksPerMultiProcessor = 32;
  properties->maxGridSize[0] = 0x7fffffff;
  properties->maxGridSize[1] = 65535;
  properties->maxGridSize[2] = 65535;
  properties->major = capability() / 10;
  properties->minor = capability() % 10;
  properties->multiProcessorCount = multiprocessors();
  properties->l2CacheSize = 200 << 10;  // so small that tests exceed it
  properties->unifiedAddressing = 1;
  properties->cooperativeLaunch = 1;
  properties->memoryPoolsSupported = 1;
  properties->concurrentKernels = 1;
  properties->asyncEngineCount = 2;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp p;
  const cudaError_t error = cudaGetDeviceProperties(&p, device);
  if (error != cudaSuccess) {
    return error;
  }
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = static_cast<int>(p.sharedMemPerBlock);
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(p.sharedMemPerBlockOptin);
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = static_cast<int>(p.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrMaxThreadsPerBlock:
      *value = p.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = p.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrL2CacheSize:
      *value = p.l2CacheSize;
      break;
    case cudaDevAttrCooperativeLaunch:
    case cudaDevAttrMemoryPoolsSupported:
      *value = 1;
      break;
    default:
      return failed(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute attribute, int value) {
  return attribute == cudaFuncAttributeMaxDynamicSharedMemorySize && value > kSharedBytesPerBlock
             ? failed(cudaErrorInvalidValue)
             : cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*,
                                                                   int threads, size_t shared_bytes,
                                                                   unsigned) {
  *blocks = shared_bytes > static_cast<size_t>(kSharedBytesPerBlock)
                ? 0
                : blocks_per_multiprocessor(threads, shared_bytes);
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel,
                                                          int threads, size_t shared_bytes) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, kernel, threads,
                                                                shared_bytes, 0);
}

// Errors.

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError() { return last_error; }

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorCooperativeLaunchTooLarge:
      return "cudaErrorCooperativeLaunchTooLarge";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    default:
      return "cudaErrorUnknown";
  }
}
const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

}  // extern "C"
