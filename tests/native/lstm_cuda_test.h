// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Makes problems for the CUDA kernels of the LSTM, runs them, and compares them with the oracle.

#ifndef ELMO4J_LSTM_CUDA_TEST_H_
#define ELMO4J_LSTM_CUDA_TEST_H_

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "cuda_test.h"
#include "lstm_oracle.h"

namespace elmo4j {

class LstmCudaTest : public CudaTest {
 protected:
  // Layers, a batch, the input of the first layer, and the initial state. Arrays have an element
  // for each direction of each layer; direction d of layer l is at 2 * l + d.
  struct Problem {
    LstmLayer layer;  // `backward` and `skip` are not used
    std::vector<int32_t> skip, lengths;
    bool gathered = false;
    std::vector<LstmWeights> weights;
    std::vector<std::vector<float>> h, c;
    std::vector<float> input[2];
    std::vector<int32_t> input_rows[2];  // the row of each position, in reading order

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

  // With `nodes`, captures the launches and counts them, but does not run them.
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

  // Expects each number to be close, and the cosine of the whole arrays to be almost 1.
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
        // A clip must take effect for some values but not for all.
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

  // Checks that several layers in one call are correct, and have the same bits as in one call each.
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

  // Returns a problem of one layer, whose input is the result of the layer before it.
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

  // Returns lengths of sentences, rows[t] of which are larger than t.
  static std::vector<int32_t> lengths_of(const std::vector<int32_t>& rows) {
    std::vector<int32_t> lengths;
    for (size_t t = rows.size(); t > 0; t--) {
      lengths.resize(rows[t - 1], static_cast<int32_t>(t));
    }
    return lengths;
  }
};

}  // namespace elmo4j

#endif  // ELMO4J_LSTM_CUDA_TEST_H_
