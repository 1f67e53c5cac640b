// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <numeric>
#include <utility>

#include "cuda_test.h"
#include "lstm_oracle.h"
#include "lstm_plan.h"

namespace elmo4j {
namespace {

class LstmCudaTest : public CudaTest {
 protected:
  // Layers over a batch, what the first one reads and the state before. Arrays have both directions
  // of each layer: layer l's direction d at 2 * l + d.
  struct Problem {
    LstmLayer layer;  // `backward` is the direction's own, `skip` the layer's
    std::vector<int32_t> skip, lengths;
    bool gathered = false;
    std::vector<LstmWeights> weights;
    std::vector<std::vector<float>> h, c;
    std::vector<float> input[2];
    std::vector<int32_t> input_rows[2];  // of positions in reading order

    int64_t layers() const { return static_cast<int64_t>(skip.size()); }
    int64_t positions() const {
      int64_t sum = 0;
      for (int32_t n : lengths) {
        sum += n;
      }
      return sum;
    }
  };

  struct Result {
    std::vector<std::vector<float>> output, h, c;  // outputs in reading order
  };

  Problem problem(const LstmLayer& layer, const std::vector<int32_t>& lengths, bool gathered,
                  double scale, const std::vector<int32_t>& skip) {
    Problem p;
    p.layer = layer;
    p.skip = skip;
    p.lengths = lengths;
    p.gathered = gathered;
    const int64_t positions = p.positions();
    const int64_t words = gathered ? positions / 2 + 1 : positions;
    for (int d = 0; d < 2; d++) {
      p.input[d] = random_of(type(), words * layer.projection);
      for (int64_t i = 0; i < positions; i++) {
        p.input_rows[d].push_back(static_cast<int32_t>(gathered ? engine_() % words : i));
      }
    }
    for (int64_t i = 0; i < 2 * p.layers(); i++) {
      p.weights.push_back({random_of(type(), 2 * layer.projection * 4 * layer.cells, scale),
                           random(4 * layer.cells),
                           random_of(type(), layer.cells * layer.projection, scale)});
      p.h.push_back(random_of(type(), lengths.size() * layer.projection, 0.2));
      p.c.push_back(random(lengths.size() * layer.cells, 0.3));
    }
    return p;
  }
  Problem problem(const LstmLayer& layer, const std::vector<int32_t>& lengths, bool gathered,
                  double scale) {
    return problem(layer, lengths, gathered, scale, {layer.skip});
  }

