// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// One direction of one layer of the biLM in double, one sentence at a time. The LSTM kernels of the
// CPU and the GPU are compared with it.

#ifndef ELMO4J_TESTS_NATIVE_LSTM_ORACLE_H_
#define ELMO4J_TESTS_NATIVE_LSTM_ORACLE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "elmo4j/kernels.h"
#include "int8_oracle.h"

namespace elmo4j {

struct LstmLayer {
  int64_t cells, projection;
  float cell_clip, projection_clip;
  int skip, backward;
  int type = 0;  // one of elmo4j_type
};

// kernel [2 * projection, 4 * cells], groups i, j, f, o; bias [4 * cells]; projector [cells,
// projection].
struct LstmWeights {
  std::vector<float> kernel, bias, projector;
};

// output [positions, projection], h and c after the last step of each sentence, and how often the
// clips took effect.
struct LstmOracle {
  std::vector<double> output, h, c;
  int64_t cell_clips = 0, projection_clips = 0;
};

inline double clipped(double x, float limit, int64_t* count) {
  if (limit <= 0 || std::abs(x) <= limit) {
    return x;
  }
  ++*count;
  return x < 0 ? -limit : limit;
}

// Converts a row like products with weights of that type do.
template <class T>
std::vector<double> used(int type, const T* row, int64_t depth) {
  std::vector<double> result(row, row + depth);
  if (type == ELMO4J_INT8) {
    const Quantised8 q = quantised_row(row, depth);
    for (int64_t k = 0; k < depth; k++) {
      result[k] = static_cast<double>(q.scale) * q.integers[k];
    }
  }
  return result;
}

// The positions of a sentence follow those of the sentence before it. Position p reads row
// input_rows[p] of the input, or row p if input_rows is null.
inline LstmOracle lstm_oracle(const LstmLayer& layer, const LstmWeights& w,
                              const std::vector<int32_t>& lengths, const std::vector<float>& input,
                              const int32_t* input_rows, const std::vector<float>& h0,
                              const std::vector<float>& c0) {
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const int64_t p = layer.projection, d = layer.cells;
  LstmOracle result;
  int64_t start = 0;
  for (size_t s = 0; s < lengths.size(); s++) {
    std::vector<double> h(h0.begin() + s * p, h0.begin() + (s + 1) * p);
    std::vector<double> c(c0.begin() + s * d, c0.begin() + (s + 1) * d);
    result.output.resize((start + lengths[s]) * p);
    for (int64_t t = 0; t < lengths[s]; t++) {
      const int64_t position = start + (layer.backward ? lengths[s] - 1 - t : t);
      const float* x = input.data() + (input_rows ? input_rows[position] : position) * p;
      std::vector<double> gates(w.bias.begin(), w.bias.end());
      const std::vector<double> used_x = used(layer.type, x, p);
      const std::vector<double> used_h = used(layer.type, h.data(), p);
      for (int64_t k = 0; k < p; k++) {
        for (int64_t g = 0; g < 4 * d; g++) {
          gates[g] +=
              used_x[k] * w.kernel[k * 4 * d + g] + used_h[k] * w.kernel[(p + k) * 4 * d + g];
        }
      }
      std::vector<double> m(d);
      for (int64_t j = 0; j < d; j++) {
        c[j] = sigmoid(gates[2 * d + j] + 1) * c[j] + sigmoid(gates[j]) * std::tanh(gates[d + j]);
        c[j] = clipped(c[j], layer.cell_clip, &result.cell_clips);
        m[j] = sigmoid(gates[3 * d + j]) * std::tanh(c[j]);
      }
      m = used(layer.type, m.data(), d);
      for (int64_t k = 0; k < p; k++) {
        h[k] = 0;
        for (int64_t j = 0; j < d; j++) {
          h[k] += m[j] * w.projector[j * p + k];
        }
        h[k] = clipped(h[k], layer.projection_clip, &result.projection_clips);
        result.output[position * p + k] = h[k] + (layer.skip ? x[k] : 0);
      }
    }
    result.h.insert(result.h.end(), h.begin(), h.end());
    result.c.insert(result.c.end(), c.begin(), c.end());
    start += lengths[s];
  }
  return result;
}

}  // namespace elmo4j

#endif  // ELMO4J_TESTS_NATIVE_LSTM_ORACLE_H_
