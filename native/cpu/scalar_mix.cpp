// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Writes outputs: weighted sums of layers, from positions to padded rows, and their gradients
// (kernels.h). Memory is the bound: the forward pass reads each row of each layer once and writes
// each row of the target once; the backward pass reads each row of the layers and of the gradient
// once.

#include "elmo4j/kernels.h"
#include "isa.h"
#include "simd.h"

namespace elmo4j {
namespace ELMO4J_ISA {
namespace {

typedef double Wide __attribute__((vector_size(kLanes * sizeof(double))));

inline Wide widen(Vec v) { return __builtin_convertvector(v, Wide); }

inline double total(Wide v) {
  double sum = 0;
  for (int64_t i = 0; i < kLanes; i++) {
    sum += v[i];
  }
  return sum;
}

// The row for position p in one half of the layer that is term k of the sum.
inline const float* layer_row(const elmo4j_sum& sum, int half, int64_t k, int64_t p) {
  const elmo4j_term& term = sum.terms[k];
  const void* layer = half == 0 ? term.forward : term.backward;
  return static_cast<const float*>(layer) + (term.rows ? term.rows[p] : p) * sum.dim;
}

// The positions of a sentence that the sum uses.
struct Span {
  int64_t first, count;
};

inline Span span(const elmo4j_sum& sum, const elmo4j_batch& batch, int64_t r) {
  const int64_t ends = sum.skip_ends ? 1 : 0;
  return {batch.start[r] + ends, batch.length[r] - 2 * ends};
}

// Calls use(position, half, gradient row, share) in order for each row that went into the target.
// The gradient of such a row is `share` times the gradient row. The gradient row is NULL if
// `gradient` is.
template <typename Use>
void for_each_row(const elmo4j_sum& sum, const elmo4j_batch& batch, const float* gradient,
                  const Use& use) {
  const int64_t dim = sum.dim;
  const int64_t width = sum.halves * dim;
  for (int64_t r = 0; r < batch.sentences; r++) {
    const Span s = span(sum, batch, r);
    const float share = sum.mean ? static_cast<float>(1.0 / static_cast<double>(s.count)) : 1.0f;
    for (int64_t t = 0; t < s.count; t++) {
      for (int half = 0; half < sum.halves; half++) {
        const int64_t row = sum.mean ? batch.row[r] : batch.row[r] * sum.max_length + t;
        use(s.first + t, half, gradient ? gradient + row * width + half * dim : nullptr, share);
      }
    }
  }
}

}  // namespace

int scalar_mix(const elmo4j_sum* sum, const elmo4j_batch* batch, float* target) {
  // Stays zero while all numbers are finite, since v - v is then 0, and becomes NaN otherwise.
  Vec rest = {};
  const int64_t dim = sum->dim;
  const int64_t width = sum->halves * dim;
  const int64_t max_length = sum->max_length;
  for (int64_t r = 0; r < batch->sentences; r++) {
    const Span s = span(*sum, *batch, r);
    float* out = target + batch->row[r] * width * (sum->mean ? 1 : max_length);
    for (int half = 0; half < sum->halves; half++) {
      const auto mixed = [&](int64_t p, int64_t column) {
        Vec v = {};
        for (int64_t k = 0; k < sum->term_count; k++) {
          const Vec x = load(layer_row(*sum, half, k, p) + column, dim - column);
          const float scale = sum->terms[k].scale;
          v = k == 0 ? scale * x : v + scale * x;
        }
        return v;
      };
      if (sum->mean) {
        for (int64_t column = 0; column < dim; column += kLanes) {
          Wide total = {};
          for (int64_t t = 0; t < s.count; t++) {
            total += widen(mixed(s.first + t, column));
          }
          const double divisor = s.count > 0 ? static_cast<double>(s.count) : 1;
          const Vec v = __builtin_convertvector(total / divisor, Vec);
          rest += v - v;
          store(out + half * dim + column, v, dim - column);
        }
      } else {
        for (int64_t t = 0; t < s.count; t++) {
          for (int64_t column = 0; column < dim; column += kLanes) {
            const Vec v = mixed(s.first + t, column);
            rest += v - v;
            store(out + t * width + half * dim + column, v, dim - column);
          }
        }
      }
    }
    if (!sum->mean) {
      std::memset(out + s.count * width, 0, (max_length - s.count) * width * sizeof(float));
    }
  }
  int finite = 1;
  for (int64_t i = 0; i < kLanes; i++) {
    finite &= rest[i] == 0;
  }
  return finite;
}

void scalar_mix_backward(const elmo4j_sum* sum, const elmo4j_batch* batch, const float* gradient,
                         double* scale_gradient) {
  for_each_row(*sum, *batch, gradient, [&](int64_t p, int half, const float* g, float share) {
    for (int64_t k = 0; k < sum->term_count; k++) {
      const float* x = layer_row(*sum, half, k, p);
      Wide products = {};
      for (int64_t column = 0; column < sum->dim; column += kLanes) {
        const int64_t left = sum->dim - column;
        products += widen(load(g + column, left)) * widen(load(x + column, left));
      }
      scale_gradient[k] += share * total(products);
    }
  });
}

void scalar_mix_backward_layer(const elmo4j_sum* sum, const elmo4j_batch* batch, float slope,
                               float offset, const float* gradient, float* to_forward,
                               float* to_backward) {
  const int32_t* rows = sum->terms[0].rows;
  const float scale = sum->terms[0].scale;
  for_each_row(*sum, *batch, gradient, [&](int64_t p, int half, const float* g, float share) {
    const float* x = slope == 0 ? nullptr : layer_row(*sum, half, 0, p);
    float* out = (half == 0 ? to_forward : to_backward) + (rows ? rows[p] : p) * sum->dim;
    for (int64_t column = 0; column < sum->dim; column += kLanes) {
      const int64_t left = sum->dim - column;
      Vec v = load(out + column, left) + offset;
      if (g) {
        v += scale * share * load(g + column, left);
      }
      if (x) {
        v += slope * load(x + column, left);
      }
      store(out + column, v, left);
    }
  });
}

void layer_moments(const elmo4j_sum* sum, int64_t positions, double* moments) {
  const double count = static_cast<double>(positions) * static_cast<double>(sum->halves * sum->dim);
  double mean = 0;
  // The first pass computes the mean, the second the squared differences from it, which avoids
  // cancellation.
  for (int pass = 0; pass < 2; pass++) {
    double total = 0;
    for (int64_t p = 0; p < positions; p++) {
      for (int half = 0; half < sum->halves; half++) {
        const float* x = layer_row(*sum, half, 0, p);
        for (int64_t column = 0; column < sum->dim; column++) {
          const double d = x[column] - mean;
          total += pass == 0 ? d : d * d;
        }
      }
    }
    moments[pass] = total / count;
    mean = moments[0];
  }
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j
