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

// The mix is linear in its scales and layers, so that its gradients are sums that double can tell.
// Layer 0 is indexed by word: its rows come more than once, and it stands for both halves.
TEST_P(ScalarMixTest, GradientsEqualTheirSums) {
  for (int64_t dim : {1, 19, 32}) {
    const std::vector<int32_t> length = {7, 4, 2}, start = {0, 7, 11}, place = {2, 0, 1};
    const int64_t positions = 13, max_rows = 7, words = 5;
    const std::vector<float> word = random(words * dim), ahead = random(positions * dim),
                             back = random(positions * dim);
    std::vector<int32_t> index(positions);
    for (int32_t& i : index) {
      i = static_cast<int32_t>(engine_() % words);
    }
    const float* forward[] = {word.data(), ahead.data()};
    const float* backward[] = {word.data(), back.data()};
    const int32_t* rows[] = {index.data(), nullptr};
    const float scale = 0.75f, slope = -0.5f, offset = 0.125f;
    for (int halves : {1, 2}) {
      const int64_t width = halves * dim;
      for (int ends : {0, 1}) {
        for (int mean : {0, 1}) {
          // Rows past a sentence's end must not be read.
          std::vector<float> gradient = poisoned(3 * (mean ? 1 : max_rows) * width);
          double wanted[] = {100, -100};
          std::vector<double> to_word(words * dim), to_ahead(positions * dim),
              to_back(positions * dim);
          std::vector<float> got_word = random(words * dim), got_ahead = random(positions * dim),
                             got_back = random(positions * dim);
          std::copy(got_word.begin(), got_word.end(), to_word.begin());
          std::copy(got_ahead.begin(), got_ahead.end(), to_ahead.begin());
          std::copy(got_back.begin(), got_back.end(), to_back.begin());
          for (int s = 0; s < 3; s++) {
            const int64_t count = length[s] - 2 * ends;
            const std::vector<float> fresh = random((mean ? 1 : max_rows) * width);
            const int64_t at = place[s] * (mean ? 1 : max_rows) * width;
            if (count > 0) {
              std::copy(fresh.begin(), fresh.begin() + (mean ? 1 : count) * width,
                        gradient.begin() + at);
            }
            for (int64_t t = 0; t < count; t++) {
              const int64_t p = start[s] + ends + t;
              for (int64_t column = 0; column < width; column++) {
                const double g =
                    gradient[at + (mean ? 0 : t * width) + column] / (mean ? count : 1.0);
                const int64_t i = column % dim;
                const std::vector<float>& layer = column < dim ? ahead : back;
                wanted[0] += g * word[index[p] * dim + i];
                wanted[1] += g * layer[p * dim + i];
                to_word[index[p] * dim + i] += scale * g + offset;
                (column < dim ? to_ahead : to_back)[p * dim + i] +=
                    scale * g + slope * layer[p * dim + i] + offset;
              }
            }
          }
          double got[] = {100, -100};
          elmo4j_cpu_scalar_mix_backward(isa(), dim, halves, 2, forward, backward, rows, 3,
                                         start.data(), length.data(), place.data(), ends, max_rows,
                                         mean, gradient.data(), got);
          elmo4j_cpu_scalar_mix_backward_layer(isa(), dim, halves, nullptr, nullptr, index.data(),
                                               scale, 0, offset, 3, start.data(), length.data(),
                                               place.data(), ends, max_rows, mean, gradient.data(),
                                               got_word.data(), got_word.data());
          elmo4j_cpu_scalar_mix_backward_layer(isa(), dim, halves, ahead.data(), back.data(),
                                               nullptr, scale, slope, offset, 3, start.data(),
                                               length.data(), place.data(), ends, max_rows, mean,
                                               gradient.data(), got_ahead.data(), got_back.data());
          for (int k = 0; k < 2; k++) {
            EXPECT_NEAR(wanted[k], got[k], 1e-5) << "scale " << k;
          }
          for (size_t i = 0; i < to_word.size(); i++) {
            expect_close(to_word[i], got_word[i], 1e-5, "word " + std::to_string(i));
          }
          for (size_t i = 0; i < to_ahead.size(); i++) {
            expect_close(to_ahead[i], got_ahead[i], 1e-6, "forward " + std::to_string(i));
            expect_close(to_back[i], got_back[i], 1e-6, "backward " + std::to_string(i));
          }
        }
      }
    }
  }
}

// No gradient: only slope and offset count.
TEST_P(ScalarMixTest, ALayersGradientMayComeWithoutOneOfTheTarget) {
  const int64_t dim = 21;
  const std::vector<float> layer = random(2 * dim);
  const std::vector<int32_t> start = {0}, length = {2}, place = {0};
  std::vector<float> got(2 * dim, 1.0f);
  elmo4j_cpu_scalar_mix_backward_layer(isa(), dim, 1, layer.data(), nullptr, nullptr, 5, 2, 3, 1,
                                       start.data(), length.data(), place.data(), 0, 2, 0, nullptr,
                                       got.data(), nullptr);
  for (int64_t i = 0; i < 2 * dim; i++) {
    expect_close(4 + 2.0 * layer[i], got[i], 1e-6, std::to_string(i));
  }
}

// A large mean beside a small variance: a sum of squares would lose it.
TEST_P(ScalarMixTest, MomentsKeepASmallVarianceBesideALargeMean) {
  const int64_t dim = 19, positions = 40;
  std::vector<float> ahead = random(positions * dim, 0.01), back = random(positions * dim, 0.01);
  double sum = 0, squares = 0;
  for (std::vector<float>* layer : {&ahead, &back}) {
    for (float& v : *layer) {
      v += 1000;
      sum += v;
    }
  }
  const double count = 2.0 * positions * dim;
  for (std::vector<float>* layer : {&ahead, &back}) {
    for (float v : *layer) {
      squares += (v - sum / count) * (v - sum / count);
    }
  }
  double moments[2];
  elmo4j_cpu_layer_moments(isa(), dim, 2, ahead.data(), back.data(), nullptr, positions, moments);
  EXPECT_NEAR(sum / count, moments[0], 1e-9);
  EXPECT_NEAR(squares / count, moments[1], 1e-9 * squares / count);
}

ELMO4J_FOR_EACH_ISA(ScalarMixTest);

}  // namespace
}  // namespace elmo4j
