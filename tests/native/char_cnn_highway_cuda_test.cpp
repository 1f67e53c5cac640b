// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include "char_cnn_oracle.h"
#include "cuda_test.h"

namespace elmo4j {
namespace {

constexpr int kIds = 262;
constexpr int16_t kPad = 261;
constexpr int64_t kEmbeddingDim = 4;

struct Shape {
  int64_t words, slots;
  std::vector<int32_t> widths, filters;
  int64_t highways = 1;
  int64_t projection = 0;  // 0: none
  int64_t word_dim = 0;
  int activation = ELMO4J_RELU;
  bool long_words = false;  // that fill all slots
};

class CharCnnHighwayCudaTest : public CudaTest {
 protected:
  // Returns multiples of 1/8. Sums of four of their products are exact in 16-bit floats, so the
  // tables are exact too.
  std::vector<float> eighths(int64_t count) {
    std::vector<float> values(count);
    for (float& v : values) {
      v = static_cast<float>(static_cast<int>(engine_() % 9) - 4) / 8;
    }
    return values;
  }

  static std::vector<float> table_of(const CharCnnOracle& oracle) {
    std::vector<float> tables;
    for (size_t g = 0; g < oracle.widths.size(); g++) {
      const int64_t filters = oracle.filters[g];
      for (int64_t tap = 0; tap < oracle.widths[g]; tap++) {
        for (int64_t id = 0; id < kIds; id++) {
          for (int64_t f = 0; f < filters; f++) {
            tables.push_back(
                static_cast<float>(dot(&oracle.embedding[id * kEmbeddingDim], oracle.kernels[g],
                                       kEmbeddingDim, filters, tap * kEmbeddingDim * filters + f)));
          }
        }
      }
    }
    return tables;
  }

  // Returns words of random lengths. The first is empty, and the second fills all slots.
  std::vector<int16_t> random_ids(const Shape& shape) {
    std::vector<int16_t> ids(shape.words * shape.slots, kPad);
    for (int64_t w = 0; w < shape.words; w++) {
      const int64_t used = w == 0                       ? 0
                           : w == 1 || shape.long_words ? shape.slots
                                                        : engine_() % (shape.slots + 1);
      for (int64_t s = 0; s < used; s++) {
        ids[w * shape.slots + s] = static_cast<int16_t>(1 + engine_() % 260);
      }
    }
    return ids;
  }

