// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The definition of 8-bit products, with which the kernels are compared. Rows and columns are
// quantised number by number, and integers are summed in 64 bits.

#ifndef ELMO4J_TESTS_NATIVE_INT8_ORACLE_H_
#define ELMO4J_TESTS_NATIVE_INT8_ORACLE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace elmo4j {

// Integers from -127 to 127, and the scale by which they are multiplied.
struct Quantised8 {
  std::vector<int32_t> integers;
  float scale = 0;
};

// Quantises a row like the kernels do.
template <class T>
Quantised8 quantised_row(const T* row, int64_t depth) {
  float most = 0;
  for (int64_t k = 0; k < depth; k++) {
    most = std::max(most, std::abs(static_cast<float>(row[k])));
  }
  Quantised8 q;
  q.scale = most / 127;
  for (int64_t k = 0; k < depth; k++) {
    // To nearest, ties to even; the product is exact in double.
    const double x = static_cast<double>(static_cast<float>(row[k])) * (127 / most);
    q.integers.push_back(most == 0 ? 0 : static_cast<int32_t>(std::nearbyint(x)));
  }
  return q;
}

// Quantises a column of weights [depth, columns]. The significand of its scale has 16 bits, rounded
// up.
inline Quantised8 quantised_column(const float* weights, int64_t depth, int64_t columns,
                                   int64_t column) {
  float most = 0;
  for (int64_t k = 0; k < depth; k++) {
    most = std::max(most, std::abs(weights[k * columns + column]));
  }
  Quantised8 q;
  int exponent = 0;
  const float fraction = std::frexp(most / 127, &exponent);
  q.scale = std::ldexp(std::ceil(std::ldexp(fraction, 16)), exponent - 16);
  for (int64_t k = 0; k < depth; k++) {
    const float x = most == 0 ? 0 : weights[k * columns + column] / q.scale;
    q.integers.push_back(static_cast<int32_t>(std::nearbyint(x)));
  }
  return q;
}

// Returns the weights [depth, columns] that the integers represent. They are exact floats.
inline std::vector<float> quantised_weights(const std::vector<float>& weights, int64_t depth,
                                            int64_t columns) {
  std::vector<float> result(weights.size());
  for (int64_t c = 0; c < columns; c++) {
    const Quantised8 q = quantised_column(weights.data(), depth, columns, c);
    for (int64_t k = 0; k < depth; k++) {
      result[k * columns + c] = static_cast<float>(q.integers[k]) * q.scale;
    }
  }
  return result;
}

// Returns the product of a row and a column.
inline int64_t integer_sum(const Quantised8& row, const Quantised8& column) {
  int64_t sum = 0;
  for (size_t k = 0; k < row.integers.size(); k++) {
    sum += int64_t{row.integers[k]} * column.integers[k];
  }
  return sum;
}

}  // namespace elmo4j

#endif  // ELMO4J_TESTS_NATIVE_INT8_ORACLE_H_
