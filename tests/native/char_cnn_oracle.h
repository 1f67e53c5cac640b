// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The definition of the token representation (Kim et al. 2016; Srivastava et al. 2015), in double.
// The kernels of both backends are compared with it.

#ifndef ELMO4J_TESTS_NATIVE_CHAR_CNN_ORACLE_H_
#define ELMO4J_TESTS_NATIVE_CHAR_CNN_ORACLE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "elmo4j/kernels.h"

namespace elmo4j {

// Returns sum_k x[k] * weights[k][column]. Rows of weights are `stride` numbers apart.
template <typename X>
double dot(const X* x, const std::vector<float>& weights, int64_t depth, int64_t stride,
           int64_t column) {
  double sum = 0;
  for (int64_t k = 0; k < depth; k++) {
    sum += static_cast<double>(x[k]) * weights[k * stride + column];
  }
  return sum;
}

// The convolution of one word over all slots: embed, convolve, maximum, bias, activation.
//   widths, filters   [groups]
//   embedding [ids, dim]   kernels [groups], each [width, dim, filters]   bias [sum of filters]
struct CharCnnOracle {
  std::vector<int32_t> widths, filters;
  int64_t dim;
  std::vector<float> embedding;
  std::vector<std::vector<float>> kernels;
  std::vector<float> bias;
  int activation;

  std::vector<double> features(const int16_t* ids, int64_t slots) const {
    std::vector<double> all;
    for (size_t g = 0; g < widths.size(); g++) {
      for (int64_t f = 0; f < filters[g]; f++) {
        double best = -std::numeric_limits<double>::infinity();
        for (int64_t p = 0; p + widths[g] <= slots; p++) {
          double sum = 0;
          for (int64_t tap = 0; tap < widths[g]; tap++) {
            sum += dot(&embedding[ids[p + tap] * dim], kernels[g], dim, filters[g],
                       tap * dim * filters[g] + f);
          }
          best = std::max(best, sum);
        }
        best += bias[all.size()];
        all.push_back(activation == ELMO4J_TANH ? std::tanh(best) : std::max(best, 0.0));
      }
    }
    return all;
  }
};

// weights [dim, 2 * dim] and bias [2 * dim] contain the carry gate, then the transform.
template <typename X>
double highway(const X* x, int64_t dim, const std::vector<float>& weights,
               const std::vector<float>& bias, int64_t f) {
  const double carry = 1 / (1 + std::exp(-dot(x, weights, dim, 2 * dim, f) - bias[f]));
  const double transform = std::max(0.0, dot(x, weights, dim, 2 * dim, dim + f) + bias[dim + f]);
  return carry * transform + (1 - carry) * x[f];
}

}  // namespace elmo4j

#endif  // ELMO4J_TESTS_NATIVE_CHAR_CNN_ORACLE_H_
