// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "comparison.h"
#include "elmo4j/kernels.h"

namespace elmo4j {
namespace {

class HeadTest : public testing::Test {
 protected:
  std::vector<float> random(int64_t count) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> values(count);
    for (float& v : values) {
      v = uniform(engine_);
    }
    return values;
  }

  std::mt19937 engine_{20180610};
};

TEST_F(HeadTest, LinearAndItsGradientsEqualTheirSums) {
  const int64_t rows = 7, depth = 19, columns = 5;
  const std::vector<float> x = random(rows * depth), w = random(depth * columns),
                           b = random(columns), dy = random(rows * columns);
  for (int relu : {0, 1}) {
    std::vector<float> y(rows * columns, NAN), dw(depth * columns, NAN), db(columns, NAN),
        dx(rows * depth, NAN), gradient = dy;
    elmo4j_cpu_linear(rows, depth, columns, x.data(), w.data(), b.data(), relu, y.data());
    std::vector<double> passed(rows * columns);
    Comparison to_y("y"), to_b("gradient of b"), to_w("gradient of w"), to_x("gradient of x");
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t c = 0; c < columns; c++) {
        double sum = b[c];
        for (int64_t k = 0; k < depth; k++) {
          sum += static_cast<double>(x[r * depth + k]) * w[k * columns + c];
        }
        const bool open = !relu || sum > 0;
        to_y.near(open ? sum : 0, y[r * columns + c], 1e-5, r * columns + c);
        passed[r * columns + c] = open ? dy[r * columns + c] : 0;
      }
    }
    elmo4j_cpu_linear_backward(rows, depth, columns, x.data(), w.data(), relu ? y.data() : nullptr,
                               gradient.data(), dw.data(), db.data(), dx.data());
    for (int64_t c = 0; c < columns; c++) {
      double bias = 0;
      for (int64_t r = 0; r < rows; r++) {
        bias += passed[r * columns + c];
      }
      to_b.near(bias, db[c], 1e-5, c);
      for (int64_t k = 0; k < depth; k++) {
        double sum = 0;
        for (int64_t r = 0; r < rows; r++) {
          sum += passed[r * columns + c] * x[r * depth + k];
        }
        to_w.near(sum, dw[k * columns + c], 1e-5, k * columns + c);
      }
    }
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t k = 0; k < depth; k++) {
        double sum = 0;
        for (int64_t c = 0; c < columns; c++) {
          sum += passed[r * columns + c] * w[k * columns + c];
        }
        to_x.near(sum, dx[r * depth + k], 1e-5, r * depth + k);
      }
    }
  }
}

TEST_F(HeadTest, NoRowsGiveNoGradient) {
  std::vector<float> w = random(6), dw(6, NAN), db(2, NAN);
  elmo4j_cpu_linear(0, 3, 2, nullptr, w.data(), db.data(), 1, nullptr);
  elmo4j_cpu_linear_backward(0, 3, 2, nullptr, w.data(), nullptr, nullptr, dw.data(), db.data(),
                             nullptr);
  EXPECT_EQ(std::vector<float>(6), dw);
  EXPECT_EQ(std::vector<float>(2), db);
}

// Includes large logits, which must not overflow.
TEST_F(HeadTest, SoftmaxLossAndItsGradient) {
  std::vector<float> logits = {0, std::log(3.0f), 1000, 0, -1000, -1000};
  const int32_t labels[] = {1, 0, 1};
  const double loss = elmo4j_cpu_softmax_loss(3, 2, logits.data(), labels);
  EXPECT_NEAR(std::log(4.0 / 3) + 0 + std::log(2.0), loss, 1e-6);
  const double wanted[] = {0.25, -0.25, 0, 0, 0.5, -0.5};
  for (int i = 0; i < 6; i++) {
    EXPECT_NEAR(wanted[i] / 3, logits[i], 1e-6) << i;
  }
}

TEST_F(HeadTest, ALossThatIsNoNumberShows) {
  std::vector<float> logits = {NAN, 1};
  const int32_t labels[] = {1};
  EXPECT_TRUE(std::isnan(elmo4j_cpu_softmax_loss(1, 2, logits.data(), labels)));
}

TEST_F(HeadTest, DropoutDropsItsShareAndKeepsTheMean) {
  const int64_t count = 200000;
  for (float rate : {0.0f, 0.25f, 0.9f}) {
    std::vector<float> values(count, 1.0f), again(count, 1.0f), other(count, 1.0f);
    elmo4j_cpu_dropout(count, values.data(), rate, 1);
    elmo4j_cpu_dropout(count, again.data(), rate, 1);
    elmo4j_cpu_dropout(count, other.data(), rate, 2);
    double dropped = 0, both = 0;
    for (int64_t i = 0; i < count; i++) {
      EXPECT_TRUE(values[i] == 0 || values[i] == 1 / (1 - rate));
      dropped += values[i] == 0;
      both += values[i] == 0 && other[i] == 0;
    }
    // Six standard deviations.
    EXPECT_NEAR(rate, dropped / count, 6 * std::sqrt(rate * (1 - rate) / count));
    EXPECT_NEAR(rate * rate, both / count, 6 * std::sqrt(rate * rate * (1 - rate * rate) / count));
    EXPECT_EQ(values, again);
  }
}

// The first step of Adam is the learning rate, whatever the size of the gradient.
TEST_F(HeadTest, AdamFollowsItsFormula) {
  float values[] = {1, 1, 1}, mean[3] = {}, variance[3] = {};
  const float first[] = {100, -0.001f, 0}, second[] = {50, 0.002f, 0};
  elmo4j_cpu_adam(3, 1, 0.1f, first, mean, variance, values);
  EXPECT_NEAR(0.9, values[0], 1e-6);
  EXPECT_NEAR(1.1, values[1], 1e-5);
  EXPECT_EQ(1, values[2]);
  elmo4j_cpu_adam(3, 2, 0.1f, second, mean, variance, values);
  const double m = (0.9 * 10 + 0.1 * 50) / (1 - 0.81);
  const double v = (0.999 * 10 + 0.001 * 2500) / (1 - 0.998001);
  EXPECT_NEAR(0.9 - 0.1 * m / std::sqrt(v), values[0], 1e-5);
  EXPECT_EQ(1, values[2]);
}

TEST_F(HeadTest, MappedMemoryIsZeroAndCanBeWritten) {
  const int64_t bytes = 1 << 20;
  char* memory = static_cast<char*>(elmo4j_map(testing::TempDir().c_str(), bytes));
  ASSERT_NE(nullptr, memory);
  EXPECT_EQ(0, memory[bytes - 1]);
  memory[bytes - 1] = 7;
  EXPECT_EQ(7, memory[bytes - 1]);
  elmo4j_unmap(memory, bytes);
  EXPECT_EQ(nullptr, elmo4j_map("/no/such/folder", bytes));
  EXPECT_EQ(nullptr, elmo4j_map(testing::TempDir().c_str(), int64_t{1} << 60));
}

}  // namespace
}  // namespace elmo4j
