// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include <limits>

#include "kernel_test.h"
#include "scalar_mix_oracle.h"

namespace elmo4j {
namespace {

class ScalarMixTest : public KernelTest {
 protected:
  static constexpr int64_t kWords = 5, kMaxRows = 7;

  // Three layers. The first is indexed by word, so its rows are used more than once. Sentences are
  // written in another order. Without boundaries the last one is empty.
  ScalarMixOracle oracle_of(int64_t dim) {
    ScalarMixOracle oracle = {dim, {0, 7, 11}, {7, 4, 2}, {2, 0, 1}, {}, {}, {}, {}};
    oracle.words.resize(13);
    for (int32_t& word : oracle.words) {
      word = static_cast<int32_t>(engine_() % kWords);
    }
    for (int64_t rows : {kWords, oracle.positions(), oracle.positions()}) {
      oracle.forward.push_back(random(rows * dim));
      oracle.backward.push_back(random(rows * dim));
    }
    oracle.scale = {0.5f, -1.25f, 2.0f};
    return oracle;
  }

  static elmo4j_batch batch_of(const ScalarMixOracle& oracle) {
    return {static_cast<int64_t>(oracle.start.size()), oracle.start.data(), oracle.length.data(),
            oracle.place.data()};
  }
};

TEST_P(ScalarMixTest, EqualsTheWeightedSum) {
  for (int64_t dim : {1, 19, 32}) {
    const ScalarMixOracle oracle = oracle_of(dim);
    elmo4j_term terms[3];
    for (int k = 0; k < 3; k++) {
      terms[k] = {oracle.forward[k].data(), oracle.backward[k].data(),
                  k == 0 ? oracle.words.data() : nullptr, oracle.scale[k]};
    }
    const elmo4j_batch batch = batch_of(oracle);
    for (int halves : {1, 2}) {
      const int64_t width = halves * dim;
      for (int ends : {0, 1}) {
        std::vector<float> padded = poisoned(3 * kMaxRows * width);
        std::vector<float> means = poisoned(3 * width);
        for (int mean : {0, 1}) {
          const elmo4j_sum sum = {isa(), ELMO4J_F32, halves, ends, mean, dim, kMaxRows, 3, terms};
          EXPECT_EQ(1, elmo4j_cpu_scalar_mix(&sum, &batch, mean ? means.data() : padded.data()));
        }
        Comparison to_rows("rows"), to_means("means");
        for (int s = 0; s < 3; s++) {
          for (int64_t column = 0; column < width; column++) {
            for (int64_t t = 0; t < kMaxRows; t++) {
              const float got = padded[(oracle.place[s] * kMaxRows + t) * width + column];
              if (t < oracle.count(s, ends)) {
                to_rows.close(oracle.row(s, t, column, ends), got, 1e-6,
                              "row " + std::to_string(t));
              } else {
                to_rows.near(0, got, 0, "padding " + std::to_string(t));
              }
            }
            to_means.close(oracle.mean(s, column, ends), means[oracle.place[s] * width + column],
                           1e-6, column);
          }
        }
      }
    }
  }
}

// A single number that is not finite, or a sum that overflows, is reported. Numbers that are not
// part of the sum are ignored.
TEST_P(ScalarMixTest, TellsNumbersThatAreNotFinite) {
  for (int64_t dim : {1, 19, 32}) {
    ScalarMixOracle oracle = oracle_of(dim);
    const elmo4j_batch batch = batch_of(oracle);
    for (float value :
         {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 3e38f}) {
      for (int64_t position : {1, 9, 12}) {  // the last one is a boundary
        std::vector<float> layer = oracle.forward[1];
        layer[position * dim + dim - 1] = value;
        const elmo4j_term term = {oracle.forward[1].data(), layer.data(), nullptr, 2};
        for (int mean : {0, 1}) {
          for (int halves : {1, 2}) {
            std::vector<float> target(3 * kMaxRows * halves * dim);
            const elmo4j_sum sum = {isa(), ELMO4J_F32, halves, 1, mean, dim, kMaxRows, 1, &term};
            EXPECT_EQ(halves == 1 || position == 12,
                      elmo4j_cpu_scalar_mix(&sum, &batch, target.data()))
                << value << " at " << position << " of dim " << dim;
          }
        }
      }
    }
  }
}

// The mix is linear in its scales and layers, so its gradients are sums, which are computed in
// double. Layer 0 is used for both halves.
TEST_P(ScalarMixTest, GradientsEqualTheirSums) {
  for (int64_t dim : {1, 19, 32}) {
    ScalarMixOracle oracle = oracle_of(dim);
    oracle.backward[0] = oracle.forward[0];
    const std::vector<float>&ahead = oracle.forward[1], &back = oracle.backward[1];
    const float scale = 0.75f, slope = -0.5f, offset = 0.125f;
    const elmo4j_term terms[] = {
        {oracle.forward[0].data(), oracle.forward[0].data(), oracle.words.data(), scale},
        {ahead.data(), back.data(), nullptr, scale}};
    const elmo4j_batch batch = batch_of(oracle);
    for (int halves : {1, 2}) {
      const int64_t width = halves * dim;
      for (int ends : {0, 1}) {
        for (int mean : {0, 1}) {
          // Rows after a sentence's end must not be read.
          const int64_t rows_each = mean ? 1 : kMaxRows;
          std::vector<float> gradient = poisoned(3 * rows_each * width);
          for (int64_t s = 0; s < 3; s++) {
            const int64_t count = oracle.count(s, ends);
            const std::vector<float> fresh = random(rows_each * width);
            if (count > 0) {
              std::copy(fresh.begin(), fresh.begin() + (mean ? 1 : count) * width,
                        gradient.begin() + oracle.place[s] * rows_each * width);
            }
          }
          std::vector<float> got_word = random(kWords * dim),
                             got_ahead = random(oracle.positions() * dim),
                             got_back = random(oracle.positions() * dim);
          std::vector<double> to_word(got_word.begin(), got_word.end()),
              to_ahead(got_ahead.begin(), got_ahead.end()),
              to_back(got_back.begin(), got_back.end());
          double wanted[] = {100, -100};
          oracle.for_each_gradient(
              halves, ends, kMaxRows, mean, gradient, [&](int64_t p, int64_t column, double g) {
                wanted[0] += g * oracle.layer(0, p, column);
                wanted[1] += g * oracle.layer(1, p, column);
                to_word[oracle.index(0, p, column)] += scale * g + offset;
                (column < dim ? to_ahead : to_back)[oracle.index(1, p, column)] +=
                    scale * g + slope * oracle.layer(1, p, column) + offset;
              });
          double got[] = {100, -100};
          const elmo4j_sum sum = {isa(), ELMO4J_F32, halves, ends, mean, dim, kMaxRows, 2, terms};
          elmo4j_cpu_scalar_mix_backward(&sum, &batch, gradient.data(), got);
          // Returns a sum of term k only.
          const auto term = [&](int k) {
            elmo4j_sum one = sum;
            one.term_count = 1;
            one.terms += k;
            return one;
          };
          const elmo4j_sum words = term(0);
          elmo4j_cpu_scalar_mix_backward_layer(&words, &batch, 0, offset, gradient.data(),
                                               got_word.data(), got_word.data());
          const elmo4j_sum layer = term(1);
          elmo4j_cpu_scalar_mix_backward_layer(&layer, &batch, slope, offset, gradient.data(),
                                               got_ahead.data(), got_back.data());
          for (int k = 0; k < 2; k++) {
            EXPECT_NEAR(wanted[k], got[k], 1e-5) << "scale " << k;
          }
          Comparison word("word"), ahead("forward"), back("backward");
          for (size_t i = 0; i < to_word.size(); i++) {
            word.close(to_word[i], got_word[i], 1e-5, i);
          }
          for (size_t i = 0; i < to_ahead.size(); i++) {
            ahead.close(to_ahead[i], got_ahead[i], 1e-6, i);
            back.close(to_back[i], got_back[i], 1e-6, i);
          }
        }
      }
    }
  }
}

// Without a gradient of the target, the result depends only on slope and offset.
TEST_P(ScalarMixTest, ALayersGradientMayComeWithoutOneOfTheTarget) {
  const int64_t dim = 21;
  const std::vector<float> layer = random(2 * dim);
  const std::vector<int32_t> start = {0}, length = {2}, place = {0};
  std::vector<float> got(2 * dim, 1.0f);
  const elmo4j_term term = {layer.data(), nullptr, nullptr, 5};
  const elmo4j_sum sum = {isa(), ELMO4J_F32, 1, 0, 0, dim, 2, 1, &term};
  const elmo4j_batch batch = {1, start.data(), length.data(), place.data()};
  elmo4j_cpu_scalar_mix_backward_layer(&sum, &batch, 2, 3, nullptr, got.data(), nullptr);
  Comparison gradient("gradient");
  for (int64_t i = 0; i < 2 * dim; i++) {
    gradient.close(4 + 2.0 * layer[i], got[i], 1e-6, i);
  }
}

// With a large mean and a small variance, a sum of squares would lose the variance.
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
  const elmo4j_term layer = {ahead.data(), back.data(), nullptr, 0};
  const elmo4j_sum sum_of_layer = {isa(), ELMO4J_F32, 2, 0, 0, dim, 0, 1, &layer};
  elmo4j_cpu_layer_moments(&sum_of_layer, positions, moments);
  EXPECT_NEAR(sum / count, moments[0], 1e-9);
  EXPECT_NEAR(squares / count, moments[1], 1e-9 * squares / count);
}

ELMO4J_FOR_EACH_ISA(ScalarMixTest);

}  // namespace
}  // namespace elmo4j
