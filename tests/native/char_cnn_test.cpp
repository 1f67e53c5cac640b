// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include "kernel_test.h"

namespace elmo4j {
namespace {

using CharCnnTest = KernelTest;

// Words of every length against the convolution as it is written down: embed, convolve over all
// slots, maximum, bias, activation. 37 filters leave a remainder on every vector width.
TEST_P(CharCnnTest, EqualsTheConvolutionOverAllSlots) {
  constexpr int kIds = 262, kDim = 5, kSlots = 12;
  constexpr int16_t kPad = 261;
  const std::vector<int32_t> widths = {1, 3, 7, 12};
  const std::vector<int32_t> filters = {1, 37, 16, 40};
  const std::vector<float> embedding = random(kIds * kDim);
  std::vector<std::vector<float>> kernels;
  std::vector<float> tables;
  int64_t features = 0;
  for (size_t g = 0; g < widths.size(); g++) {
    kernels.push_back(random(widths[g] * kDim * filters[g]));
    std::vector<float> table = poisoned(static_cast<int64_t>(widths[g]) * kIds * filters[g]);
    elmo4j_cpu_char_cnn_table(embedding.data(), kIds, kDim, kernels[g].data(), widths[g],
                              filters[g], table.data());
    tables.insert(tables.end(), table.begin(), table.end());
    features += filters[g];
  }
  const std::vector<float> bias = random(features);
  std::vector<int16_t> ids;
  for (int used = 0; used <= kSlots; used++) {
    for (int s = 0; s < kSlots; s++) {
      ids.push_back(s < used ? static_cast<int16_t>(1 + engine_() % 260) : kPad);
    }
  }
  const int64_t words = kSlots + 1;
  for (int activation : {ELMO4J_RELU, ELMO4J_TANH}) {
    std::vector<float> got = poisoned(words * features);
    elmo4j_cpu_char_cnn(isa(), words, ids.data(), kSlots, kPad, widths.size(), widths.data(),
                        filters.data(), kIds, tables.data(), bias.data(), activation, got.data());
    for (int64_t w = 0; w < words; w++) {
      int64_t column = 0;
      for (size_t g = 0; g < widths.size(); g++) {
        for (int f = 0; f < filters[g]; f++, column++) {
          double best = -INFINITY;
          for (int p = 0; p + widths[g] <= kSlots; p++) {
            double sum = 0;
            for (int tap = 0; tap < widths[g]; tap++) {
              for (int e = 0; e < kDim; e++) {
                sum += static_cast<double>(embedding[ids[w * kSlots + p + tap] * kDim + e]) *
                       kernels[g][(tap * kDim + e) * filters[g] + f];
              }
            }
            best = std::max(best, sum);
          }
          best += bias[column];
          best = activation == ELMO4J_TANH ? std::tanh(best) : std::max(best, 0.0);
          expect_close(best, got[w * features + column], 2e-6,
                       "word " + std::to_string(w) + " feature " + std::to_string(column));
        }
      }
    }
  }
}

ELMO4J_FOR_EACH_ISA(CharCnnTest);

}  // namespace
}  // namespace elmo4j
