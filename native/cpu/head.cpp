// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The head of a classifier: forward pass, backward pass and optimizer (kernels.h). Nearly all of
// the time goes to matrix products, which are those of the model's forward pass.

#include <algorithm>
#include <cmath>
#include <vector>

#include "elmo4j/kernels.h"

namespace {

// c [m, n] = a [m, k] b [k, n] + bias [n], with the best instruction set of this processor.
void product(int64_t m, int64_t k, int64_t n, const float* a, const float* b, const float* bias,
             float* c) {
  elmo4j_matrix matrix = {elmo4j_cpu_best_isa(), ELMO4J_F32, 1, k, n, nullptr, nullptr};
  std::vector<float> weights(elmo4j_cpu_packed_size(&matrix) / sizeof(float));
  std::vector<float> packed_bias(elmo4j_cpu_packed_bias_size(&matrix) / sizeof(float));
  std::vector<float> scratch(elmo4j_cpu_product_scratch(&matrix, m));
  matrix.weights = weights.data();
  matrix.bias = packed_bias.data();
  elmo4j_cpu_pack(&matrix, b, n, 0);
  elmo4j_cpu_pack_bias(&matrix, bias, 0);
  elmo4j_cpu_projection(&matrix, m, a, c, scratch.data());
}

// Transposes [rows, columns] to [columns, rows].
std::vector<float> transposed(int64_t rows, int64_t columns, const float* x) {
  std::vector<float> result(rows * columns);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < columns; c++) {
      result[c * rows + r] = x[r * columns + c];
    }
  }
  return result;
}

// Mixes the bits of x, so that each bit of the result depends on all of them (Steele et al. 2014,
// SplitMix64).
inline uint64_t mix_bits(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

void elmo4j_cpu_linear(int64_t rows, int64_t depth, int64_t columns, const float* x,
                       const float* weights, const float* bias, int relu, float* y) {
  if (rows == 0) {
    return;
  }
  product(rows, depth, columns, x, weights, bias, y);
  if (relu) {
    for (int64_t i = 0; i < rows * columns; i++) {
      y[i] = y[i] < 0 ? 0 : y[i];  // a NaN stays
    }
  }
}

void elmo4j_cpu_linear_backward(int64_t rows, int64_t depth, int64_t columns, const float* x,
                                const float* weights, const float* y, float* gradient,
                                float* weight_gradient, float* bias_gradient, float* x_gradient) {
  std::fill(bias_gradient, bias_gradient + columns, 0.0f);
  if (rows == 0) {
    std::fill(weight_gradient, weight_gradient + depth * columns, 0.0f);
    return;
  }
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < columns; c++) {
      float& g = gradient[r * columns + c];
      if (y && !(y[r * columns + c] > 0)) {
        g = 0;
      }
      bias_gradient[c] += g;
    }
  }
  const std::vector<float> zeros(std::max(depth, columns));
  product(depth, rows, columns, transposed(rows, depth, x).data(), gradient, zeros.data(),
          weight_gradient);
  if (x_gradient) {
    product(rows, columns, depth, gradient, transposed(depth, columns, weights).data(),
            zeros.data(), x_gradient);
  }
}

double elmo4j_cpu_softmax_loss(int64_t rows, int64_t classes, float* logits,
                               const int32_t* labels) {
  double loss = 0;
  for (int64_t r = 0; r < rows; r++) {
    float* row = logits + r * classes;
    const double max = *std::max_element(row, row + classes);
    double sum = 0;
    for (int64_t c = 0; c < classes; c++) {
      sum += std::exp(row[c] - max);
    }
    loss += max + std::log(sum) - row[labels[r]];
    for (int64_t c = 0; c < classes; c++) {
      const double p = std::exp(row[c] - max) / sum;
      row[c] = static_cast<float>((p - (c == labels[r] ? 1 : 0)) / static_cast<double>(rows));
    }
  }
  return loss;
}

void elmo4j_cpu_dropout(int64_t count, float* values, float rate, uint64_t seed) {
  const uint64_t limit = static_cast<uint64_t>(std::ldexp(static_cast<double>(rate), 32));
  const float kept = 1.0f / (1.0f - rate);
  const uint64_t base = mix_bits(seed + 0x9e3779b97f4a7c15u);
  for (int64_t i = 0; i < count; i++) {
    const uint64_t bits = mix_bits(base + static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15u) >> 32;
    values[i] = bits < limit ? 0 : values[i] * kept;
  }
}

void elmo4j_cpu_adam(int64_t count, int64_t step, float rate, const float* gradient, float* mean,
                     float* variance, float* values) {
  const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  const double correct1 = 1 - std::pow(beta1, static_cast<double>(step));
  const double correct2 = 1 - std::pow(beta2, static_cast<double>(step));
  for (int64_t i = 0; i < count; i++) {
    const double g = gradient[i];
    const double m = beta1 * mean[i] + (1 - beta1) * g;
    const double v = beta2 * variance[i] + (1 - beta2) * g * g;
    mean[i] = static_cast<float>(m);
    variance[i] = static_cast<float>(v);
    values[i] -= static_cast<float>(rate * (m / correct1) / (std::sqrt(v / correct2) + epsilon));
  }
}
