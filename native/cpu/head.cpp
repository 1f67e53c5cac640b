// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The head of a classifier: forward, backward and its optimizer (kernels.h). Compiled once: the
// products, which take nearly all of the time, are OpenBLAS's on the calling thread.

#include <algorithm>
#include <cmath>

#include "elmo4j/kernels.h"

extern "C" void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                            const float* a, int lda, const float* b, int ldb, float beta, float* c,
                            int ldc);

namespace {

constexpr int kRowMajor = 101;
constexpr int kNoTranspose = 111;
constexpr int kTranspose = 112;

// 64 bits that depend on all of x's (Steele et al. 2014, SplitMix64).
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
  for (int64_t r = 0; r < rows; r++) {
    std::copy(bias, bias + columns, y + r * columns);
  }
  const int m = static_cast<int>(rows);
  const int n = static_cast<int>(columns);
  const int k = static_cast<int>(depth);
  cblas_sgemm(kRowMajor, kNoTranspose, kNoTranspose, m, n, k, 1.0f, x, k, weights, n, 1.0f, y, n);
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
  const int m = static_cast<int>(rows);
  const int n = static_cast<int>(columns);
  const int k = static_cast<int>(depth);
  cblas_sgemm(kRowMajor, kTranspose, kNoTranspose, k, n, m, 1.0f, x, k, gradient, n, 0.0f,
              weight_gradient, n);
  if (x_gradient) {
    cblas_sgemm(kRowMajor, kNoTranspose, kTranspose, m, k, n, 1.0f, gradient, n, weights, n, 0.0f,
                x_gradient, k);
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
