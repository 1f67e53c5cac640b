// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include "char_cnn_oracle.h"
#include "kernel_test.h"

namespace elmo4j {
namespace {

using CharCnnTest = KernelTest;

// Compares words of every length with the definition of the convolution: embed, convolve over all
// slots, take the maximum, add the bias, apply the activation. 37 is not a multiple of any vector
// width.
TEST_P(CharCnnTest, EqualsTheConvolutionOverAllSlots) {
  constexpr int kIds = 262, kDim = 5, kSlots = 12;
  constexpr int16_t kPad = 261;
  CharCnnOracle oracle = {{1, 3, 7, 12}, {1, 37, 16, 40}, kDim, random(kIds * kDim), {}, {}, 0};
  std::vector<float> tables;
  int64_t features = 0;
  for (size_t g = 0; g < oracle.widths.size(); g++) {
    const int64_t width = oracle.widths[g];
    const int64_t filters = oracle.filters[g];
    oracle.kernels.push_back(random(width * kDim * filters));
    std::vector<float> table = poisoned(width * kIds * filters);
    elmo4j_cpu_char_cnn_table(oracle.embedding.data(), kIds, kDim, oracle.kernels[g].data(), width,
                              filters, table.data());
    tables.insert(tables.end(), table.begin(), table.end());
    features += filters;
  }
  oracle.bias = random(features);
  std::vector<int16_t> ids;
  for (int used = 0; used <= kSlots; used++) {
    for (int s = 0; s < kSlots; s++) {
      ids.push_back(s < used ? static_cast<int16_t>(1 + engine_() % 260) : kPad);
    }
  }
  const int64_t words = kSlots + 1;
  for (int activation : {ELMO4J_RELU, ELMO4J_TANH}) {
    oracle.activation = activation;
    std::vector<float> got = poisoned(words * features);
    const elmo4j_char_cnn cnn = {isa(),
                                 ELMO4J_F32,
                                 activation,
                                 kSlots,
                                 kPad,
                                 static_cast<int64_t>(oracle.widths.size()),
                                 oracle.widths.data(),
                                 oracle.filters.data(),
                                 kIds,
                                 tables.data(),
                                 oracle.bias.data()};
    elmo4j_cpu_char_cnn(&cnn, words, ids.data(), got.data());
    Comparison features_of_words("features");
    for (int64_t w = 0; w < words; w++) {
      const std::vector<double> wanted = oracle.features(&ids[w * kSlots], kSlots);
      for (int64_t f = 0; f < features; f++) {
        features_of_words.close(wanted[f], got[w * features + f], 2e-6,
                                "word " + std::to_string(w) + " feature " + std::to_string(f));
      }
    }
  }
}

ELMO4J_FOR_EACH_ISA(CharCnnTest);

}  // namespace
}  // namespace elmo4j
