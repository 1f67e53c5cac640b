// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The character convolution of the token representation, as sums of table rows (kernels.h).
//
// A word of n characters, boundaries included, has n windows that touch it and one that stands for
// the PAD tail: n + 1 positions, not `slots`. Cost: sum over filters of (n + 1) * width adds, read
// from the tables (12.9 MB for the published models, so from L2 and L3); about 110,000 adds for an
// English word, against 36 million for the highway layers behind it.

#include "elmo4j/kernels.h"
#include "isa.h"
#include "simd.h"

namespace elmo4j {
namespace ELMO4J_ISA {

void char_cnn(const elmo4j_char_cnn* cnn, int64_t words, const int16_t* ids, float* features) {
  const int64_t slots = cnn->slots;
  const int64_t table_ids = cnn->table_ids;
  for (int64_t w = 0; w < words; w++) {
    const int16_t* word = ids + w * slots;
    int64_t used = slots;
    while (used > 0 && word[used - 1] == cnn->pad) {
      used--;
    }
    const float* group_table = static_cast<const float*>(cnn->table);
    const float* group_bias = cnn->bias;
    for (int64_t g = 0; g < cnn->groups; g++) {
      const int64_t width = cnn->widths[g];
      const int64_t count = cnn->filters[g];
      const int64_t windows = slots - width + 1 < used + 1 ? slots - width + 1 : used + 1;
      for (int64_t f = 0; f < count; f += 2 * kLanes) {
        const int64_t left[2] = {count - f, count - f - kLanes};
        Vec best[2] = {};
        for (int64_t p = 0; p < windows; p++) {
          Vec sum[2] = {};
          for (int64_t tap = 0; tap < width; tap++) {
            const float* row = group_table + (tap * table_ids + word[p + tap]) * count + f;
            sum[0] += load(row, left[0]);
            sum[1] += load(row + kLanes, left[1]);
          }
          for (int j = 0; j < 2; j++) {
            best[j] = p == 0 ? sum[j] : max(best[j], sum[j]);
          }
        }
        for (int j = 0; j < 2; j++) {
          const Vec x = best[j] + load(group_bias + f + j * kLanes, left[j]);
          store(features + f + j * kLanes, cnn->activation == ELMO4J_TANH ? tanh(x) : relu(x),
                left[j]);
        }
      }
      group_table += width * table_ids * count;
      group_bias += count;
      features += count;
    }
  }
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j
