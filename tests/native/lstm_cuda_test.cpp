// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include "lstm_cuda_test.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "lstm_oracle.h"
#include "lstm_plan.h"

namespace elmo4j {
namespace {

// Rows are aligned to 16 bytes, and there is more than one block of depth.
TEST_P(LstmCudaTest, EqualsItsFormula) {
  check({32, 16, 0, 0, 0, 0}, {5, 3, 3, 1}, false, 0.4);
  check({64, 80, 0.5f, 0.3f, 1, 0}, {6, 4, 1}, true, 0.2);
}

// Rows are not aligned, and have fewer numbers than are copied at once.
TEST_P(LstmCudaTest, OddSizes) {
  check({13, 7, 0, 0, 1, 0}, {4, 4, 2}, false, 0.5);
  check({1, 1, 0, 0, 0, 0}, {3}, false, 0.5);
  check({20, 12, 0.3f, 0.2f, 1, 0}, {3, 2}, true, 0.5);
}

TEST_P(LstmCudaTest, OneSentence) { check({24, 8, 0.5f, 0.2f, 1, 0}, {12}, false, 0.5); }

// More than one tile of cells and of the projection's columns; the last tile is partial.
TEST_P(LstmCudaTest, SeveralTilesOfColumns) {
  check({72, 72, 0.4f, 0.3f, 1, 0}, {2, 1}, false, 0.2);
}

// There are more tiles than the emulator's device has blocks.
TEST_P(LstmCudaTest, SeveralTilesOfABlock) {
  check({200, 16, 0.5f, 0.3f, 1, 0}, std::vector<int32_t>(131, 2), true, 0.3);
}

// Plans that only a large GPU uses: the published sizes on 132 multiprocessors, with resident
// weights in 128 blocks of 32 cells, with several tiles for each block, and with both directions at
// once.
TEST_P(LstmCudaTest, PublishedSizesOfFewSentences) {
  if (!is_large()) {
    GTEST_SKIP() << "expected 100 multiprocessors";
  }
  check({4096, 512, 0, 0, 1, 0}, {6, 6, 5, 4, 4}, false, 0.05);
}
TEST_P(LstmCudaTest, PublishedSizesOfManySentences) {
  if (!is_large()) {
    GTEST_SKIP() << "expected 100 multiprocessors";
  }
  check({4096, 512, 0, 0, 1, 0}, std::vector<int32_t>(130, 1), false, 0.05);
}
TEST_P(LstmCudaTest, HalfThePublishedSizes) {
  if (!is_large()) {
    GTEST_SKIP() << "expected 100 multiprocessors";
  }
  check({2048, 256, 0, 0, 1, 0}, {5, 5, 5, 5, 5, 4, 4, 4, 4, 4}, false, 0.05);
}

// Several stages of depth; the last one of each operand is partial.
TEST_P(LstmCudaTest, DeepRows) { check({72, 208, 0.5f, 0.3f, 1, 0}, {3, 2}, false, 0.2); }

// The steps have 300, 129, 128... rows: all cases at the borders of tiles and within them.
TEST_P(LstmCudaTest, RowsFallAcrossTiles) {
  check({16, 16, 0.5f, 0.3f, 1, 0}, lengths_of({300, 129, 128, 127, 65, 64, 63, 17, 16, 1}), true,
        0.4);
}

// The projection with wgmma in its larger tiles. The first check has several tiles of rows and of
// columns, the last ones partial, and several stages of depth. The second checks that layers have
// the same bits in one call each, while the rows become few.
TEST_P(LstmCudaTest, ManySentencesByLargerTilesOfTheProjection) {
  check({72, 136, 0.5f, 0.3f, 1, 0}, lengths_of({260, 257, 3}), true, 0.15);
  check_layers({200, 16, 0.5f, 0.3f, 1, 0}, {0, 1}, lengths_of({300, 128, 17}), false, 0.2);
}

// The variants that benchmarks compare with the default.
TEST_P(LstmCudaTest, ManySentencesByEachVariant) {
  if (type() == ELMO4J_F32 || products() == ELMO4J_MMA) {
    GTEST_SKIP() << "these have no other";
  }
  for (int products : {ELMO4J_WGMMA_GATES, ELMO4J_WGMMA_EARLY}) {
    products_ = products;
    check({72, 136, 0.5f, 0.3f, 1, 0}, lengths_of({260, 257, 3}), true, 0.15);
    check_layers({200, 16, 0.5f, 0.3f, 1, 0}, {0, 1}, lengths_of({300, 128, 17}), false, 0.2);
  }
}

// The depth of the projection is split among blocks. On the emulator there are 3 parts, the last
// with a depth of 16; then one part with several tiles of rows and of columns; then 3 parts, the
// last with a depth of 8, with two tiles of rows. On a GPU the parts are different. Rows become few
// meanwhile.
TEST_P(LstmCudaTest, SplitProjection) {
  if (type() == ELMO4J_F32 || products() == ELMO4J_MMA) {
    GTEST_SKIP() << "it is by wgmma";
  }
  products_ = ELMO4J_WGMMA_SPLIT;
  EXPECT_EQ(3, projection_split(70, 400, 40, 12).parts);
  EXPECT_EQ(1, projection_split(130, 200, 136, 12).parts);
  EXPECT_EQ(3, projection_split(131, 264, 12, 32).parts);
  setenv("ELMO4J_EMULATED_MULTIPROCESSORS", "12", 1);
  check_layers({400, 40, 0.5f, 0.3f, 1, 0}, {0, 1}, lengths_of({70, 66, 3}), true, 0.1);
  check({200, 136, 0.5f, 0.3f, 1, 0}, lengths_of({130, 129, 65, 20}), false, 0.1);
  setenv("ELMO4J_EMULATED_MULTIPROCESSORS", "32", 1);
  check_layers({264, 12, 0.5f, 0.3f, 1, 0}, {1, 1}, lengths_of({131, 17}), true, 0.1);
  unsetenv("ELMO4J_EMULATED_MULTIPROCESSORS");
}

// Few sentences with resident weights (16-bit floats only). On the emulator, which has 4
// multiprocessors, blocks have 2, 4 and 8 groups of 8 cells, the last time with a partial last
// block. Then the directions run one at a time. The last size does not fit.
TEST_P(LstmCudaTest, FewSentences) {
  check({32, 32, 0.5f, 0.2f, 1, 0}, {7, 7, 5}, true, 0.2);
  check({64, 32, 0, 0, 0, 0}, {5}, false, 0.2);
  check({96, 32, 0.5f, 0.3f, 1, 0}, {6, 4}, false, 0.2);
  check({256, 64, 0.5f, 0.3f, 1, 0}, {5, 5, 3}, true, 0.1);
  check({288, 32, 0.5f, 0.3f, 0, 0}, {4, 1}, false, 0.1);
}

// The number of rows falls from many to few: 20, 17, then 16, 9, 8 and 1.
TEST_P(LstmCudaTest, SentencesBecomeFew) {
  check({64, 32, 0.5f, 0.3f, 1, 0}, lengths_of({20, 17, 16, 16, 9, 8, 8, 1, 1}), true, 0.2);
}

// The input's half of the gates is computed 512 rows at a time.
TEST_P(LstmCudaTest, FewLongSentences) {
  for (bool gathered : {false, true}) {
    check({32, 32, 0.5f, 0.3f, 1, 0}, std::vector<int32_t>(16, 35), gathered, 0.2);
  }
}

// Each layer runs one step behind the one before it. There are also more layers than fit in a
// launch.
TEST_P(LstmCudaTest, SeveralLayers) {
  for (int layers = 2; layers <= 5; layers++) {
    std::vector<int32_t> skip(layers, 1);
    skip[0] = 0;
    check_layers({20, 12, 0.5f, 0.2f, 1, 0}, skip, {6, 4, 4, 1}, layers % 2 == 0, 0.4);
  }
  check_layers({16, 16, 0, 0, 0, 0}, {0, 0, 0}, {3, 3}, true, 0.4);
  check_layers({16, 16, 0.5f, 0.3f, 1, 0}, {1, 0}, {5, 2}, true, 0.4);
}

// Tiles with rows for both warpgroups and, in the layer that is a step ahead, only for the first
// one. Several stages of depth, the last one partial.
TEST_P(LstmCudaTest, SeveralLayersOfDeepRows) {
  check_layers({40, 80, 0.5f, 0.3f, 1, 0}, {0, 1}, lengths_of({66, 66, 20}), true, 0.2);
}

// No two steps run at the same time; then there are fewer steps than layers.
TEST_P(LstmCudaTest, SeveralLayersOfOneOrTwoSteps) {
  check_layers({16, 16, 0.3f, 0.1f, 1, 0}, {0, 1, 1}, {1, 1, 1, 1, 1}, true, 0.4);
  check_layers({16, 16, 0.3f, 0.1f, 1, 0}, {0, 1, 1, 1}, {2, 1, 1}, true, 0.4);
}

// More steps than the parameters of one launch hold, so that a launch ends with all of its layers
// at the same step. When layers run by themselves, the first one gathers its input, the second does
// not.
TEST_P(LstmCudaTest, VeryLongSentences) {
  check_layers({4, 4, 0.5f, 0.1f, 1, 0}, {0, 1}, {129, 129, 1}, true, 0.5);
}

// First all layers run at once, then as many as the emulator's L2 holds the weights of (one with
// 32-bit floats, two with 16-bit floats). Then, with 16-bit floats, they run one after the other
// with resident weights.
TEST_P(LstmCudaTest, SeveralLayersOfManySentencesThatBecomeFew) {
  check_layers({64, 32, 0.5f, 0.3f, 1, 0}, {0, 1, 1}, lengths_of({130, 128, 20, 17, 16, 9, 8, 1}),
               true, 0.2);
}

// Each launch has two nodes: the kernel, and the clearing of its counter.
TEST_P(LstmCudaTest, LayersShareALaunch) {
  const LstmLayer layer = {20, 12, 0, 0, 1, 0};
  for (const auto& [layers, launches] : {std::pair(1, 1), std::pair(4, 1), std::pair(5, 2)}) {
    size_t nodes = 0;
    run(problem(layer, {3, 2}, false, 0.4, std::vector<int32_t>(layers, 1)), &nodes);
    EXPECT_EQ(2u * launches, nodes) << layers << " layers";
  }
}

// A batch that is computed in two halves, with the state of each layer carried over, has the same
// bits as in one piece.
TEST_P(LstmCudaTest, StateIsCarried) {
  const LstmLayer layer = {16, 8, 0.5f, 0.3f, 1, 0};
  Problem whole = problem(layer, {6, 6, 6}, true, 0.5, {0, 1, 1});
  const Result at_once = run(whole);
  Problem first = whole;
  first.lengths = {3, 3, 3};
  Problem second = first;
  for (int d = 0; d < 2; d++) {
    first.input_rows[d].clear();
    second.input_rows[d].clear();
    for (int s = 0; s < 3; s++) {
      for (int t = 0; t < 6; t++) {
        ((t < 3) == (d == 0) ? first : second)
            .input_rows[d]
            .push_back(whole.input_rows[d][6 * s + t]);
      }
    }
  }
  const Result head = run(first);
  second.h = head.h;
  second.c = head.c;
  const Result tail = run(second);
  EXPECT_EQ(at_once.h, tail.h);
  EXPECT_EQ(at_once.c, tail.c);
}

// A sentence has the same bits in any batch.
TEST_P(LstmCudaTest, SentencesDoNotDependOnTheirBatch) {
  const LstmLayer layer = {20, 12, 0.5f, 0.3f, 1, 0};
  const Problem together = problem(layer, std::vector<int32_t>(70, 2), true, 0.5);
  const Result all = run(together);
  for (int s : {0, 63, 69}) {
    Problem own = together;
    own.lengths = {2};
    for (int d = 0; d < 2; d++) {
      const auto cut = [&](auto values, int64_t size) {
        return decltype(values)(values.begin() + s * size, values.begin() + (s + 1) * size);
      };
      own.input_rows[d] = cut(together.input_rows[d], 2);
      own.h[d] = cut(together.h[d], layer.projection);
      own.c[d] = cut(together.c[d], layer.cells);
    }
    const Result alone = run(own);
    for (int d = 0; d < 2; d++) {
      const auto from = all.output[d].begin() + s * 2 * layer.projection;
      EXPECT_EQ(std::vector<float>(from, from + 2 * layer.projection), alone.output[d]);
    }
  }
}

// Huge inputs saturate the gates; no result is infinite or NaN.
TEST_P(LstmCudaTest, HugeInputsSaturate) {
  Problem p = problem({20, 4, 0, 0, 0, 0}, {3}, false, 1);
  for (int d = 0; d < 2; d++) {
    std::fill(p.input[d].begin(), p.input[d].end(), type() == ELMO4J_F16 ? 60000.0f : 1e30f);
    p.input[d][0] *= -1;
  }
  const Result got = run(p);
  for (int d = 0; d < 2; d++) {
    for (float v : got.output[d]) {
      EXPECT_TRUE(std::isfinite(v)) << v;
    }
    for (float v : got.c[d]) {
      EXPECT_LE(std::abs(v), 3.3f);
    }
  }
}

// Compares packed weights with the layout of kernels.h, number by number.
TEST_P(LstmCudaTest, PackedWeightsLieAsDocumented) {
  const int64_t depth = 5, columns = 19, groups = 2;
  const std::vector<float> weights = random_of(type(), depth * groups * columns);
  std::vector<float> wanted(16 * 32 * groups);
  for (int64_t k = 0; k < depth; k++) {
    for (int64_t g = 0; g < groups; g++) {
      for (int64_t column = 0; column < columns; column++) {
        wanted[(column * groups + g) * 16 + k] = weights[(k * groups + g) * columns + column];
      }
    }
  }
  std::vector<DeviceArray<unsigned char>> packed;
  matrix_of(weights.data(), depth, columns, groups, &packed);
  ASSERT_EQ(wanted.size() * DeviceNumbers::size(type()), packed[0].host().size());
  const DeviceNumbers same(type(), wanted);
  const std::vector<unsigned char> bytes = packed[0].host();
  std::vector<unsigned char> wanted_bytes(bytes.size());
  check_cuda(cudaMemcpy(wanted_bytes.data(), same.get(), bytes.size(), cudaMemcpyDeviceToHost),
             "cudaMemcpy");
  EXPECT_EQ(wanted_bytes, bytes);
}

ELMO4J_FOR_EACH_PRODUCT(LstmCudaTest);

// The published sizes on an H200 (132 multiprocessors, 227 KiB of shared memory for a block), an
// A100 (108, 163 KiB) and an RTX 4090 (128, 99 KiB).
TEST(LstmPlanTest, FitsTheDevice) {
  const auto expect = [](const ResidentPlan& plan, int directions, int blocks, int cells,
                         int columns) {
    EXPECT_EQ(directions, plan.directions);
    EXPECT_EQ(blocks, plan.blocks);
    EXPECT_EQ(cells, plan.cells);
    EXPECT_EQ(columns, plan.columns);
  };
  expect(resident_plan(1024, 128, 132, 227 << 10), 2, 64, 16, 2);
  expect(resident_plan(2048, 256, 132, 227 << 10), 2, 64, 32, 4);
  expect(resident_plan(4096, 512, 132, 227 << 10), 1, 128, 32, 4);
  expect(resident_plan(2048, 256, 108, 163 << 10), 1, 64, 32, 4);
  expect(resident_plan(4096, 512, 108, 163 << 10), 0, 0, 0, 0);
  expect(resident_plan(2048, 256, 128, 99 << 10), 2, 64, 32, 4);
  expect(resident_plan(4096, 512, 128, 99 << 10), 0, 0, 0, 0);
  // The sizes of rows are not multiples of what a warp reads at once.
  expect(resident_plan(1000, 128, 132, 227 << 10), 0, 0, 0, 0);
  expect(resident_plan(1024, 100, 132, 227 << 10), 0, 0, 0, 0);
}

// The original model with 1,024 sentences fills 128 of 132 multiprocessors; with 896 it does not.
TEST(LstmPlanTest, LargerTilesOfTheProjectionFillTheDevice) {
  EXPECT_TRUE(is_wide_projection(1024, 512, 132));
  EXPECT_TRUE(is_wide_projection(897, 512, 132));
  EXPECT_FALSE(is_wide_projection(896, 512, 132));
  EXPECT_FALSE(is_wide_projection(1024, 256, 132));
  EXPECT_TRUE(is_wide_projection(2048, 256, 132));
  EXPECT_FALSE(is_wide_projection(256, 512, 4));
}

// The parts on 132 multiprocessors. No part is empty, whatever the sizes.
TEST(LstmPlanTest, PartsOfTheProjection) {
  const auto expect = [](int64_t sentences, int64_t cells, int64_t projection, int parts,
                         int depth) {
    const Split split = projection_split(sentences, cells, projection, 132);
    EXPECT_EQ(parts, split.parts) << sentences << " sentences, " << cells << " cells";
    EXPECT_EQ(depth, split.depth) << sentences << " sentences, " << cells << " cells";
  };
  expect(64, 4096, 512, 0, 0);
  expect(65, 4096, 512, 8, 512);
  expect(129, 4096, 512, 4, 1024);
  expect(512, 4096, 512, 2, 2048);
  expect(513, 4096, 512, 1, 4096);
  expect(100, 2048, 256, 8, 256);
  expect(100, 1000, 256, 8, 128);
  expect(100, 100, 256, 2, 64);
  for (int64_t cells = 1; cells <= 700; cells++) {
    for (int64_t multiprocessors : {4, 12, 24, 114, 132, 144, 1000}) {
      const Split split = projection_split(70, cells, 128, multiprocessors);
      EXPECT_EQ(0, split.depth % 64);
      EXPECT_GT(cells, (split.parts - 1) * split.depth);
      EXPECT_LE(cells, split.parts * split.depth);
      EXPECT_LE(split.parts, projection_split(70, cells, 128, kMostMultiprocessors).parts);
    }
  }
}

// The original model with 16-bit floats on an H200 (60 MB of L2) and an RTX 5090 (96 MB), the
// half-sized model on an A100 (40 MB), and the small model.
TEST(LstmPlanTest, LayersWhoseWeightsL2Holds) {
  EXPECT_EQ(0, layers_in_l2(4096, 512, 2, 60 << 20));
  EXPECT_EQ(1, layers_in_l2(4096, 512, 2, 96 << 20));
  EXPECT_EQ(0, layers_in_l2(4096, 512, 4, 96 << 20));
  EXPECT_EQ(2, layers_in_l2(2048, 256, 2, 40 << 20));
  EXPECT_EQ(1, layers_in_l2(2048, 256, 4, 40 << 20));
  EXPECT_EQ(8, layers_in_l2(1024, 128, 2, 40 << 20));
}

TEST(LstmPlanTest, NeverExceedsTheDevice) {
  for (int64_t cells = 32; cells <= 4096; cells += 32) {
    for (int64_t projection : {32, 64, 96, 512}) {
      for (int64_t shared : {64 << 10, 99 << 10, 227 << 10}) {
        const ResidentPlan plan = resident_plan(cells, projection, 100, shared);
        if (plan.directions > 0) {
          EXPECT_LE(plan.directions * plan.blocks, 100);
          EXPECT_LE(plan.shared_bytes, shared);
          EXPECT_GE(int64_t{plan.blocks} * plan.cells, cells);
          EXPECT_GE(int64_t{plan.blocks} * plan.columns, projection);
          EXPECT_LE(plan.columns, 16);
        }
      }
    }
  }
}

}  // namespace
}  // namespace elmo4j
