// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include "kernel_test.h"

namespace elmo4j {
namespace {

using ScalarMixTest = KernelTest;

// Three layers, the first one indexed by word; sentences placed in another order; an empty one.
TEST_P(ScalarMixTest, EqualsTheWeightedSum) {
  for (int64_t dim : {1, 19, 32}) {
    const std::vector<int32_t> length = {7, 4, 2}, start = {0, 7, 11}, place = {2, 0, 1};
    const int64_t positions = 13, max_rows = 7;
    std::vector<std::vector<float>> layers;
    for (int i = 0; i < 6; i++) {
      layers.push_back(random(positions * dim));
    }
    std::vector<int32_t> words(positions);
    for (int32_t& word : words) {
      word = static_cast<int32_t>(engine_() % positions);
    }
    const float* forward[] = {layers[0].data(), layers[1].data(), layers[2].data()};
    const float* backward[] = {layers[3].data(), layers[4].data(), layers[5].data()};
    const int32_t* rows[] = {words.data(), nullptr, nullptr};
    const float scale[] = {0.5f, -1.25f, 2.0f};
    const auto value = [&](int64_t position, int64_t column) {
      double sum = 0;
      for (int k = 0; k < 3; k++) {
        const float* layer = column < dim ? forward[k] : backward[k];
        sum += static_cast<double>(scale[k]) *
               layer[(k == 0 ? words[position] : position) * dim + column % dim];
      }
      return sum;
    };
    for (int halves : {1, 2}) {
      const int64_t width = halves * dim;
      for (int ends : {0, 1}) {
        std::vector<float> padded = poisoned(3 * max_rows * width);
        std::vector<float> means = poisoned(3 * width);
        for (int mean : {0, 1}) {
          elmo4j_cpu_scalar_mix(isa(), dim, halves, 3, forward, backward, rows, scale, 3,
                                start.data(), length.data(), place.data(), ends, max_rows, mean,
                                mean ? means.data() : padded.data());
        }
        for (int s = 0; s < 3; s++) {
          const int64_t count = length[s] - 2 * ends;
          for (int64_t column = 0; column < width; column++) {
            double total = 0;
            for (int64_t t = 0; t < max_rows; t++) {
              const double wanted = t < count ? value(start[s] + ends + t, column) : 0;
              total += wanted;
              const float got = padded[(place[s] * max_rows + t) * width + column];
              if (t < count) {
                expect_close(wanted, got, 1e-6, "row " + std::to_string(t));
              } else {
                EXPECT_EQ(0, got);
              }
            }
            expect_close(count ? total / count : 0, means[place[s] * width + column], 1e-6, "mean");
          }
        }
      }
    }
  }
}

ELMO4J_FOR_EACH_ISA(ScalarMixTest);

}  // namespace
}  // namespace elmo4j
