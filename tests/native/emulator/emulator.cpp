// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Fibers, blocks and barriers. The file is longer than 500 lines because they all use the
// scheduler's state, which other files should not see.

#include "emulator.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(ELMO4J_EMULATOR_TSAN)
extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void* __tsan_get_current_fiber();
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
}
#endif

#include "fiber_switch.h"
#include "stream.h"

namespace elmo4j {
namespace emulator {

__thread Thread* running = nullptr;

namespace {

constexpr size_t kStackBytes = 256 << 10;
constexpr size_t kGuardBytes = 4 << 10;

// The stacks of successive fibers begin this much further from the ends of their pages, so that
// they do not all compete for the same lines of the processor's caches.
constexpr size_t kColourBytes = 13 * 64;
constexpr size_t kPageBytes = 4 << 10;
constexpr int kFetchedLines = 8;

struct Fiber;
struct Block;

// A queue of fibers.
struct Queue {
  Fiber* first = nullptr;
  Fiber* last = nullptr;
  int size = 0;

  inline void push(Fiber* fiber);
  inline Fiber* pop();
  inline void move_to(Queue* other);
};

struct Warp {
  Fiber* lanes[32] = {};
  unsigned alive = 0;    // lanes that exist and have not ended
  unsigned waiting = 0;  // lanes that wait for others of their mask
};

struct Fiber : Thread {
  void* stack_pointer = nullptr;
  char* stack = nullptr;
  Fiber* next = nullptr;
  Block* in = nullptr;
  Warp* warp = nullptr;
  int lane = 0;
  // What the fiber waits for.
  const char* file = nullptr;
  int line = 0;
  int barrier = -1;
  unsigned mask = 0;  // if not zero, it waits for the lanes of this mask
  Operation operation = nullptr;
  void* data = nullptr;
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack = nullptr;
  bool ended = false;
#endif
#if defined(ELMO4J_EMULATOR_TSAN)
  void* tsan = nullptr;
#endif
};

void Queue::push(Fiber* fiber) {
  fiber->next = nullptr;
  (last ? last->next : first) = fiber;
  last = fiber;
  size++;
}

Fiber* Queue::pop() {
  Fiber* fiber = first;
  first = fiber->next;
  last = first ? last : nullptr;
  size--;
  return fiber;
}

void Queue::move_to(Queue* other) {
  if (!first) {
    return;
  }
  (other->last ? other->last->next : other->first) = first;
  other->last = last;
  other->size += size;
  *this = Queue();
}

constexpr int kBarriers = 16;  // for kernels; the barriers of the warpgroups follow
constexpr int kWarpgroups = 8;

struct Block {
  uint3 index;
  int alive = 0;
  struct Barrier {
    Queue waiting;
    int threads = 0;
    char generation[2] = {};  // addresses for ThreadSanitizer
    int current = 0;
  } barriers[kBarriers + kWarpgroups];
  struct Warpgroup {
    void* data[128];
    int come = 0;
    Operation operation;
  } warpgroups[kWarpgroups];
  std::vector<Warp> warps;
  std::unique_ptr<char, decltype(&std::free)> shared{nullptr, std::free};
  std::vector<char> unshown;  // for each 16 bytes of `shared`
};

// Runs the blocks of one launch on the calling host thread.
class Scheduler {
 public:
  ~Scheduler() {
    for (const std::unique_ptr<Fiber>& fiber : fibers_) {
      munmap(fiber->stack - kGuardBytes, kStackBytes + kGuardBytes);
    }
  }

  void run(const std::function<void()>& kernel, dim3 grid, dim3 block, size_t shared_bytes,
           bool cooperative);
  void wait();  // the running fiber is in a queue, or is resumed by check_lanes
  [[noreturn]] void end();
  void check_lanes(Warp* warp, unsigned mask);
  void check_barrier(Block* block, int id);
  void spin();
  Fiber* current() const { return static_cast<Fiber*>(running); }
  void call_kernel() { (*kernel_)(); }
  [[noreturn]] void fail(const char* why);

