// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>

#include "cuda_test.h"
#include "scalar_mix_oracle.h"

namespace elmo4j {
namespace {

// A batch on the device. Layers are in packed order; layer 0 is indexed by word and used for both
// halves.
class ScalarMixCudaTest : public CudaTest {
 protected:
  static constexpr int64_t kWords = 5;

  // Sentences are sorted by falling length, as packed order requires. Without boundaries the last
  // one is empty.
  ScalarMixOracle oracle_of(int64_t dim, std::vector<int32_t> length = {7, 4, 4, 2}) {
    ScalarMixOracle oracle = {dim, {}, length, {}, {}, {}, {}, {0.5f, -1.25f, 2.0f}};
    int32_t positions = 0;
    for (size_t s = 0; s < length.size(); s++) {
      oracle.start.push_back(positions);
      oracle.place.push_back(static_cast<int32_t>((s + 2) % length.size()));
      positions += length[s];
    }
    for (int32_t p = 0; p < positions; p++) {
      oracle.words.push_back(static_cast<int32_t>(engine_() % kWords));
    }
    oracle.forward.push_back(random_of(type(), kWords * dim));
    oracle.backward.push_back(oracle.forward[0]);
    for (int k = 1; k < 3; k++) {
      oracle.forward.push_back(random_of(type(), positions * dim));
      oracle.backward.push_back(random_of(type(), positions * dim));
    }
    return oracle;
  }

  // Returns the first row of each step in packed order.
  static std::vector<int32_t> offsets(const ScalarMixOracle& oracle) {
    std::vector<int32_t> offset;
    int32_t rows = 0;
    for (int32_t t = 0; t < oracle.length[0]; t++) {
      offset.push_back(rows);
      for (int32_t length : oracle.length) {
        rows += t < length ? 1 : 0;
      }
    }
    return offset;
  }

  // Leaves `skew` numbers free at the beginning, so that nothing is aligned.
  DeviceNumbers packed(const ScalarMixOracle& oracle, size_t k, bool backward, int64_t skew) {
    const std::vector<float>& rows = (backward ? oracle.backward : oracle.forward)[k];
    if (k == 0) {
      std::vector<float> shifted(skew);
      shifted.insert(shifted.end(), rows.begin(), rows.end());
      return DeviceNumbers(type(), shifted);
    }
    const std::vector<int32_t> offset = offsets(oracle);
    std::vector<float> shifted(skew + rows.size());
    for (int64_t s = 0; s < oracle.sentences(); s++) {
      for (int32_t t = 0; t < oracle.length[s]; t++) {
        const int64_t position = oracle.start[s] + (backward ? oracle.length[s] - 1 - t : t);
        std::copy_n(rows.begin() + position * oracle.dim, oracle.dim,
                    shifted.begin() + skew + (offset[t] + s) * oracle.dim);
      }
    }
    return DeviceNumbers(type(), shifted);
  }

  struct Batch {
    DeviceArray<int32_t> words, start, length, offset, place;
    int64_t sentences;

    // With `own` each sentence has a target of its own, so `row` is null.
    elmo4j_packed_batch described(bool own = false) const {
      return {{sentences, start.get(), length.get(), own ? nullptr : place.get()},
              0,
              0,
              nullptr,
              offset.get()};
    }
  };

  static Batch upload(const ScalarMixOracle& oracle) {
    return {DeviceArray<int32_t>(oracle.words),  DeviceArray<int32_t>(oracle.start),
            DeviceArray<int32_t>(oracle.length), DeviceArray<int32_t>(offsets(oracle)),
            DeviceArray<int32_t>(oracle.place),  oracle.sentences()};
  }

