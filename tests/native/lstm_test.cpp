// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0

#include <cstring>
#include <thread>

#include "kernel_test.h"
#include "lstm_oracle.h"

namespace elmo4j {
namespace {

class LstmTest : public KernelTest {
 protected:
  using Layer = LstmLayer;
  using Weights = LstmWeights;

  Weights weights(const Layer& layer, double scale) {
    const int64_t p = layer.projection, gates = 4 * layer.cells;
    Weights w = {random_of(layer.type, 2 * p * gates, scale), random(gates),
                 random_of(layer.type, layer.cells * p, scale)};
    if (layer.type == ELMO4J_INT8) {
      // The weights of x and those of h have different scales.
      const auto half = w.kernel.begin() + p * gates;
      const std::vector<float> x = quantised_weights({w.kernel.begin(), half}, p, gates);
      const std::vector<float> h = quantised_weights({half, w.kernel.end()}, p, gates);
      w.kernel = x;
      w.kernel.insert(w.kernel.end(), h.begin(), h.end());
      w.projector = quantised_weights(w.projector, layer.cells, p);
    }
    return w;
  }

  struct PackedLayer {
    Packed x, h, projector;
    elmo4j_lstm lstm;
  };

  PackedLayer pack_layer(const Layer& layer, const Weights& w, int isa) const {
    const float* recurrent = w.kernel.data() + layer.projection * 4 * layer.cells;
    PackedLayer packed = {
        pack(w.kernel.data(), w.bias.data(), layer.projection, layer.cells, 4, layer.type, isa),
        pack(recurrent, nullptr, layer.projection, layer.cells, 4, layer.type, isa),
        pack(w.projector.data(), nullptr, layer.cells, layer.projection, 1, layer.type, isa),
        {}};
    packed.lstm = {packed.x.matrix,       packed.h.matrix, packed.projector.matrix, layer.cell_clip,
                   layer.projection_clip, layer.skip,      layer.backward};
    return packed;
  }

  struct Result {
    std::vector<float> output, h, c;
  };

  Result run(const Layer& layer, const Weights& w, const std::vector<int32_t>& lengths,
             const std::vector<float>& input, const int32_t* input_rows, std::vector<float> h,
             std::vector<float> c) const {
    return run_on(isa(), layer, w, lengths, input, input_rows, std::move(h), std::move(c));
  }

  Result run_on(int isa, const Layer& layer, const Weights& w, const std::vector<int32_t>& lengths,
                const std::vector<float>& input, const int32_t* input_rows, std::vector<float> h,
                std::vector<float> c) const {
    std::vector<int32_t> starts;
    int32_t positions = 0;
    for (int32_t n : lengths) {
      starts.push_back(positions);
      positions += n;
    }
    const PackedLayer packed = pack_layer(layer, w, isa);
    const Aligned scratch(elmo4j_cpu_lstm_scratch(&packed.lstm, lengths.size()));
    std::vector<float> output = poisoned(positions * layer.projection);
    const elmo4j_batch batch = {static_cast<int64_t>(lengths.size()), starts.data(), lengths.data(),
                                nullptr};
    elmo4j_cpu_lstm(&packed.lstm, &batch, input.data(), input_rows, h.data(), c.data(),
                    output.data(), scratch.get());
    return {output, h, c};
  }

