// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Threads that have nothing to do take part in another thread's products (kernels.h). Each product
// is panels that anybody may compute, in any order: its owner publishes them as a job and takes
// some at a time, and so do helpers, until none is left.

#ifndef ELMO4J_CPU_TEAM_H_
#define ELMO4J_CPU_TEAM_H_

#include <sched.h>
#include <stdint.h>

#include <algorithm>
#include <atomic>

namespace elmo4j {

class Team {
 public:
  // The owner: calls panels(first, last) for all of [0, count) between itself and helpers, on its
  // own thread and theirs, and returns when all have returned.
  template <class Panels>
  void share(int64_t count, const Panels& panels) {
    run_.store([](const void* context, int64_t first,
                  int64_t last) { (*static_cast<const Panels*>(context))(first, last); },
               std::memory_order_relaxed);
    context_.store(&panels, std::memory_order_relaxed);
    count_.store(count, std::memory_order_relaxed);
    helped_.store(0, std::memory_order_relaxed);
    job_++;
    next_.store(job_ << 32, std::memory_order_release);
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

  // Computes some panels of the job; returns how many.
  int64_t take() {
    uint64_t next = next_.load(std::memory_order_acquire);
    const int64_t first = static_cast<uint32_t>(next);
    const int64_t count = count_.load(std::memory_order_relaxed);
    const int64_t some = std::min(count - first, std::max<int64_t>(1, count / kParts));
    const Run run = run_.load(std::memory_order_relaxed);
    const void* context = context_.load(std::memory_order_relaxed);
    // What was read is this job's if its panels are still to be had: the next job is written when
    // all of this one's are done.
    if (some <= 0 || !next_.compare_exchange_strong(next, next + some, std::memory_order_acq_rel)) {
      return 0;
    }
    run(context, first, first + some);
    return some;
  }

  // Whoever is waited for may need this core.
  static void rest(int& spins) {
    if (++spins % 64 == 0) {
      sched_yield();
    } else {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  }

  // A job's panels are taken in so many parts: few, since each begins without fetched weights.
  static constexpr int64_t kParts = 64;

  alignas(64) std::atomic<uint64_t> next_{0};  // job << 32 | its first panel that nobody has taken
  std::atomic<int64_t> helped_{0};             // panels of the job that helpers have done
  std::atomic<bool> open_{true};
  std::atomic<Run> run_{nullptr};
  std::atomic<const void*> context_{nullptr};
  std::atomic<int64_t> count_{0};
  uint64_t job_ = 0;  // the owner's
};

}  // namespace elmo4j

#endif  // ELMO4J_CPU_TEAM_H_
