// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Compares an array number by number and reports it as one failure.

#ifndef ELMO4J_TESTS_NATIVE_COMPARISON_H_
#define ELMO4J_TESTS_NATIVE_COMPARISON_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

namespace elmo4j {

// Its destructor fails the test where a number was wrong: with their count, the worst error and the
// first five, of which the first has the lowest index where the caller goes by the index.
class Comparison {
 public:
  explicit Comparison(std::string array) : array_(std::move(array)) {}
  Comparison(const Comparison&) = delete;
  Comparison& operator=(const Comparison&) = delete;
  ~Comparison() {
    if (wrong_ > 0) {
      ADD_FAILURE() << report();
    }
  }

  // Within `tolerance` of wanted. `where` says which number it is: text or an index.
  template <typename Where>
  void near(double wanted, double got, double tolerance, const Where& where) {
    const double error = std::abs(wanted - got);
    count_++;
    if (error <= tolerance || wanted == got) {
      return;
    }
    // NaN is the worst of errors.
    if (!std::isnan(worst_) && !(error <= worst_)) {
      worst_ = error;
    }
    if (wrong_++ < kMost) {
      first_ << "\n  " << text(where) << ": expected " << wanted << ", found " << got;
    }
  }

  // Within `tolerance`, absolute or relative.
  template <typename Where>
  void close(double wanted, double got, double tolerance, const Where& where) {
    near(wanted, got, tolerance + tolerance * std::abs(wanted), where);
  }

  int64_t wrong() const { return wrong_; }

  std::string report() const {
    std::ostringstream all;
    all << array_ << ": " << wrong_ << " mismatches of " << count_ << ", worst error " << worst_
        << first_.str();
    return all.str();
  }

  // Forgets what was found, so that a test can look at it.
  void reset() { wrong_ = 0; }

 private:
  static constexpr int64_t kMost = 5;

  template <typename Where>
  static std::string text(const Where& where) {
    if constexpr (std::is_arithmetic_v<Where>) {
      return std::to_string(where);
    } else {
      return where;
    }
  }

  std::string array_;
  int64_t count_ = 0, wrong_ = 0;
  double worst_ = 0;
  std::ostringstream first_;
};

}  // namespace elmo4j

#endif  // ELMO4J_TESTS_NATIVE_COMPARISON_H_
