// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Outputs: weighted sums of layers, from positions to padded rows, and their gradients (kernels.h).
// Bound by memory: each layer's row is read once and each row of the target written once; backward
// each row of the layers and of the gradient is read once.

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

// Calls use(position, half, gradient row, share) for the rows that a target was made of, in order.
// The gradient of such a row is `share` times the gradient row, which is NULL where `gradient` is.
template <typename Use>
void for_each_row(int64_t dim, int halves, int64_t sentences, const int32_t* start,
                  const int32_t* length, const int32_t* place, int skip_ends, int64_t max_length,
                  int mean, const float* gradient, const Use& use) {
  const int64_t width = halves * dim;
  for (int64_t r = 0; r < sentences; r++) {
    const int64_t first = start[r] + (skip_ends ? 1 : 0);
    const int64_t count = length[r] - (skip_ends ? 2 : 0);
    const float share = mean ? static_cast<float>(1.0 / static_cast<double>(count)) : 1.0f;
    for (int64_t t = 0; t < count; t++) {
      for (int half = 0; half < halves; half++) {
        const int64_t row = mean ? place[r] : place[r] * max_length + t;
        use(first + t, half, gradient ? gradient + row * width + half * dim : nullptr, share);
      }
    }
  }
}

}  // namespace

void scalar_mix(int64_t dim, int halves, int64_t terms, const float* const* forward,
                const float* const* backward, const int32_t* const* rows, const float* scale,
                int64_t sentences, const int32_t* start, const int32_t* length,
                const int32_t* place, int skip_ends, int64_t max_length, int mean, float* target) {
  const int64_t width = halves * dim;
  for (int64_t r = 0; r < sentences; r++) {
    const int64_t first = start[r] + (skip_ends ? 1 : 0);
    const int64_t count = length[r] - (skip_ends ? 2 : 0);
    float* out = target + place[r] * width * (mean ? 1 : max_length);
    for (int half = 0; half < halves; half++) {
      const float* const* layers = half == 0 ? forward : backward;
      const auto sum = [&](int64_t p, int64_t column) {
        Vec v = {};
        for (int64_t k = 0; k < terms; k++) {
          const float* row = layers[k] + (rows[k] ? rows[k][p] : p) * dim;
          const Vec x = load(row + column, dim - column);
          v = k == 0 ? scale[0] * x : v + scale[k] * x;
        }
        return v;
      };
      if (mean) {
        for (int64_t column = 0; column < dim; column += kLanes) {
          Wide total = {};
          for (int64_t t = 0; t < count; t++) {
            total += widen(sum(first + t, column));
          }
          const double divisor = count > 0 ? static_cast<double>(count) : 1;
          store(out + half * dim + column, __builtin_convertvector(total / divisor, Vec),
                dim - column);
        }
      } else {
        for (int64_t t = 0; t < count; t++) {
          for (int64_t column = 0; column < dim; column += kLanes) {
            store(out + t * width + half * dim + column, sum(first + t, column), dim - column);
          }
        }
      }
    }
    if (!mean) {
      std::memset(out + count * width, 0, (max_length - count) * width * sizeof(float));
    }
  }
}

void scalar_mix_backward(int64_t dim, int halves, int64_t terms, const float* const* forward,
                         const float* const* backward, const int32_t* const* rows,
                         int64_t sentences, const int32_t* start, const int32_t* length,
                         const int32_t* place, int skip_ends, int64_t max_length, int mean,
                         const float* gradient, double* scale_gradient) {
  for_each_row(dim, halves, sentences, start, length, place, skip_ends, max_length, mean, gradient,
               [&](int64_t p, int half, const float* g, float share) {
                 for (int64_t k = 0; k < terms; k++) {
                   const float* x =
                       (half == 0 ? forward : backward)[k] + (rows[k] ? rows[k][p] : p) * dim;
                   Wide sum = {};
                   for (int64_t column = 0; column < dim; column += kLanes) {
                     const int64_t left = dim - column;
                     sum += widen(load(g + column, left)) * widen(load(x + column, left));
                   }
                   scale_gradient[k] += share * total(sum);
                 }
               });
}

void scalar_mix_backward_layer(int64_t dim, int halves, const float* forward, const float* backward,
                               const int32_t* rows, float scale, float slope, float offset,
                               int64_t sentences, const int32_t* start, const int32_t* length,
                               const int32_t* place, int skip_ends, int64_t max_length, int mean,
                               const float* gradient, float* to_forward, float* to_backward) {
  for_each_row(dim, halves, sentences, start, length, place, skip_ends, max_length, mean, gradient,
               [&](int64_t p, int half, const float* g, float share) {
                 const int64_t row = (rows ? rows[p] : p) * dim;
                 const float* x = slope == 0 ? nullptr : (half == 0 ? forward : backward) + row;
                 float* out = (half == 0 ? to_forward : to_backward) + row;
                 for (int64_t column = 0; column < dim; column += kLanes) {
                   const int64_t left = dim - column;
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

void layer_moments(int64_t dim, int halves, const float* forward, const float* backward,
                   const int32_t* rows, int64_t positions, double* moments) {
  const double count = static_cast<double>(positions) * static_cast<double>(halves * dim);
  double mean = 0;
  // The mean first, then the squares around it: nothing cancels.
  for (int pass = 0; pass < 2; pass++) {
    double sum = 0;
    for (int64_t p = 0; p < positions; p++) {
      for (int half = 0; half < halves; half++) {
        const float* x = (half == 0 ? forward : backward) + (rows ? rows[p] : p) * dim;
        for (int64_t column = 0; column < dim; column++) {
          const double d = x[column] - mean;
          sum += pass == 0 ? d : d * d;
        }
      }
    }
    moments[pass] = sum / count;
    mean = moments[0];
  }
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j
