// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Compares arrays number by number and reports all differences as one failure.

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

// The destructor fails the test if a number was wrong. The message has the count of wrong numbers,
// the largest error, and the first five in the order of the calls.
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

  // Expects a number within `tolerance` of `wanted`. `where` identifies the number: a text or an
  // index.
  template <typename Where>
  void near(double wanted, double got, double tolerance, const Where& where) {
    const double error = std::abs(wanted - got);
    count_++;
    if (error <= tolerance || wanted == got) {
      return;
    }
    // NaN counts as the largest error.
    if (!std::isnan(worst_) && !(error <= worst_)) {
      worst_ = error;
    }
    if (wrong_++ < kMost) {
      first_ << "\n  " << text(where) << ": expected " << wanted << ", found " << got;
    }
  }

  // Expects a number within an absolute or relative `tolerance`.
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

  // Forgets the errors, so that a test of this class can examine them without failing.
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
