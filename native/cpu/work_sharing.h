// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Lets idle threads help with another thread's products (kernels.h). The panels of a product may be
// computed by any thread in any order. The owner publishes them as a job; the owner and its helpers
// take some at a time until none is left.

#ifndef ELMO4J_CPU_WORK_SHARING_H_
#define ELMO4J_CPU_WORK_SHARING_H_

#include <stdint.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace elmo4j {

class WorkSharing {
 public:
  // Called by the owner. Calls panels(first, last) for ranges that make up [0, count), on this
  // thread and on those of helpers, and returns when all calls have returned.
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

  // Called by a helper. Helps until end().
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

  // Computes some panels of the job. Returns their number, or 0 when all are taken.
  int64_t take() {
    uint64_t left = left_.load(std::memory_order_acquire);
    while (true) {
      const int64_t first = left % kMost;
      const int64_t count = (left >> kBits) % kMost;
      if (first == count) {
        return 0;
      }
      const int64_t some = std::min(count - first, std::max<int64_t>(1, count / kParts));
      // A job is replaced by the next one only when none of its panels is left. If left_ has not
      // changed, run_ still belonged to this job when it was read. This is why all three numbers
      // are in one word.
      const Run run = run_.load(std::memory_order_relaxed);
      const void* context = context_.load(std::memory_order_relaxed);
      if (left_.compare_exchange_weak(left, left + some, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        run(context, first, first + some);
        return some;
      }
    }
  }

  // The thread that this one waits for may need this core.
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

  // The number of parts in which the panels of a job are taken. It is small, since each part begins
  // without prefetched weights.
  static constexpr int64_t kParts = 64;

  static constexpr int kBits = 20;
  static constexpr int64_t kMost = int64_t{1} << kBits;

  // The number of the job, its number of panels, and the first panel that is not taken: 24, 20 and
  // 20 bits.
  alignas(64) std::atomic<uint64_t> left_{0};
  std::atomic<int64_t> helped_{0};  // panels of the job that helpers have computed
  std::atomic<bool> open_{true};
  std::atomic<Run> run_{nullptr};
  std::atomic<const void*> context_{nullptr};
  uint64_t jobs_ = 0;  // the owner's
};

}  // namespace elmo4j

#endif  // ELMO4J_CPU_WORK_SHARING_H_