  void expect(const Layer& layer, const Weights& w, const std::vector<int32_t>& lengths,
              const std::vector<float>& input, const int32_t* input_rows,
              const std::vector<float>& h0, const std::vector<float>& c0, const Result& got) const {
    // Sums of integers are exact, but a number near the middle between two integers may be rounded
    // differently.
    const double close = layer.type == ELMO4J_INT8 ? 2e-2 : tolerance(layer.type, 2e-5);
    const LstmOracle wanted = lstm_oracle(layer, w, lengths, input, input_rows, h0, c0);
    const auto all_close = [&](const std::vector<double>& x, const std::vector<float>& y,
                               const char* what) {
      ASSERT_EQ(x.size(), y.size());
      Comparison numbers(what);
      double off = 0;
      for (size_t i = 0; i < x.size(); i++) {
        numbers.close(x[i], y[i], close, i);
        off += std::abs(x[i] - y[i]);
      }
      if (layer.type == ELMO4J_INT8) {
        EXPECT_LE(off / static_cast<double>(x.size()), 3e-3) << what;
      }
    };
    all_close(wanted.output, got.output, "output");
    all_close(wanted.h, got.h, "h");
    all_close(wanted.c, got.c, "c");
  }
};

// 3 sentences take the path that computes the input's half ahead (its 98 positions in parts), 45
// the other one, with row counts down to 1. The sizes are not multiples of any vector width.
TEST_P(LstmTest, EqualsItsFormula) {
  for (int type : types()) {
    for (Layer layer : {Layer{33, 7, 0, 0, 0, 0}, Layer{33, 7, 0.3f, 0.2f, 1, 1},
                        Layer{16, 64, 3, 3, 1, 0}, Layer{1, 1, 3, 3, 0, 1}}) {
      layer.type = type;
      const Weights w = weights(layer, 0.5);
      std::vector<int32_t> many;
      for (int n = 45; n > 0; n--) {
        many.push_back((n + 3) / 4);
      }
      for (const std::vector<int32_t>& lengths : {std::vector<int32_t>{57, 40, 1}, many}) {
        int32_t positions = 0;
        for (int32_t n : lengths) {
          positions += n;
        }
        std::vector<int32_t> rows(positions);
        for (int32_t& row : rows) {
          row = static_cast<int32_t>(engine_() % positions);
        }
        const std::vector<float> input = random(positions * layer.projection);
        const std::vector<float> h = random(lengths.size() * layer.projection, 0.2);
        const std::vector<float> c = random(lengths.size() * layer.cells, 0.3);
        for (const int32_t* input_rows :
             {static_cast<const int32_t*>(nullptr), static_cast<const int32_t*>(rows.data())}) {
          expect(layer, w, lengths, input, input_rows, h, c,
                 run(layer, w, lengths, input, input_rows, h, c));
        }
      }
    }
  }
}

// The result has the same bits with helpers, which arrive before the first product, and without.
TEST_P(LstmTest, HelpersChangeNothing) {
  constexpr int64_t kCells = 600, kProjection = 70, kSteps = 3;
  for (int type : types()) {
    const Layer layer = {kCells, kProjection, 0.3f, 0.2f, 1, 0, type};
    const Weights w = weights(layer, 0.3);
    const PackedLayer packed = pack_layer(layer, w, isa());
    for (int64_t rows : {1, 5, 16, 30}) {
      const std::vector<float> x = random(kSteps * rows * kProjection);
      const auto run = [&](void* sharing) {
        const Aligned scratch(elmo4j_cpu_lstm_scratch(&packed.lstm, rows));
        std::vector<float> h(rows * kProjection), c(rows * kCells);
        std::vector<float> out = poisoned(x.size());
        std::vector<const float*> input;
        std::vector<float*> output;
        for (int64_t i = 0; i < kSteps * rows; i++) {
          input.push_back(x.data() + i * kProjection);
          output.push_back(out.data() + i * kProjection);
        }
        elmo4j_cpu_lstm_steps(&packed.lstm, rows, kSteps, input.data(), h.data(), c.data(),
                              output.data(), scratch.get(), sharing);
        out.insert(out.end(), h.begin(), h.end());
        out.insert(out.end(), c.begin(), c.end());
        return out;
      };
      const std::vector<float> alone = run(nullptr);
      const Aligned sharing((elmo4j_cpu_sharing_size() + 3) / 4);
      for (int round = 0; round < 5; round++) {
        elmo4j_cpu_sharing_begin(sharing.get());
        std::vector<std::thread> helpers;
        for (int i = 0; i < round % 3; i++) {
          helpers.emplace_back([&] { elmo4j_cpu_sharing_help(sharing.get()); });
        }
        const std::vector<float> together = run(sharing.get());
        elmo4j_cpu_sharing_end(sharing.get());
        for (std::thread& helper : helpers) {
          helper.join();
        }
        EXPECT_EQ(0, std::memcmp(alone.data(), together.data(), alone.size() * sizeof(float)))
            << rows << " rows, " << round % 3 << " helpers";
      }
    }
  }
}

// One, few and many sentences take different paths, and use tiles of different heights.
TEST_P(LstmTest, SentencesDoNotDependOnTheirBatch) {
  for (int type : types()) {
    const Layer layer = {40, 24, 3, 3, 1, 0, type};
    const Weights w = weights(layer, 0.3);
    constexpr int64_t kAll = 30, kSteps = 9;
    const int64_t size = kSteps * layer.projection;
    const std::vector<float> input = random(kAll * size);
    const auto outputs = [&](int64_t first, int64_t count) {
      const std::vector<float> own(input.begin() + first * size,
                                   input.begin() + (first + count) * size);
      return run(layer, w, std::vector<int32_t>(count, kSteps), own, nullptr,
                 std::vector<float>(count * layer.projection),
                 std::vector<float>(count * layer.cells))
          .output;
    };
    const std::vector<float> together = outputs(0, kAll);
    for (int64_t count = 1; count < kAll; count++) {
      const int64_t first = (kAll - count) / 2;
      const std::vector<float> some = outputs(first, count);
      EXPECT_EQ(
          0, std::memcmp(together.data() + first * size, some.data(), count * size * sizeof(float)))
          << count << " sentences";
    }
  }
}

// Sentences join running ones, take steps with them, and leave when they end.
TEST_P(LstmTest, StepsInAnyCompanyGiveTheSameAsWholeSentences) {
  for (int type : types()) {
    for (int backward : {0, 1}) {
      const Layer layer = {33, 7, 0.3f, 0.2f, 1, backward, type};
      const int64_t projection = layer.projection, cells = layer.cells;
      const Weights w = weights(layer, 0.5);
      const PackedLayer packed = pack_layer(layer, w, isa());
      // 40 sentences, of which more and more are running, so that both paths of lstm.cpp are used.
      struct Sentence {
        int32_t length, done;
        std::vector<float> input, h, c, output;
      };
      std::vector<Sentence> sentences;
      for (int s = 0; s < 40; s++) {
        const int32_t n = static_cast<int32_t>(1 + engine_() % 30);
        sentences.push_back({n, 0, random(n * projection), std::vector<float>(projection),
                             std::vector<float>(cells), poisoned(n * projection)});
      }
      for (size_t round = 0, left = 1; left > 0; round++) {
        std::vector<Sentence*> rows;
        int32_t steps = static_cast<int32_t>(1 + round % 5);
        for (size_t s = 0; s < std::min(sentences.size(), 3 * round + 1); s++) {
          if (sentences[s].done < sentences[s].length) {
            rows.push_back(&sentences[s]);
            steps = std::min(steps, sentences[s].length - sentences[s].done);
          }
        }
        left = rows.size();
        if (left == 0) {
          break;
        }
        std::vector<float> h, c;
        std::vector<const float*> input;
        std::vector<float*> output;
        for (int32_t t = 0; t < steps; t++) {
          for (Sentence* s : rows) {
            const int32_t at = s->done + t;
            const int64_t position = backward ? s->length - 1 - at : at;
            input.push_back(s->input.data() + position * projection);
            output.push_back(s->output.data() + position * projection);
          }
        }
        for (const Sentence* s : rows) {
          h.insert(h.end(), s->h.begin(), s->h.end());
          c.insert(c.end(), s->c.begin(), s->c.end());
        }
        const Aligned scratch(elmo4j_cpu_lstm_scratch(&packed.lstm, rows.size()));
        elmo4j_cpu_lstm_steps(&packed.lstm, rows.size(), steps, input.data(), h.data(), c.data(),
                              output.data(), scratch.get(), nullptr);
        for (size_t r = 0; r < rows.size(); r++) {
          std::copy_n(h.begin() + r * projection, projection, rows[r]->h.begin());
          std::copy_n(c.begin() + r * cells, cells, rows[r]->c.begin());
          rows[r]->done += steps;
        }
      }
      for (const Sentence& s : sentences) {
        ASSERT_EQ(s.length, s.done);
        const Result whole = run(layer, w, {s.length}, s.input, nullptr,
                                 std::vector<float>(projection), std::vector<float>(cells));
        Comparison output("output");
        for (int64_t i = 0; i < s.length * projection; i++) {
          output.near(whole.output[i], s.output[i], 0, i);
        }
      }
    }
  }
}

// Huge inputs saturate the gates; no result is infinite or NaN.
TEST_P(LstmTest, HugeInputsSaturate) {
  const Layer layer = {20, 4, 0, 0, 0, 0};
  const Weights w = weights(layer, 1);
  std::vector<float> input(3 * layer.projection, 1e30f);
  input[0] = -1e30f;
  const Result got = run(layer, w, {3}, input, nullptr, std::vector<float>(layer.projection),
                         std::vector<float>(layer.cells));
  for (float v : got.output) {
    EXPECT_TRUE(std::isfinite(v)) << v;
  }
  for (float v : got.c) {
    EXPECT_LE(std::abs(v), 3.0f);
  }
}

// Compares results with 8-bit weights bit by bit, also those of the portable build.
TEST_P(LstmTest, IntegersGiveTheSameBitsOnEveryInstructionSet) {
  for (Layer layer :
       {Layer{33, 7, 0.3f, 0.2f, 1, 1}, Layer{70, 40, 3, 3, 1, 0}, Layer{16, 64, 0, 0, 0, 0}}) {
    layer.type = ELMO4J_INT8;
    const Weights w = weights(layer, 0.5);
    std::vector<int32_t> lengths;
    for (int n = 45; n > 0; n--) {
      lengths.push_back((n + 3) / 4);
    }
    int32_t positions = 0;
    for (int32_t n : lengths) {
      positions += n;
    }
    const std::vector<float> input = random(positions * layer.projection, 2);
    const std::vector<float> h = random(lengths.size() * layer.projection, 0.2);
    const std::vector<float> c = random(lengths.size() * layer.cells, 0.3);
    const Result got = run(layer, w, lengths, input, nullptr, h, c);
    const Result portable = run_on(ELMO4J_PORTABLE, layer, w, lengths, input, nullptr, h, c);
    Comparison output("output"), state("c");
    for (size_t i = 0; i < got.output.size(); i++) {
      output.near(portable.output[i], got.output[i], 0, i);
    }
    for (size_t i = 0; i < got.c.size(); i++) {
      state.near(portable.c[i], got.c[i], 0, i);
    }
  }
}

ELMO4J_FOR_EACH_ISA(LstmTest);

}  // namespace
}  // namespace elmo4j