  // With `nodes`, counts what would run: it is captured, and the result is left as it was.
  Result run(const Problem& p, size_t* nodes = nullptr) {
    const int64_t cells = p.layer.cells, projection = p.layer.projection;
    const int64_t positions = p.positions();
    const int64_t sentences = static_cast<int64_t>(p.lengths.size());
    const int64_t steps = p.lengths[0];
    std::vector<int32_t> rows(steps);
    for (int64_t t = 0; t < steps; t++) {
      rows[t] = static_cast<int32_t>(
          std::count_if(p.lengths.begin(), p.lengths.end(), [&](int32_t n) { return n > t; }));
    }
    std::vector<int64_t> reading[2];  // the position of each row of the packed order
    std::vector<int64_t> start;
    int64_t first = 0;
    for (int32_t n : p.lengths) {
      start.push_back(first);
      first += n;
    }
    for (int64_t t = 0; t < steps; t++) {
      for (int32_t r = 0; r < rows[t]; r++) {
        reading[0].push_back(start[r] + t);
        reading[1].push_back(start[r] + p.lengths[r] - 1 - t);
      }
    }

    std::vector<DeviceArray<unsigned char>> packed;
    std::vector<DeviceNumbers> inputs, hs, outputs;
    std::vector<DeviceArray<int32_t>> indexes;
    std::vector<DeviceArray<float>> biases, cs;
    std::vector<elmo4j_lstm> weights;
    std::vector<elmo4j_lstm_rows> io;
    for (int d = 0; d < 2; d++) {
      std::vector<int32_t> index;
      std::vector<float> x;
      for (int64_t position : reading[d]) {
        index.push_back(p.input_rows[d][position]);
        x.insert(x.end(), p.input[d].begin() + index.back() * projection,
                 p.input[d].begin() + (index.back() + 1) * projection);
      }
      inputs.emplace_back(type(), p.gathered ? p.input[d] : x);
      indexes.emplace_back(index);
    }
    for (int64_t i = 0; i < 2 * p.layers(); i++) {
      const LstmWeights& w = p.weights[i];
      biases.emplace_back(w.bias);
      elmo4j_lstm lstm = {
          matrix_of(w.kernel.data(), projection, cells, 4, &packed),
          matrix_of(w.kernel.data() + projection * 4 * cells, projection, cells, 4, &packed),
          matrix_of(w.projector.data(), cells, projection, 1, &packed),
          p.layer.cell_clip,
          p.layer.projection_clip,
          p.skip[i / 2],
          static_cast<int32_t>(i % 2)};
      lstm.x.bias = biases.back().get();
      weights.push_back(lstm);
      hs.emplace_back(type(), p.h[i]);
      cs.emplace_back(p.c[i]);
      outputs.emplace_back(type(), positions * projection);
      const bool first = i < 2;
      io.push_back({first ? inputs[i].get() : nullptr,
                    first && p.gathered ? indexes[i].get() : nullptr, hs.back().get(),
                    cs.back().get(), outputs.back().get()});
    }
    const elmo4j_packed_batch batch = {
        {sentences, nullptr, nullptr, nullptr}, positions, steps, rows.data(), nullptr};
    const DeviceArray<unsigned char> workspace(
        elmo4j_cuda_lstm_workspace(weights.data(), p.layers(), sentences, positions));
    cudaGraph_t graph = nullptr;
    if (nodes) {
      check_cuda(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capture");
    }
    const int launched =
        elmo4j_cuda_lstm(weights.data(), io.data(), p.layers(), &batch, workspace.get(), stream_);
    if (nodes) {
      check_cuda(cudaStreamEndCapture(stream_, &graph), "capture");
      check_cuda(cudaGraphGetNodes(graph, nullptr, nodes), "cudaGraphGetNodes");
      cudaGraphDestroy(graph);
    }
    finish(launched);
    Result result;
    for (int64_t i = 0; i < 2 * p.layers(); i++) {
      result.c.push_back(cs[i].host());
      result.h.push_back(hs[i].host());
      const std::vector<float> out = outputs[i].host();
      result.output.emplace_back(out.size());
      for (int64_t row = 0; row < positions; row++) {
        std::copy_n(out.begin() + row * projection, projection,
                    result.output[i].begin() + reading[i % 2][row] * projection);
      }
    }
    return result;
  }

  // Close number by number, and halves as a whole.
  void expect_all_close(const std::vector<double>& wanted, const std::vector<float>& got,
                        const std::string& what) const {
    ASSERT_EQ(wanted.size(), got.size()) << what;
    const double close = type() == ELMO4J_F16 ? 2e-2 : 2e-5;
    double dot = 0, x = 0, y = 0;
    Comparison numbers(what);
    for (size_t i = 0; i < wanted.size(); i++) {
      numbers.close(wanted[i], got[i], close, i);
      dot += wanted[i] * got[i];
      x += wanted[i] * wanted[i];
      y += static_cast<double>(got[i]) * got[i];
    }
    EXPECT_GE(dot / std::sqrt(x * y), 0.9995) << what;
  }

  void expect(const Problem& p, const Result& got) const {
    for (int d = 0; d < 2; d++) {
      LstmLayer layer = p.layer;
      layer.backward = d;
      std::vector<float> input = p.input[d];
      const int32_t* input_rows = p.input_rows[d].data();
      for (int64_t l = 0; l < p.layers(); l++) {
        layer.skip = p.skip[l];
        const int64_t i = 2 * l + d;
        const LstmOracle wanted =
            lstm_oracle(layer, p.weights[i], p.lengths, input, input_rows, p.h[i], p.c[i]);
        const std::string at = "layer " + std::to_string(l) + (d ? " backward " : " forward ");
        expect_all_close(wanted.output, got.output[i], at + "output");
        expect_all_close(wanted.h, got.h[i], at + "h");
        expect_all_close(wanted.c, got.c[i], at + "c");
        // Clips that are set bind now and then, not always: the sequence goes on behind them.
        const int64_t updates = p.positions();
        if (layer.cell_clip > 0) {
          EXPECT_GT(wanted.cell_clips, 0);
          EXPECT_LT(wanted.cell_clips, updates * layer.cells);
        }
        if (layer.projection_clip > 0) {
          EXPECT_GT(wanted.projection_clips, 0);
          EXPECT_LT(wanted.projection_clips, updates * layer.projection);
        }
        input.assign(wanted.output.begin(), wanted.output.end());
        input_rows = nullptr;
      }
    }
  }

  void check(const LstmLayer& layer, const std::vector<int32_t>& lengths, bool gathered,
             double scale) {
    check_layers(layer, {layer.skip}, lengths, gathered, scale);
  }

  // Several layers in one call are right, and the same to the bit as a call a layer.
  void check_layers(const LstmLayer& layer, const std::vector<int32_t>& skip,
                    const std::vector<int32_t>& lengths, bool gathered, double scale) {
    SCOPED_TRACE(std::to_string(skip.size()) + " layers of " + std::to_string(layer.cells) +
                 " cells, projection " + std::to_string(layer.projection) + ", " +
                 std::to_string(lengths.size()) + " sentences" + (gathered ? ", gathered" : ""));
    const Problem p = problem(layer, lengths, gathered, scale, skip);
    const Result all = run(p);
    expect(p, all);
    for (int64_t l = 0; l < p.layers() && p.layers() > 1; l++) {
      const Result one = run(only(p, l, all));
      for (int64_t d = 0; d < 2; d++) {
        EXPECT_EQ(one.output[d], all.output[2 * l + d]) << "layer " << l;
        EXPECT_EQ(one.h[d], all.h[2 * l + d]) << "layer " << l;
        EXPECT_EQ(one.c[d], all.c[2 * l + d]) << "layer " << l;
      }
    }
  }

  // One layer of a problem, which reads what the layer before it has given.
  static Problem only(const Problem& p, int64_t layer, const Result& result) {
    const auto own = [&](const auto& all) {
      return std::decay_t<decltype(all)>(all.begin() + 2 * layer, all.begin() + 2 * layer + 2);
    };
    Problem one = p;
    one.skip = {p.skip[layer]};
    one.weights = own(p.weights);
    one.h = own(p.h);
    one.c = own(p.c);
    for (int64_t d = 0; d < 2 && layer > 0; d++) {
      one.gathered = false;
      one.input[d] = result.output[2 * (layer - 1) + d];
      std::iota(one.input_rows[d].begin(), one.input_rows[d].end(), 0);
    }
    return one;
  }

  static bool is_large() {
    int multiprocessors = 0;
    check_cuda(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0),
               "cudaDeviceGetAttribute");
    return multiprocessors >= 100;
  }

