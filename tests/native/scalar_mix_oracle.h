// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Sums of layers in double, one number at a time. The kernels of the CPU and the GPU are compared
// with them.

#ifndef ELMO4J_TESTS_NATIVE_SCALAR_MIX_ORACLE_H_
#define ELMO4J_TESTS_NATIVE_SCALAR_MIX_ORACLE_H_

#include <cstdint>
#include <vector>

namespace elmo4j {

// A batch and its layers, in reading order.
struct ScalarMixOracle {
  int64_t dim;
  std::vector<int32_t> start, length, place;
  std::vector<int32_t> words;                         // [positions]: the row of layer 0
  std::vector<std::vector<float>> forward, backward;  // [layers][rows * dim]; layer 0 by word
  std::vector<float> scale;                           // [layers]

  int64_t sentences() const { return static_cast<int64_t>(length.size()); }
  int64_t positions() const { return static_cast<int64_t>(words.size()); }
  int64_t count(int64_t s, int ends) const { return length[s] - 2 * ends; }

  // index() returns the index in forward[k] or backward[k] of a number of layer k at a position;
  // layer() returns the number.
  int64_t index(size_t k, int64_t position, int64_t column) const {
    return (k == 0 ? words[position] : position) * dim + column % dim;
  }
  double layer(size_t k, int64_t position, int64_t column) const {
    return (column < dim ? forward : backward)[k][index(k, position, column)];
  }

  // Returns a number of row t of a sentence's target; zero after its end.
  double row(int64_t s, int64_t t, int64_t column, int ends) const {
    double sum = 0;
    for (size_t k = 0; k < scale.size() && t < count(s, ends); k++) {
      sum += scale[k] * layer(k, start[s] + ends + t, column);
    }
    return sum;
  }

  double mean(int64_t s, int64_t column, int ends) const {
    double sum = 0;
    for (int64_t t = 0; t < count(s, ends); t++) {
      sum += row(s, t, column, ends);
    }
    return count(s, ends) > 0 ? sum / count(s, ends) : 0;
  }

  // Calls use(position, column, gradient) for each number that a target was computed from.
  // `gradient` is the gradient of the target, with the same layout; its padding is not read.
  template <typename Use>
  void for_each_gradient(int halves, int ends, int64_t max_rows, bool mean,
                         const std::vector<float>& gradient, const Use& use) const {
    const int64_t width = halves * dim;
    for (int64_t s = 0; s < sentences(); s++) {
      for (int64_t t = 0; t < count(s, ends); t++) {
        for (int64_t column = 0; column < width; column++) {
          const int64_t row = mean ? place[s] : place[s] * max_rows + t;
          use(start[s] + ends + t, column,
              gradient[row * width + column] / (mean ? count(s, ends) : 1.0));
        }
      }
    }
  }
};

}  // namespace elmo4j

#endif  // ELMO4J_TESTS_NATIVE_SCALAR_MIX_ORACLE_H_