  void check(const Shape& shape) {
    CharCnnOracle oracle = {
        shape.widths, shape.filters,   kEmbeddingDim, eighths(kIds * kEmbeddingDim), {},
        {},           shape.activation};
    int64_t features = 0;
    for (size_t g = 0; g < shape.widths.size(); g++) {
      oracle.kernels.push_back(eighths(shape.widths[g] * kEmbeddingDim * shape.filters[g]));
      features += shape.filters[g];
    }
    oracle.bias = random(features);
    const std::vector<int16_t> ids = random_ids(shape);

    std::vector<std::vector<float>> weights, biases;
    std::vector<DeviceArray<unsigned char>> kernels;
    std::vector<DeviceArray<float>> kernel_biases;
    std::vector<elmo4j_matrix> highways;
    for (int64_t k = 0; k < shape.highways; k++) {
      weights.push_back(random_of(type(), features * 2 * features, 1 / std::sqrt(features)));
      biases.push_back(random(2 * features));
      kernel_biases.emplace_back(biases[k]);
      highways.push_back(matrix_of(weights[k].data(), features, features, 2, &kernels));
      highways[k].bias = kernel_biases[k].get();
    }
    const int64_t depth = shape.word_dim + features;
    const int64_t columns = shape.projection ? shape.projection : features;
    const std::vector<float> projection =
        random_of(type(), shape.projection * depth, 1 / std::sqrt(depth));
    const std::vector<float> projection_bias = random(shape.projection);
    elmo4j_matrix projector = {};
    const DeviceArray<float> out_bias(projection_bias);
    if (shape.projection) {
      projector = matrix_of(projection.data(), depth, shape.projection, 1, &kernels);
      projector.bias = out_bias.get();
    }

    constexpr int64_t kOwnWords = 9;
    const std::vector<float> word_table = random_of(type(), kOwnWords * shape.word_dim);
    std::vector<int32_t> word_ids;
    for (int64_t w = 0; w < shape.words; w++) {
      word_ids.push_back(static_cast<int32_t>(engine_() % kOwnWords));
    }
    const DeviceNumbers got(type(), shape.words * columns);
    const DeviceArray<int16_t> device_ids(ids);
    const DeviceNumbers table(type(), table_of(oracle)), words(type(), word_table);
    const DeviceArray<float> bias(oracle.bias);
    const DeviceArray<int32_t> device_word_ids(word_ids);
    const elmo4j_token_encoder encoder = {
        {products(), type(), shape.activation, static_cast<int32_t>(shape.slots), kPad,
         static_cast<int64_t>(shape.widths.size()), shape.widths.data(), shape.filters.data(), kIds,
         table.get(), bias.get()},
        shape.highways,
        highways.data(),
        shape.word_dim,
        words.get(),
        projector};
    const DeviceArray<unsigned char> workspace(
        elmo4j_cuda_char_cnn_highway_workspace(&encoder, shape.words));
    finish(elmo4j_cuda_char_cnn_highway(&encoder, shape.words, device_ids.get(),
                                        device_word_ids.get(), got.get(), workspace.get(),
                                        stream_));

    const double tolerance = type() == ELMO4J_F16 ? 5e-3 : 5e-6;
    const std::vector<float> host = got.host();
    Comparison of_words(std::to_string(shape.words) + " words");
    for (int64_t w = 0; w < shape.words; w++) {
      std::vector<double> x = oracle.features(&ids[w * shape.slots], shape.slots);
      for (int64_t k = 0; k < shape.highways; k++) {
        std::vector<double> y;
        for (int64_t f = 0; f < features; f++) {
          y.push_back(highway(x.data(), features, weights[k], biases[k], f));
        }
        x = y;
      }
      if (shape.projection) {
        const auto own = word_table.begin() + word_ids[w] * shape.word_dim;
        x.insert(x.begin(), own, own + shape.word_dim);
        std::vector<double> y;
        for (int64_t f = 0; f < columns; f++) {
          y.push_back(dot(x.data(), projection, depth, columns, f) + projection_bias[f]);
        }
        x = y;
      }
      for (int64_t f = 0; f < columns; f++) {
        of_words.close(x[f], host[w * columns + f], tolerance,
                       "word " + std::to_string(w) + " number " + std::to_string(f));
      }
    }
  }
};

// Up to 64 words use narrow tiles, 65 and 150 wide ones; 1 and 33 do not fill a tile. 152 features
// are more than the columns of a tile and not a multiple of its depth; the tables are read as
// vectors.
TEST_P(CharCnnHighwayCudaTest, EqualsItsFormulasForAnyNumberOfWords) {
  for (int64_t words : {1, 33, 64, 65, 150}) {
    check({words, 13, {1, 3, 7}, {16, 56, 80}, 2, 24});
  }
}

// The filter counts are not multiples of a vector's size.
TEST_P(CharCnnHighwayCudaTest, EqualsItsFormulasForAnyFilters) {
  for (int64_t words : {3, 70}) {
    for (int activation : {ELMO4J_RELU, ELMO4J_TANH}) {
      check({words, 12, {1, 2, 5, 12}, {1, 37, 5, 10}, 1, 7, 0, activation});
    }
  }
}

TEST_P(CharCnnHighwayCudaTest, TakesFromNoToFourHighwayLayersWithAndWithoutProjection) {
  for (int64_t words : {5, 70}) {
    for (int64_t highways = 0; highways <= 4; highways++) {
      for (int64_t projection : {0, 20}) {
        Shape shape = {words, 9, {2, 3}, {8, 24}, highways, projection};
        shape.activation = ELMO4J_TANH;
        check(shape);
      }
    }
  }
}

// 50 slots are more than a warp has lanes. A width of 20 characters is more than are read at once.
TEST_P(CharCnnHighwayCudaTest, LongWordsAndWideFilters) {
  Shape shape = {6, 50, {1, 20, 50}, {8, 16, 8}, 1, 16};
  check(shape);
  shape.long_words = true;
  check(shape);
}

TEST_P(CharCnnHighwayCudaTest, AWordsOwnEmbeddingGoesBeforeItsFeatures) {
  for (int64_t word_dim : {8, 5}) {
    for (int64_t highways : {0, 1, 2}) {
      check({10, 9, {2, 3}, {8, 24}, highways, 20, word_dim});
    }
  }
}

// More words than the workspace holds at a time, with and without a phase after the convolution.
TEST_P(CharCnnHighwayCudaTest, ManyWordsAreTakenInChunks) {
  check({2048 + 65, 5, {1, 2}, {3, 4}, 1, 3, 2});
  check({2048 + 1, 5, {1, 2}, {3, 4}, 0, 0});
}

TEST_P(CharCnnHighwayCudaTest, ThePublishedSizes) {
  if (products() == ELMO4J_MMA) {
    GTEST_SKIP() << "two words are multiplied one way alone";
  }
  check({2, 50, {1, 2, 3, 4, 5, 6, 7}, {32, 32, 64, 128, 256, 512, 1024}, 1, 512});
}

TEST_P(CharCnnHighwayCudaTest, NoWordsAreNoWork) { check({0, 9, {2}, {8}, 1, 8}); }

TEST_P(CharCnnHighwayCudaTest, RefusesMoreThanALaunchCanCarry) {
  elmo4j_token_encoder encoder = {};
  encoder.cnn.groups = ELMO4J_CUDA_MAX_FILTER_GROUPS + 1;
  const auto call = [&] {
    return elmo4j_cuda_char_cnn_highway(&encoder, 1, nullptr, nullptr, nullptr, nullptr, stream_);
  };
  EXPECT_EQ(cudaErrorInvalidValue, call());
  encoder.cnn.groups = 1;
  encoder.highway_count = ELMO4J_CUDA_MAX_HIGHWAYS + 1;
  EXPECT_EQ(cudaErrorInvalidValue, call());
}

ELMO4J_FOR_EACH_PRODUCT(CharCnnHighwayCudaTest);

}  // namespace
}  // namespace elmo4j