  // Sentences of which rows[t] are longer than t.
  static std::vector<int32_t> lengths_of(const std::vector<int32_t>& rows) {
    std::vector<int32_t> lengths;
    for (size_t t = rows.size(); t > 0; t--) {
      lengths.resize(rows[t - 1], static_cast<int32_t>(t));
    }
    return lengths;
  }
};

// Sizes whose rows lie on 16 bytes, and more than one block of depth.
TEST_P(LstmCudaTest, EqualsItsFormula) {
  check({32, 16, 0, 0, 0, 0}, {5, 3, 3, 1}, false, 0.4);
  check({64, 80, 0.5f, 0.3f, 1, 0}, {6, 4, 1}, true, 0.2);
}

// Rows that begin anywhere, fewer numbers than are copied at once.
TEST_P(LstmCudaTest, OddSizes) {
  check({13, 7, 0, 0, 1, 0}, {4, 4, 2}, false, 0.5);
  check({1, 1, 0, 0, 0, 0}, {3}, false, 0.5);
  check({20, 12, 0.3f, 0.2f, 1, 0}, {3, 2}, true, 0.5);
}

TEST_P(LstmCudaTest, OneSentence) { check({24, 8, 0.5f, 0.2f, 1, 0}, {12}, false, 0.5); }

// More than one tile of cells and of the projection's columns, the last one cut.
TEST_P(LstmCudaTest, SeveralTilesOfColumns) {
  check({72, 72, 0.4f, 0.3f, 1, 0}, {2, 1}, false, 0.2);
}

// More tiles than the emulator's device has blocks.
TEST_P(LstmCudaTest, SeveralTilesOfABlock) {
  check({200, 16, 0.5f, 0.3f, 1, 0}, std::vector<int32_t>(131, 2), true, 0.3);
}

// Plans that only a large GPU takes: the published sizes on 132 multiprocessors, with weights on
// the chip in 128 blocks of 32 cells, with several tiles of a block, and with both directions at
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

// Several stages of depth, the last of each operand cut.
TEST_P(LstmCudaTest, DeepRows) { check({72, 208, 0.5f, 0.3f, 1, 0}, {3, 2}, false, 0.2); }

// 300, then 129, 128 and so on rows: each border between tiles and within them.
TEST_P(LstmCudaTest, RowsFallAcrossTiles) {
  check({16, 16, 0.5f, 0.3f, 1, 0}, lengths_of({300, 129, 128, 127, 65, 64, 63, 17, 16, 1}), true,
        0.4);
}

// The projection by wgmma in its larger tiles: several of rows and of columns, each cut, depth of
// several stages, and layers that have the same bits in a call each, where rows become few on the
// way.
TEST_P(LstmCudaTest, ManySentencesByLargerTilesOfTheProjection) {
  check({72, 136, 0.5f, 0.3f, 1, 0}, lengths_of({260, 257, 3}), true, 0.15);
  check_layers({200, 16, 0.5f, 0.3f, 1, 0}, {0, 1}, lengths_of({300, 128, 17}), false, 0.2);
}

// What that is timed against, and what is timed against that.
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

// The depth of the projection split among blocks: on the emulator in 3 parts, the last 16 deep; in
// one part, of several tiles down and across; and in 3 parts, the last 8 deep, of two tiles down.
// On a GPU there are other parts. Rows become few on the way.
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

// Few sentences, weights on the chip (halves alone). On the emulator, which has 4 multiprocessors:
// 1, 2, 4 and 8 groups of 8 cells a block, the last block cut, then one direction at a time, and
// last a size that does not fit.
TEST_P(LstmCudaTest, FewSentences) {
  check({32, 32, 0.5f, 0.2f, 1, 0}, {7, 7, 5}, true, 0.2);
  check({64, 32, 0, 0, 0, 0}, {5}, false, 0.2);
  check({96, 32, 0.5f, 0.3f, 1, 0}, {6, 4}, false, 0.2);
  check({256, 64, 0.5f, 0.3f, 1, 0}, {5, 5, 3}, true, 0.1);
  check({288, 32, 0.5f, 0.3f, 0, 0}, {4, 1}, false, 0.1);
}

// From many rows to few on the way: 20, 17, then 16, 9, 8 and 1.
TEST_P(LstmCudaTest, SentencesBecomeFew) {
  check({64, 32, 0.5f, 0.3f, 1, 0}, lengths_of({20, 17, 16, 16, 9, 8, 8, 1, 1}), true, 0.2);
}

// The input's half of the gates is made in pieces of 512 rows.
TEST_P(LstmCudaTest, FewLongSentences) {
  for (bool gathered : {false, true}) {
    check({32, 32, 0.5f, 0.3f, 1, 0}, std::vector<int32_t>(16, 35), gathered, 0.2);
  }
}

// Layers one step behind each other; more of them than a launch takes.
TEST_P(LstmCudaTest, SeveralLayers) {
  for (int layers = 2; layers <= 5; layers++) {
    std::vector<int32_t> skip(layers, 1);
    skip[0] = 0;
    check_layers({20, 12, 0.5f, 0.2f, 1, 0}, skip, {6, 4, 4, 1}, layers % 2 == 0, 0.4);
  }
  check_layers({16, 16, 0, 0, 0, 0}, {0, 0, 0}, {3, 3}, true, 0.4);
  check_layers({16, 16, 0.5f, 0.3f, 1, 0}, {1, 0}, {5, 2}, true, 0.4);
}

// Tiles of both warpgroups' rows and, of the layer a step ahead, of the first one's alone; several
// stages of depth, cut.
TEST_P(LstmCudaTest, SeveralLayersOfDeepRows) {
  check_layers({40, 80, 0.5f, 0.3f, 1, 0}, {0, 1}, lengths_of({66, 66, 20}), true, 0.2);
}

// No step has another one beside it; fewer steps than layers.
TEST_P(LstmCudaTest, SeveralLayersOfOneOrTwoSteps) {
  check_layers({16, 16, 0.3f, 0.1f, 1, 0}, {0, 1, 1}, {1, 1, 1, 1, 1}, true, 0.4);
  check_layers({16, 16, 0.3f, 0.1f, 1, 0}, {0, 1, 1, 1}, {2, 1, 1}, true, 0.4);
}

// Steps past what one launch's parameters hold: it ends with all of its layers at the same step. Of
// the layers by themselves the first gathers its input, the second does not.
TEST_P(LstmCudaTest, VeryLongSentences) {
  check_layers({4, 4, 0.5f, 0.1f, 1, 0}, {0, 1}, {129, 129, 1}, true, 0.5);
}

// All at once, then as many as the emulator's L2 holds the weights of (one of floats, two of
// halves), then, of halves, one after the other with the weights on the chip.
TEST_P(LstmCudaTest, SeveralLayersOfManySentencesThatBecomeFew) {
  check_layers({64, 32, 0.5f, 0.3f, 1, 0}, {0, 1, 1}, lengths_of({130, 128, 20, 17, 16, 9, 8, 1}),
               true, 0.2);
}

// A launch and the clearing of its counter.
TEST_P(LstmCudaTest, LayersShareALaunch) {
  const LstmLayer layer = {20, 12, 0, 0, 1, 0};
  for (const auto& [layers, launches] : {std::pair(1, 1), std::pair(4, 1), std::pair(5, 2)}) {
    size_t nodes = 0;
    run(problem(layer, {3, 2}, false, 0.4, std::vector<int32_t>(layers, 1)), &nodes);
    EXPECT_EQ(2u * launches, nodes) << layers << " layers";
  }
}

// A batch in two halves, the state of each layer carried, gives the same bits as in one piece.
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

// The same bits whatever the batch.
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

// Gates far out saturate; nothing becomes infinite or NaN.
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

// The layout of kernels.h, number by number.
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

// Fills stack that later calls use.
__attribute__((noinline)) void leave_on_stack(const void* pointer) {
  const void* volatile memory[8192];
  for (const void* volatile& word : memory) {
    word = pointer;
  }
}

// What a launch is given is all its own: the emulator takes each word of it that points to memory
// of another device for a mistake.
TEST_P(LstmCudaTest, NothingOfTheStackIsLaunched) {
  int devices = 0;
  ASSERT_EQ(cudaSuccess, cudaGetDeviceCount(&devices));
  if (devices < 2) {
    GTEST_SKIP() << "one device";
  }
  ASSERT_EQ(cudaSuccess, cudaSetDevice(1));
  void* elsewhere;
  ASSERT_EQ(cudaSuccess, cudaMalloc(&elsewhere, 1));
  ASSERT_EQ(cudaSuccess, cudaSetDevice(0));
  for (const LstmLayer& layer :
       {LstmLayer{64, 32, 0.5f, 0.3f, 1, 0}, LstmLayer{20, 12, 0.5f, 0.3f, 1, 0}}) {
    const Problem p = problem(layer, {6, 6, 3}, true, 0.2);
    leave_on_stack(elsewhere);
    run(p);
  }
  ASSERT_EQ(cudaSuccess, cudaSetDevice(1));
  EXPECT_EQ(cudaSuccess, cudaFree(elsewhere));
  ASSERT_EQ(cudaSuccess, cudaSetDevice(0));
}

ELMO4J_FOR_EACH_PRODUCT(LstmCudaTest);

// The published sizes on an H200, which has 132 multiprocessors with 227 KiB for a block, on an
// A100 with 108 and 163 KiB, and on an RTX 4090 with 128 and 99 KiB.
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
  // Rows that are no multiple of what a warp reads at once.
  expect(resident_plan(1000, 128, 132, 227 << 10), 0, 0, 0, 0);
  expect(resident_plan(1024, 100, 132, 227 << 10), 0, 0, 0, 0);
}

// 1,024 sentences of the original fill 128 of 132 multiprocessors, 896 do not.
TEST(LstmPlanTest, LargerTilesOfTheProjectionFillTheDevice) {
  EXPECT_TRUE(is_wide_projection(1024, 512, 132));
  EXPECT_TRUE(is_wide_projection(897, 512, 132));
  EXPECT_FALSE(is_wide_projection(896, 512, 132));
  EXPECT_FALSE(is_wide_projection(1024, 256, 132));
  EXPECT_TRUE(is_wide_projection(2048, 256, 132));
  EXPECT_FALSE(is_wide_projection(256, 512, 4));
}

// On 132 multiprocessors. Every part has depth, whatever the sizes.
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

// The original's halves on an H200 with 60 MB of L2 and on an RTX 5090 with 96, the half-sized
// one's on an A100 with 40, and the small one's.
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
