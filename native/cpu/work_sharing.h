// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Threads that have nothing to do take part in another thread's products (kernels.h). Each product
// is panels that anybody may compute, in any order: its owner publishes them as a job and takes
// some at a time, and so do helpers, until none is left.

#ifndef ELMO4J_CPU_WORK_SHARING_H_
#define ELMO4J_CPU_WORK_SHARING_H_

#include <stdint.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace elmo4j {

class WorkSharing {
 public:
  // The owner: calls panels(first, last) for all of [0, count) between itself and helpers, on its
  // own thread and theirs, and returns when all have returned.
  template <class Panels>
  void share(int64_t count, const Panels& panels) {
    if (count >= kMost) {
      panels(0, count);
      return;
    }
    run_.store([](const void* context, int64_t first,
                  int64_t last) { (*static_cast<const Panels*>(context))(first, last); },
               std::memory_order_relaxed);
    context_.store(&panels, std::memory_order_relaxed);
    helped_.store(0, std::memory_order_relaxed);
    jobs_++;
    left_.store((jobs_ << kBits | static_cast<uint64_t>(count)) << kBits,
                std::memory_order_release);
    int64_t own = 0;
    for (int64_t done; (done = take()) > 0;) {
      own += done;
    }
    for (int spins = 0; own + helped_.load(std::memory_order_acquire) < count;) {
      rest(spins);
    }
  }

  // A helper, until end().
  void help() {
    for (int spins = 0; open_.load(std::memory_order_acquire);) {
      const int64_t done = take();
      if (done > 0) {
        helped_.fetch_add(done, std::memory_order_release);
      } else {
        rest(spins);
      }
    }
  }

  void end() { open_.store(false, std::memory_order_release); }

 private:
  using Run = void (*)(const void*, int64_t, int64_t);

  // Computes some panels of the job; returns how many, 0 once all are taken.
  int64_t take() {
    uint64_t left = left_.load(std::memory_order_acquire);
    while (true) {
      const int64_t first = left % kMost;
      const int64_t count = (left >> kBits) % kMost;
      if (first == count) {
        return 0;
      }
      const int64_t some = std::min(count - first, std::max<int64_t>(1, count / kParts));
      // The next job is written over this one only when nothing is left of it: where what was left
      // is still left, these were this one's. That is why all three numbers are in one word.
      const Run run = run_.load(std::memory_order_relaxed);
      const void* context = context_.load(std::memory_order_relaxed);
      if (left_.compare_exchange_weak(left, left + some, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        run(context, first, first + some);
        return some;
      }
    }
  }

  // Whoever is waited for may need this core.
  static void rest(int& spins) {
    if (++spins % 64 == 0) {
      std::this_thread::yield();
    } else {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#elif defined(__aarch64__)
      asm volatile("isb");  // `yield` does nothing on most
#endif
    }
  }

  // A job's panels are taken in so many parts: few, since each begins without fetched weights.
  static constexpr int64_t kParts = 64;

  static constexpr int kBits = 20;
  static constexpr int64_t kMost = int64_t{1} << kBits;

  // The job's number, its panels, and the first of them that nobody has taken: 24, 20, 20 bits.
  alignas(64) std::atomic<uint64_t> left_{0};
  std::atomic<int64_t> helped_{0};  // panels of the job that helpers have done
  std::atomic<bool> open_{true};
  std::atomic<Run> run_{nullptr};
  std::atomic<const void*> context_{nullptr};
  uint64_t jobs_ = 0;  // the owner's
};

}  // namespace elmo4j

#endif  // ELMO4J_CPU_WORK_SHARING_H_
