// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include "work_sharing.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace elmo4j {
namespace {

// Jobs with few panels and with many alternate, like the projection and the gates.
TEST(WorkSharingTest, EachPanelOfEachJobIsComputedOnce) {
  constexpr int kJobs = 40000, kMost = 300;
  for (int helpers = 0; helpers <= 3; helpers++) {
    WorkSharing sharing;
    std::vector<std::thread> threads;
    for (int i = 0; i < helpers; i++) {
      threads.emplace_back([&] { sharing.help(); });
    }
    int wrong = 0;
    for (int job = 0; job < kJobs; job++) {
      const int count = job % 2 ? kMost : job % 5;
      std::vector<std::atomic<int>> times(kMost);
      sharing.share(count, [&](int64_t first, int64_t last) {
        for (int64_t p = first; p < last; p++) {
          times[p]++;
        }
      });
      for (int p = 0; p < kMost; p++) {
        wrong += times[p] != (p < count);
      }
    }
    sharing.end();
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_EQ(0, wrong) << helpers << " helpers";
  }
}

}  // namespace
}  // namespace elmo4j
