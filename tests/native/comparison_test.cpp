// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include "comparison.h"

#include <gtest/gtest.h>

#include <cmath>

namespace elmo4j {
namespace {

TEST(ComparisonTest, ReportsFiveMismatchesTheirCountAndTheWorst) {
  Comparison numbers("output");
  for (int i = 0; i < 100; i++) {
    numbers.near(i, i < 10 ? i : i + 0.5 * i, 1e-3, i);
  }
  EXPECT_EQ(90, numbers.wrong());
  EXPECT_EQ(
      "output: 90 mismatches of 100, worst error 49.5"
      "\n  10: expected 10, found 15"
      "\n  11: expected 11, found 16.5"
      "\n  12: expected 12, found 18"
      "\n  13: expected 13, found 19.5"
      "\n  14: expected 14, found 21",
      numbers.report());
  numbers.reset();
}

TEST(ComparisonTest, NanIsTheWorstError) {
  Comparison numbers("output");
  numbers.close(1, NAN, 1, "row 0");
  numbers.close(1, 9, 1, "row 1");
  numbers.close(INFINITY, INFINITY, 0, "row 2");
  EXPECT_EQ(2, numbers.wrong());
  EXPECT_NE(std::string::npos, numbers.report().find("worst error nan\n  row 0: expected 1"));
  numbers.reset();
}

}  // namespace
}  // namespace elmo4j
