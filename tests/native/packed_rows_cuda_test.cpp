// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <numeric>

#include "cuda_test.h"

namespace elmo4j {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class PackedRowsCudaTest : public CudaTest {
 protected:
  // Runs skip on `h` and `x` (none if it is empty) from number `skew` on. Returns the output and
  // the flag, whose initial value is `before`.
  std::pair<std::vector<float>, int32_t> skip(const std::vector<float>& h,
                                              const std::vector<float>& x, float clip,
                                              bool in_place, int64_t skew = 0, int32_t before = 0) {
    const int64_t count = static_cast<int64_t>(h.size()) - skew;
    const DeviceNumbers device_h(type(), h), device_x(type(), x),
        output(type(), in_place ? 0 : static_cast<int64_t>(h.size()));
    const DeviceArray<int32_t> exceeded(std::vector<int32_t>{before});
    finish(elmo4j_cuda_skip(type(), count, device_h.get(skew),
                            x.empty() ? nullptr : device_x.get(skew), clip,
                            (in_place ? device_h : output).get(skew), exceeded.get(), stream_));
    return {(in_place ? device_h : output).host(), exceeded.host()[0]};
  }

  std::vector<float> clip(std::vector<float> values, float limit, int64_t skew = 0) {
    const DeviceNumbers device(type(), values);
    finish(elmo4j_cuda_clip(type(), static_cast<int64_t>(values.size()) - skew, limit,
                            device.get(skew), stream_));
    return device.host();
  }
};

// Rows of 1 and 7 numbers are copied one number at a time, rows of 32 numbers 16 bytes at a time. A
// warp needs more than one pass for a row of 1032.
TEST_P(PackedRowsCudaTest, RowsAreGatheredAndScattered) {
  for (int64_t dim : {1, 7, 32, 1032}) {
    for (int64_t skew : {0, 1}) {
      const int64_t rows = 21, all = 40;
      std::vector<int32_t> index(all);
      std::iota(index.begin(), index.end(), 0);
      std::shuffle(index.begin(), index.end(), engine_);
      index.resize(rows);
      const DeviceArray<int32_t> device_index(index);
      const std::vector<float> many = random_of(type(), skew + all * dim),
                               few = random_of(type(), skew + rows * dim);
      const DeviceNumbers source(type(), many), gathered(type(), skew + rows * dim);
      finish(elmo4j_cuda_gather_rows(type(), rows, dim, source.get(skew), device_index.get(),
                                     gathered.get(skew), stream_));
      const std::vector<float> got = gathered.host();
      const DeviceNumbers small(type(), few), scattered(type(), skew + all * dim);
      finish(elmo4j_cuda_scatter_rows(type(), rows, dim, small.get(skew), device_index.get(),
                                      scattered.get(skew), stream_));
      const std::vector<float> spread = scattered.host();
      std::vector<bool> written(all);
      for (int64_t i = 0; i < rows; i++) {
        written[index[i]] = true;
        for (int64_t j = 0; j < dim; j++) {
          ASSERT_EQ(many[skew + index[i] * dim + j], got[skew + i * dim + j]) << "row " << i;
          ASSERT_EQ(few[skew + i * dim + j], spread[skew + index[i] * dim + j]) << "row " << i;
        }
      }
      for (int64_t i = 0; i < all; i++) {
        for (int64_t j = 0; j < dim && !written[i]; j++) {
          ASSERT_TRUE(std::isnan(spread[skew + i * dim + j])) << "nobody's row " << i;
        }
      }
    }
  }
}

TEST_P(PackedRowsCudaTest, ARowMayBeGatheredTwice) {
  const DeviceNumbers source(type(), {1, 2, 3, 4}), target(type(), int64_t{6});
  const DeviceArray<int32_t> index(std::vector<int32_t>{1, 0, 1});
  finish(elmo4j_cuda_gather_rows(type(), 3, 2, source.get(), index.get(), target.get(), stream_));
  EXPECT_EQ((std::vector<float>{3, 4, 1, 2, 3, 4}), target.host());
}

// 1 and 5 numbers are only a tail, 8 have none, and 3001 have many threads and a tail. With a skew
// nothing is aligned.
TEST_P(PackedRowsCudaTest, SkipAddsTheInput) {
  for (int64_t count : {1, 5, 8, 3001}) {
    for (int64_t skew : {0, 1}) {
      for (bool in_place : {false, true}) {
        const std::vector<float> h = random_of(type(), skew + count),
                                 x = random_of(type(), skew + count);
        const auto [sum, exceeded] = skip(h, x, 1, in_place, skew);
        const auto [copy, also] = skip(h, {}, 1, in_place, skew);
        EXPECT_EQ(0, exceeded);
        EXPECT_EQ(0, also);
        for (int64_t i = skew; i < skew + count; i++) {
          ASSERT_EQ(rounded(type(), h[i] + x[i]), sum[i]) << i;
          ASSERT_EQ(h[i], copy[i]) << i;
        }
      }
    }
  }
}

// The value may be anywhere. Only h is compared with the clip, not the sum.
TEST_P(PackedRowsCudaTest, SkipTellsWhetherAnyHExceedsTheClip) {
  for (int64_t at : {0, 7, 512, 1000}) {
    for (float value : {3.5f, -3.5f, kInfinity, -kInfinity}) {
      for (bool in_place : {false, true}) {
        std::vector<float> h = random_of(type(), 1001), x(1001, 0.0f);
        h[at] = value;
        x[at] = -value / 2;
        EXPECT_EQ(1, skip(h, x, 3, in_place).second);
        EXPECT_EQ(1, skip(h, {}, 3, in_place).second);
        EXPECT_EQ(0, skip(h, x, 0, in_place).second) << "no clip";
        std::swap(h, x);
        EXPECT_EQ(std::isinf(value) ? 1 : 0, skip(h, x, 3, in_place).second);
      }
    }
  }
}

TEST_P(PackedRowsCudaTest, TheClipItselfDoesNotExceedIt) {
  EXPECT_EQ(0, skip({3, -3, 3, -3, 3, -3, 3, -3, 3}, {}, 3, true).second);
}

// kernels/packed_rows.cu gives the reason: after the clip it would be NaN too.
TEST_P(PackedRowsCudaTest, NanDoesNotExceedTheClipAndStays) {
  std::vector<float> h = random_of(type(), 20);
  h[3] = NAN;
  const auto [sum, exceeded] = skip(h, h, 1, false);
  EXPECT_EQ(0, exceeded);
  EXPECT_TRUE(std::isnan(sum[3]));
  EXPECT_EQ(rounded(type(), 2 * h[4]), sum[4]);
}

TEST_P(PackedRowsCudaTest, SkipLeavesAFlagThatIsSet) {
  EXPECT_EQ(1, skip({0.5f}, {}, 1, true, 0, 1).second);
}

TEST_P(PackedRowsCudaTest, ClipBoundsEveryValueButNan) {
  for (int64_t count : {1, 5, 8, 3001}) {
    for (int64_t skew : {0, 1}) {
      std::vector<float> values = random_of(type(), skew + count, 2);
      values.back() = kInfinity;
      if (count > 5) {
        values[skew + 2] = NAN;
        values[skew + 3] = -kInfinity;
      }
      const std::vector<float> got = clip(values, 0.75f, skew);
      Comparison clipped("clipped values");
      for (int64_t i = skew; i < skew + count; i++) {
        if (std::isnan(values[i])) {
          clipped.near(1, std::isnan(got[i]), 0, i);
        } else {
          clipped.near(std::clamp(values[i], -0.75f, 0.75f), got[i], 0, i);
        }
      }
      for (int64_t i = 0; i < skew; i++) {
        EXPECT_EQ(values[i], got[i]) << "in front";
      }
    }
  }
}

TEST_P(PackedRowsCudaTest, NothingIsLaunchedForNothing) {
  finish(elmo4j_cuda_gather_rows(type(), 0, 8, nullptr, nullptr, nullptr, stream_));
  finish(elmo4j_cuda_scatter_rows(type(), 0, 8, nullptr, nullptr, nullptr, stream_));
  finish(elmo4j_cuda_skip(type(), 0, nullptr, nullptr, 3, nullptr, nullptr, stream_));
  finish(elmo4j_cuda_clip(type(), 0, 3, nullptr, stream_));
}

ELMO4J_FOR_EACH_TYPE(PackedRowsCudaTest);

}  // namespace
}  // namespace elmo4j