 private:
  void start(Block* block, dim3 grid, dim3 size, bool backwards);
  void switch_to(Fiber* fiber);  // null switches to the host
  void arrived(Fiber* from);

  const std::function<void()>* kernel_ = nullptr;
  std::vector<std::unique_ptr<Fiber>> fibers_;  // with their stacks, kept for the next launch
  size_t used_ = 0;
  std::vector<std::unique_ptr<Block>> blocks_;
  Queue ready_;
  void* host_stack_pointer_ = nullptr;
  int64_t idle_spins_ = 0;
#if defined(__SANITIZE_ADDRESS__)
  void* host_fake_stack_ = nullptr;
  const void* host_stack_ = nullptr;
  size_t host_stack_bytes_ = 0;
#endif
#if defined(ELMO4J_EMULATOR_TSAN)
  void* host_tsan_ = nullptr;
#endif

  friend void fiber_main();
};

// All host threads share one scheduler and take turns: a launch may need thousands of stacks, and
// the number of memory mappings of a process is limited.
Scheduler scheduler;
std::mutex launching;

std::atomic<unsigned> launches{0};

void describe(const Fiber& fiber) {
  std::fprintf(stderr, "  thread (%u, %u, %u) of block (%u, %u, %u)", fiber.index.x, fiber.index.y,
               fiber.index.z, fiber.block.x, fiber.block.y, fiber.block.z);
  if (fiber.barrier >= kBarriers) {
    std::fprintf(stderr, " waits for its warpgroup");
  } else if (fiber.barrier >= 0) {
    std::fprintf(stderr, " waits at barrier %d", fiber.barrier);
  } else if (fiber.mask) {
    std::fprintf(stderr, " waits for lanes %08x", fiber.mask);
  } else {
    std::fprintf(stderr, " spins or runs\n");
    return;
  }
  std::fprintf(stderr, ", %s:%d\n", fiber.file, fiber.line);
}

// Every fiber starts here.
void fiber_main() {
  Scheduler& mine = scheduler;
  mine.arrived(nullptr);
  mine.call_kernel();
  mine.end();
}

void Scheduler::arrived([[maybe_unused]] Fiber* from) {
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  size_t bytes = 0;
  Fiber* now = current();
  __sanitizer_finish_switch_fiber(now ? now->fake_stack : host_fake_stack_, &bottom, &bytes);
  if (!host_stack_) {  // the first switch is from the host's stack
    host_stack_ = bottom;
    host_stack_bytes_ = bytes;
  }
#endif
}

void Scheduler::switch_to(Fiber* to) {
  Fiber* from = current();
  if (from == to) {
    return;
  }
  running = to;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(!from         ? &host_fake_stack_
                                 : from->ended ? nullptr
                                               : &from->fake_stack,
                                 to ? to->stack : host_stack_,
                                 to ? kStackBytes : host_stack_bytes_);
#endif
#if defined(ELMO4J_EMULATOR_TSAN)
  // Flag 1: a switch between fibers does not synchronise them. Switches from and to the host do,
  // since they are the start and the end of a launch.
  __tsan_switch_to_fiber(to ? to->tsan : host_tsan_, from && to ? 1 : 0);
#endif
  if (ready_.first) {
    // Fetches the next fiber's stack, which has left the nearest caches, while this one runs.
    for (int line = 0; line < kFetchedLines; line++) {
      __builtin_prefetch(static_cast<char*>(ready_.first->stack_pointer) + 64 * line);
    }
  }
  elmo4j_emulator_switch(from ? &from->stack_pointer : &host_stack_pointer_,
                         to ? to->stack_pointer : host_stack_pointer_);
  arrived(from);
}

void Scheduler::wait() {
  if (!ready_.first) {
    fail("deadlock");
  }
  switch_to(ready_.pop());
}

void Scheduler::spin() {
  if (++idle_spins_ > 1000000 + 1000 * static_cast<int64_t>(used_)) {
    fail("threads spin without end");
  }
  ready_.push(current());
  wait();
}

void Scheduler::end() {
  Fiber* fiber = current();
  Block* block = fiber->in;
  idle_spins_ = 0;
#if defined(__SANITIZE_ADDRESS__)
  fiber->ended = true;
#endif
  Warp* warp = fiber->warp;
  warp->alive &= ~(1u << fiber->lane);
  block->alive--;
  for (unsigned left = warp->waiting; left; left &= left - 1) {
    if (warp->waiting >> __builtin_ctz(left) & 1) {  // not resumed meanwhile
      check_lanes(warp, warp->lanes[__builtin_ctz(left)]->mask);
    }
  }
  for (int id = 0; id < kBarriers; id++) {
    check_barrier(block, id);
  }
  releasing(this);
  if (block->alive == 0) {
    acquired(this);
    block->shared.reset();
  }
  if (ready_.first) {
    switch_to(ready_.pop());
  } else {
    for (const std::unique_ptr<Block>& each : blocks_) {
      if (each->alive) {
        fail("deadlock");
      }
    }
    switch_to(nullptr);
  }
  std::abort();  // never resumed
}

void Scheduler::fail(const char* why) {
  std::fprintf(stderr, "elmo4j emulator: %s\n", why);
  int shown = 0;
  for (size_t i = 0; i < used_ && shown < 64; i++) {
    const Fiber& fiber = *fibers_[i];
    if (fiber.warp->alive >> fiber.lane & 1) {
      describe(fiber);
      shown++;
    }
  }
  std::abort();
}

// Resumes the lanes of `mask` once all of them have reached the same operation.
void Scheduler::check_lanes(Warp* warp, unsigned mask) {
  const unsigned all = mask & warp->alive;
  if (all == 0 || (warp->waiting & all) != all) {
    return;
  }
  const Operation operation = warp->lanes[__builtin_ctz(all)]->operation;
  void* data[32] = {};
  for (unsigned left = all; left; left &= left - 1) {
    const int i = __builtin_ctz(left);
    const Fiber& fiber = *warp->lanes[i];
    if (fiber.mask != mask || fiber.operation != operation) {
      return;
    }
    data[i] = fiber.data;
  }
  idle_spins_ = 0;
  acquired(warp);
  operation(data);
  releasing(warp);
  warp->waiting &= ~all;
  for (unsigned left = all; left; left &= left - 1) {
    Fiber* fiber = warp->lanes[__builtin_ctz(left)];
    fiber->mask = 0;
    if (fiber != current()) {
      ready_.push(fiber);
    }
  }
}

void Scheduler::check_barrier(Block* block, int id) {
  Block::Barrier& barrier = block->barriers[id];
  const int wanted = barrier.threads == 0 ? block->alive : barrier.threads;
  if (barrier.waiting.size == 0 || barrier.waiting.size < wanted) {
    return;
  }
  idle_spins_ = 0;
  for (Fiber* fiber = barrier.waiting.first; fiber; fiber = fiber->next) {
    fiber->barrier = -1;
  }
  barrier.current ^= 1;
  barrier.waiting.move_to(&ready_);
}

void Scheduler::start(Block* block, dim3 grid, dim3 size, bool backwards) {
  const unsigned threads = size.x * size.y * size.z;
  block->alive = static_cast<int>(threads);
  block->warps.resize((threads + 31) / 32);
  for (unsigned k = 0; k < threads; k++) {
    const unsigned t = backwards ? threads - 1 - k : k;
    if (used_ == fibers_.size()) {
      void* memory = mmap(nullptr, kStackBytes + kGuardBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED || mprotect(memory, kGuardBytes, PROT_NONE) != 0) {
        std::perror("elmo4j emulator: no memory for a thread's stack");
        std::abort();
      }
      fibers_.emplace_back(new Fiber);
      fibers_.back()->stack = static_cast<char*>(memory) + kGuardBytes;
    }
    Fiber* fiber = fibers_[used_++].get();
    fiber->index = uint3{t % size.x, t / size.x % size.y, t / (size.x * size.y)};
    fiber->block = block->index;
    fiber->block_size = size;
    fiber->grid_size = grid;
    fiber->in = block;
    fiber->warp = &block->warps[t / 32];
    fiber->lane = static_cast<int>(t % 32);
    fiber->warp->lanes[fiber->lane] = fiber;
    fiber->warp->alive |= 1u << fiber->lane;
    fiber->barrier = -1;
    fiber->mask = 0;
#if defined(__SANITIZE_ADDRESS__)
    fiber->fake_stack = nullptr;
    fiber->ended = false;
    __asan_unpoison_memory_region(fiber->stack, kStackBytes);  // its last frames did not return
#endif
#if defined(ELMO4J_EMULATOR_TSAN)
    fiber->tsan = __tsan_create_fiber(0);
#endif
    // The initial stack looks as if fiber_main had called the switch before its first instruction,
    // and as if fiber_main itself had no caller.
    void** top =
        reinterpret_cast<void**>(fiber->stack + kStackBytes - used_ * kColourBytes % kPageBytes);
#if defined(__x86_64__)
    *--top = nullptr;  // in place of a return address, so that the stack is aligned
    *--top = reinterpret_cast<void*>(fiber_main);
    top -= 6;
    std::memset(top, 0, 6 * sizeof(void*));
#else
    top -= 20;
    std::memset(top, 0, 20 * sizeof(void*));
    top[11] = reinterpret_cast<void*>(fiber_main);
#endif
    fiber->stack_pointer = top;
    ready_.push(fiber);
  }
}

void Scheduler::run(const std::function<void()>& kernel, dim3 grid, dim3 size, size_t shared_bytes,
                    bool cooperative) {
#if defined(__SANITIZE_ADDRESS__)
  host_stack_ = nullptr;  // the last launch may have come from another thread
#endif
  if (running) {
    fail("a kernel launches a kernel");
  }
  kernel_ = &kernel;
  const bool backwards = launches++ % 2 == 1;
#if defined(ELMO4J_EMULATOR_TSAN)
  host_tsan_ = __tsan_get_current_fiber();
#endif
  const int64_t count = static_cast<int64_t>(grid.x) * grid.y * grid.z;
  const int64_t together = cooperative ? count : 1;
  for (int64_t first = 0; first < count; first += together) {
    used_ = 0;
    blocks_.clear();
    for (int64_t k = first; k < first + together; k++) {
      const int64_t b = backwards ? count - 1 - k : k;
      blocks_.emplace_back(new Block);
      Block& block = *blocks_.back();
      block.index =
          uint3{static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                static_cast<unsigned>(b / grid.x / grid.y)};
      if (shared_bytes > 0) {
        void* shared = nullptr;
        if (posix_memalign(&shared, 1024, shared_bytes) != 0) {
          std::abort();
        }
        std::memset(shared, 0xFF, shared_bytes);
        block.shared.reset(static_cast<char*>(shared));
        block.unshown.resize((shared_bytes + 15) / 16);
      }
      start(&block, grid, size, backwards);
    }
    idle_spins_ = 0;
    switch_to(ready_.pop());
    acquired(this);
#if defined(ELMO4J_EMULATOR_TSAN)
    for (size_t i = 0; i < used_; i++) {
      __tsan_destroy_fiber(fibers_[i]->tsan);
    }
#endif
  }
  blocks_.clear();
}

}  // namespace

char* shared_memory() { return scheduler.current()->in->shared.get(); }

void barrier(int id, int threads, const char* file, int line) {
  Fiber* fiber = scheduler.current();
  Block* block = fiber->in;
  Block::Barrier& barrier = block->barriers[id];
  fiber->barrier = id;
  fiber->file = file;
  fiber->line = line;
  barrier.threads = threads;
  const Fiber* first = barrier.waiting.first;
  if (threads == 0 && first && (file != first->file || line != first->line)) {
    std::fprintf(stderr, "elmo4j emulator: threads of a block meet at different barriers\n");
    describe(*first);
    describe(*fiber);
    std::abort();
  }
  barrier.waiting.push(fiber);
  char* generation = &barrier.generation[barrier.current];
  releasing(generation);
  scheduler.check_barrier(block, id);
  scheduler.wait();
  acquired(generation);
}

void together(unsigned mask, Operation operation, void* data, const char* file, int line) {
  Fiber* fiber = scheduler.current();
  fiber->mask = mask;
  fiber->operation = operation;
  fiber->data = data;
  fiber->file = file;
  fiber->line = line;
  if (!(mask >> fiber->lane & 1)) {
    scheduler.fail("a lane is not in its own mask");
  }
  releasing(fiber->warp);
  fiber->warp->waiting |= 1u << fiber->lane;
  scheduler.check_lanes(fiber->warp, mask);
  if (fiber->mask) {
    scheduler.wait();
  }
  acquired(fiber->warp);
}

void warpgroup_together(Operation operation, void* data, const char* file, int line) {
  Fiber* fiber = scheduler.current();
  Block* block = fiber->in;
  const int thread = static_cast<int>(fiber->warp - block->warps.data()) * 32 + fiber->lane;
  Block::Warpgroup& group = block->warpgroups[thread / 128];
  if (group.come > 0 && group.operation != operation) {
    scheduler.fail("threads of a warpgroup do different things");
  }
  group.operation = operation;
  group.data[thread % 128] = data;
  releasing(&group);
  if (++group.come == 128) {
    group.come = 0;
    acquired(&group);
    operation(group.data);
  }
  barrier(kBarriers + thread / 128, 128, file, line);
}

char& unshown(const void* shared) {
  Block* block = scheduler.current()->in;
  const int64_t chunk = (static_cast<const char*>(shared) - block->shared.get()) / 16;
  if (chunk < 0 || chunk >= static_cast<int64_t>(block->unshown.size())) {
    scheduler.fail("an address outside of the block's shared memory");
  }
  return block->unshown[chunk];
}

void fail(const char* why) { scheduler.fail(why); }

void require_capability(int major, int minor) {
  if (capability() != 10 * major + minor) {
    scheduler.fail("an instruction that the device has not");
  }
}

void spin() { scheduler.spin(); }

void acquired([[maybe_unused]] const void* address) {
#if defined(ELMO4J_EMULATOR_TSAN)
  __tsan_acquire(const_cast<void*>(address));
#endif
}

void releasing([[maybe_unused]] const void* address) {
#if defined(ELMO4J_EMULATOR_TSAN)
  __tsan_release(const_cast<void*>(address));
#endif
}

int launch(const std::function<void()>& kernel, const std::vector<Argument>& arguments, dim3 grid,
           dim3 block, size_t shared_bytes, bool cooperative, cudaStream_t stream) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > 65535 ||
      grid.z > 65535 || block.x == 0 || block.y == 0 || block.z == 0 || block.x > 1024 ||
      block.y > 1024 || block.z > 64 || block.x * block.y * block.z > 1024) {
    return failed(cudaErrorInvalidConfiguration);
  }
  if (shared_bytes > static_cast<size_t>(kSharedBytesPerBlock)) {
    return failed(cudaErrorInvalidValue);
  }
  if (cooperative && static_cast<int64_t>(grid.x) * grid.y * grid.z >
                         multiprocessors() *
                             blocks_per_multiprocessor(block.x * block.y * block.z, shared_bytes)) {
    return failed(cudaErrorCooperativeLaunchTooLarge);
  }
  const cudaError_t error = check_launch(stream, arguments);
  if (error != cudaSuccess) {
    return error;
  }
  submit(stream, [=] {
    const std::lock_guard<std::mutex> lock(launching);
    scheduler.run(kernel, grid, block, shared_bytes, cooperative);
  });
  return cudaSuccess;
}

}  // namespace emulator
}  // namespace elmo4j