  // Runs the kernel with all options and compares each number.
  //   max_rows  the rows of each sentence in the target, at least those of the longest sentence
  void expect_all(const ScalarMixOracle& oracle, int64_t max_rows, int64_t skew = 0) {
    const int64_t sentences = oracle.sentences();
    std::vector<DeviceNumbers> layers;
    const Batch batch = upload(oracle);
    elmo4j_term terms[3];
    for (int k = 0; k < 3; k++) {
      layers.push_back(packed(oracle, k, false, skew));
      const void* forward = layers.back().get(skew);
      if (k > 0) {
        layers.push_back(packed(oracle, k, true, skew));
      }
      terms[k] = {forward, layers.back().get(skew), k == 0 ? batch.words.get() : nullptr,
                  oracle.scale[k]};
    }
    for (int halves : {1, 2}) {
      const int64_t width = halves * oracle.dim;
      for (int ends : {0, 1}) {
        for (int mean : {0, 1}) {
          for (bool own : {false, true}) {
            SCOPED_TRACE("dim " + std::to_string(oracle.dim) + " halves " + std::to_string(halves) +
                         (ends ? " without ends" : "") + (mean ? " mean" : "") +
                         (own ? " a target each" : ""));
            const auto rows = [&](int64_t s) {
              return mean ? 1 : own ? oracle.count(s, ends) : max_rows;
            };
            // The targets of the sentences follow one another, each after a number that must not be
            // written. Some of them are aligned, others are not.
            std::vector<int64_t> at(sentences);
            int64_t size = 0;
            for (int64_t s = 0; s < sentences; s++) {
              at[s] = own ? size + 1 : oracle.place[s] * rows(s) * width;
              size += rows(s) * width + (own ? 1 : 0);
            }
            const DeviceArray<float> target(size);
            const DeviceArray<int32_t> told(std::vector<int32_t>(4));
            std::vector<float*> pointers(sentences);
            for (int64_t s = 0; s < sentences; s++) {
              pointers[s] = target.get() + at[s];
            }
            std::optional<DeviceArray<float*>> targets;
            if (own) {
              targets.emplace(pointers);
            }
            const elmo4j_sum sum = {
                0, type(), halves, ends, mean, oracle.dim, own ? oracle.count(0, ends) : max_rows,
                3, terms};
            const elmo4j_packed_batch described = batch.described(own);
            finish(elmo4j_cuda_scalar_mix(&sum, &described, own ? nullptr : target.get(),
                                          own ? targets->get() : nullptr, told.get(), stream_));
            EXPECT_EQ(std::vector<int32_t>(4), told.host());
            const std::vector<float> got = target.host();
            Comparison mixed("mix");
            for (int64_t s = 0; s < sentences; s++) {
              if (own) {
                EXPECT_TRUE(std::isnan(got[at[s] - 1])) << "in front of sentence " << s;
              }
              for (int64_t t = 0; t < rows(s); t++) {
                for (int64_t column = 0; column < width; column++) {
                  const float value = got[at[s] + t * width + column];
                  const std::string what = "sentence " + std::to_string(s) + " row " +
                                           std::to_string(t) + " column " + std::to_string(column);
                  if (mean) {
                    mixed.close(oracle.mean(s, column, ends), value, 1e-6, what);
                  } else if (t < oracle.count(s, ends)) {
                    mixed.close(oracle.row(s, t, column, ends), value, 1e-6, what);
                  } else {
                    mixed.near(0, value, 0, what);
                  }
                }
              }
            }
          }
        }
      }
    }
  }
};

// Rows of 1 and 19 numbers are read one number at a time, rows of 32 numbers 16 bytes (8 or 4
// numbers) at a time.
TEST_P(ScalarMixCudaTest, EqualsTheWeightedSum) {
  for (int64_t dim : {1, 19, 32}) {
    expect_all(oracle_of(dim), 9);
  }
}

// Both halves are wider than the 256 vectors that a block's threads take at once.
TEST_P(ScalarMixCudaTest, WideRowsTakeABlockMoreThanOnce) {
  expect_all(oracle_of(1032, {3, 2}), 3);
}

TEST_P(ScalarMixCudaTest, LayersNeedNotBeAligned) { expect_all(oracle_of(32), 7, 1); }

// There are more rows than warps (eight) that compute a sentence's mean.
TEST_P(ScalarMixCudaTest, MeansOfLongSentences) { expect_all(oracle_of(8, {41, 17, 8}), 41); }

// Only the token representation, like a request for word_emb.
TEST_P(ScalarMixCudaTest, OneTermByWord) {
  const ScalarMixOracle oracle = oracle_of(16);
  const DeviceNumbers words(type(), oracle.forward[0]);
  const Batch batch = upload(oracle);
  const elmo4j_term term = {words.get(), nullptr, batch.words.get(), 1};
  const elmo4j_sum sum = {0, type(), 1, 0, 0, 16, 7, 1, &term};
  const elmo4j_packed_batch described = batch.described();
  const DeviceArray<float> target(4 * 7 * 16);
  finish(elmo4j_cuda_scalar_mix(&sum, &described, target.get(), nullptr, nullptr, stream_));
  const std::vector<float> got = target.host();
  Comparison mixed("mix");
  for (int64_t s = 0; s < 4; s++) {
    for (int64_t t = 0; t < 7; t++) {
      for (int64_t column = 0; column < 16; column++) {
        mixed.near(t < oracle.length[s] ? oracle.layer(0, oracle.start[s] + t, column) : 0,
                   got[(oracle.place[s] * 7 + t) * 16 + column], 0, column);
      }
    }
  }
}

// A number in layer 1 or 2 is not finite, or a sum overflows.
TEST_P(ScalarMixCudaTest, TellsTheLayerThatIsNotFinite) {
  for (int64_t dim : {19, 32}) {
    const ScalarMixOracle oracle = oracle_of(dim);
    const Batch batch = upload(oracle);
    const DeviceNumbers words = packed(oracle, 0, false, 0);
    for (int wrong : {1, 2, 3}) {
      ScalarMixOracle spoilt = oracle;
      if (wrong < 3) {
        spoilt.backward[wrong][2 * dim - 1] = std::numeric_limits<float>::infinity();
      }
      std::vector<DeviceNumbers> layers;
      elmo4j_term terms[3] = {{words.get(), words.get(), batch.words.get(), 1}};
      for (int k : {1, 2}) {
        if (wrong == 3) {
          spoilt.forward[k] = spoilt.backward[k] =
              std::vector<float>(oracle.positions() * dim, 2.0f);
        }
        for (bool back : {false, true}) {
          layers.push_back(packed(spoilt, k, back, 0));
          (back ? terms[k].backward : terms[k].forward) = layers.back().get();
        }
        terms[k].rows = nullptr;
        terms[k].scale = wrong < 3 ? 1.0f : 3e38f;
      }
      for (int mean : {0, 1}) {
        const DeviceArray<float> target(oracle.sentences() * 9 * 2 * dim);
        const DeviceArray<int32_t> told(std::vector<int32_t>(4));
        const elmo4j_sum sum = {0, type(), 2, 0, mean, dim, 9, 3, terms};
        const elmo4j_packed_batch described = batch.described();
        finish(
            elmo4j_cuda_scalar_mix(&sum, &described, target.get(), nullptr, told.get(), stream_));
        std::vector<int32_t> expected(4);
        expected[wrong] = 1;
        EXPECT_EQ(expected, told.host()) << "wrong " << wrong << " mean " << mean;
      }
    }
  }
}

TEST_P(ScalarMixCudaTest, NothingIsLaunchedForNoSentences) {
  const elmo4j_sum sum = {0, type(), 2, 0, 0, 8, 0, 0, nullptr};
  const elmo4j_packed_batch none = {};
  finish(elmo4j_cuda_scalar_mix(&sum, &none, nullptr, nullptr, nullptr, stream_));
}

// Padding of the caller's structs, and fields that are not read, may contain anything. Here it is
// an address in another device's memory, which the emulator refuses in a launch.
TEST_P(ScalarMixCudaTest, PaddingOfTheStructsIsNotLaunched) {
  const ForeignMemory foreign;
  void* elsewhere = foreign.get();
  if (elsewhere == nullptr) {
    GTEST_SKIP() << "one device";
  }
  const ScalarMixOracle oracle = oracle_of(16);
  const DeviceNumbers words(type(), oracle.forward[0]);
  const Batch batch = upload(oracle);
  elmo4j_term term = {words.get(), elsewhere, batch.words.get(), 0};
  elmo4j_sum sum = {0, type(), 1, 0, 0, 16, 7, 1, &term};
  // Each write replaces a field and the padding after it by the address.
  std::memcpy(reinterpret_cast<char*>(&term) + offsetof(elmo4j_term, scale), &elsewhere, 8);
  std::memcpy(reinterpret_cast<char*>(&sum) + offsetof(elmo4j_sum, mean), &elsewhere, 8);
  const elmo4j_packed_batch described = batch.described();
  const DeviceArray<float> target(4 * 7 * 16);
  finish(elmo4j_cuda_scalar_mix(&sum, &described, target.get(), nullptr, nullptr, stream_));
}

ELMO4J_FOR_EACH_TYPE(ScalarMixCudaTest);

}  // namespace
}  // namespace elmo4j
