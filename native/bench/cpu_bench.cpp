// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Measures each CPU kernel on the sizes of the published model, without a JVM. For comparison it
// also measures the machine's sgemm rate (if ELMO4J_OPENBLAS is the path of an OpenBLAS library)
// and its memory bandwidth. Benchmarks use one thread, except lstm_steps, which runs with one and
// two. --benchmark_filter=... selects benchmarks.
//
//   cmake --build --preset cpu && build/cpu/native/bench/elmo4j_bench

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "elmo4j/kernels.h"

namespace {

constexpr int64_t kProjection = 512;
constexpr int64_t kCells = 4096;
constexpr int64_t kFeatures = 2048;

// Small numbers, none of them zero or denormal.
struct Floats {
  explicit Floats(int64_t count)
      : memory(static_cast<float*>(elmo4j_alloc(count * sizeof(float))), elmo4j_free) {
    for (int64_t i = 0; i < count; i++) {
      memory.get()[i] = 0.001f * static_cast<float>((i * 7919) % 13 - 6) + 1e-4f;
    }
  }
  float* get() const { return memory.get(); }
  std::unique_ptr<float, void (*)(void*)> memory;
};

// A packed matrix of such numbers, [depth, groups * columns], with or without a bias.
struct Packed {
  Packed(int isa, int type, int64_t depth, int64_t columns, int groups, bool with_bias)
      : matrix{isa, type, groups, depth, columns, nullptr, nullptr},
        weights(elmo4j_cpu_packed_size(&matrix) / 4),
        bias(elmo4j_cpu_packed_bias_size(&matrix) / 4) {
    matrix.weights = weights.get();
    matrix.bias = with_bias ? bias.get() : nullptr;
    const Floats plain(depth * groups * columns);
    for (int g = 0; g < groups; g++) {
      elmo4j_cpu_pack(&matrix, plain.get() + g * columns, groups * columns, g);
      if (with_bias) {
        elmo4j_cpu_pack_bias(&matrix, plain.get() + g * columns, g);
      }
    }
  }
  elmo4j_matrix matrix;
  Floats weights, bias;
};

void rate(benchmark::State& state, const char* name, double per_iteration) {
  state.counters[name] = benchmark::Counter(per_iteration * static_cast<double>(state.iterations()),
                                            benchmark::Counter::kIsRate);
}

void yardstick_sgemm(benchmark::State& state) {
  const char* path = std::getenv("ELMO4J_OPENBLAS");
  if (path == nullptr || !elmo4j_openblas_open(path)) {
    state.SkipWithError("ELMO4J_OPENBLAS names no OpenBLAS");
    return;
  }
  const int n = 2048;
  const Floats a(n * n), b(n * n), c(n * n);
  for (auto _ : state) {
    elmo4j_sgemm(n, n, n, a.get(), b.get(), c.get());
  }
  rate(state, "FLOP/s", 2.0 * n * n * n);
}
BENCHMARK(yardstick_sgemm)->Unit(benchmark::kMillisecond)->UseRealTime();

// Returns the instruction sets of this processor.
std::vector<int64_t> isas() {
  std::vector<int64_t> all;
  for (int isa = 0; elmo4j_cpu_isa_name(isa) != nullptr; isa++) {
    if (elmo4j_cpu_has_isa(isa)) {
      all.push_back(isa);
    }
  }
  return all;
}

// Multiply-adds that only use registers. No product can be faster.
void yardstick_peak(benchmark::State& state) {
  const int isa = static_cast<int>(state.range(0));
  const int type = static_cast<int>(state.range(1));
  const elmo4j_matrix matrix = {isa, type, 1, 1, 1, nullptr, nullptr};
  int64_t operations = 0;
  for (auto _ : state) {
    operations = elmo4j_cpu_peak(&matrix, 1 << 20);
  }
  rate(state, "FLOP/s", static_cast<double>(operations));
}
BENCHMARK(yardstick_peak)
    ->ArgNames({"isa", "type"})
    ->ArgsProduct({isas(), {ELMO4J_F32, ELMO4J_BF16, ELMO4J_INT8}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// Reads 512 MiB, which is more than the caches of most machines hold.
void yardstick_read(benchmark::State& state) {
  const int64_t count = int64_t{1} << 27;
  const Floats floats(count);
  for (auto _ : state) {
    float sum[64] = {};
    for (int64_t i = 0; i < count; i += 64) {
      for (int j = 0; j < 64; j++) {
        sum[j] += floats.get()[i + j];
      }
    }
    benchmark::DoNotOptimize(sum);
  }
  rate(state, "bytes/s", static_cast<double>(count) * sizeof(float));
}
BENCHMARK(yardstick_read)->Unit(benchmark::kMillisecond)->UseRealTime();

// One direction of one layer of the published model.
struct Layer {
  Layer(int isa, int type, int64_t sentences, int64_t positions)
      : x(isa, type, kProjection, kCells, 4, true),
        recurrent(isa, type, kProjection, kCells, 4, false),
        projector(isa, type, kCells, kProjection, 1, false),
        lstm{x.matrix, recurrent.matrix, projector.matrix, 3, 3, 1, 0},
        input(positions * kProjection),
        output(positions * kProjection),
        h(sentences * kProjection),
        c(sentences * kCells),
        scratch(elmo4j_cpu_lstm_scratch(&lstm, sentences)) {}

  const Packed x, recurrent, projector;
  const elmo4j_lstm lstm;
  const Floats input, output, h, c, scratch;
};

void rate_of_lstm(benchmark::State& state, int64_t positions) {
  rate(state, "FLOP/s", 2.0 * positions * (2 * kProjection * 4 * kCells + kCells * kProjection));
}

// Sentences of 20 tokens and two boundaries.
void lstm(benchmark::State& state) {
  const int isa = static_cast<int>(state.range(0));
  const int64_t n = state.range(1);
  const int64_t steps = 22;
  const int type = static_cast<int>(state.range(2));
  const Layer l(isa, type, n, n * steps);
  std::vector<int32_t> start(n), length(n, steps);
  for (int64_t r = 0; r < n; r++) {
    start[r] = static_cast<int32_t>(r * steps);
  }
  const elmo4j_batch batch = {n, start.data(), length.data(), nullptr};
  for (auto _ : state) {
    elmo4j_cpu_lstm(&l.lstm, &batch, l.input.get(), nullptr, l.h.get(), l.c.get(), l.output.get(),
                    l.scratch.get());
  }
  rate_of_lstm(state, n * steps);
}
BENCHMARK(lstm)
    ->ArgNames({"isa", "sentences", "type"})
    ->ArgsProduct({isas(), {1, 2, 4, 8, 16, 32, 128, 256}, {ELMO4J_F32, ELMO4J_BF16, ELMO4J_INT8}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// A few steps of running sentences. With two threads, both directions run at the same time.
void lstm_steps(benchmark::State& state) {
  const int isa = static_cast<int>(state.range(0));
  const int64_t n = state.range(1);
  const int64_t steps = state.range(2);
  const int type = static_cast<int>(state.range(3));
  const Layer l(isa, type, n, n * steps);
  std::vector<const float*> input;
  std::vector<float*> output;
  for (int64_t i = 0; i < n * steps; i++) {
    input.push_back(l.input.get() + i * kProjection);
    output.push_back(l.output.get() + i * kProjection);
  }
  for (auto _ : state) {
    elmo4j_cpu_lstm_steps(&l.lstm, n, steps, input.data(), l.h.get(), l.c.get(), output.data(),
                          l.scratch.get(), nullptr);
  }
  rate_of_lstm(state, n * steps);
}
BENCHMARK(lstm_steps)
    ->ArgNames({"isa", "sentences", "steps", "type"})
    ->ArgsProduct(
        {isas(), {1, 4, 8, 16, 24, 32, 128}, {1, 2, 4}, {ELMO4J_F32, ELMO4J_BF16, ELMO4J_INT8}})
    ->Threads(1)
    ->Threads(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void highway(benchmark::State& state) {
  const int isa = static_cast<int>(state.range(0));
  const int64_t rows = state.range(1);
  const Packed packed(isa, ELMO4J_F32, kFeatures, kFeatures, 2, true);
  const Floats x(rows * kFeatures), y(rows * kFeatures);
  const Floats scratch(elmo4j_cpu_product_scratch(&packed.matrix, rows));
  for (auto _ : state) {
    elmo4j_cpu_highway(&packed.matrix, rows, x.get(), y.get(), scratch.get());
  }
  rate(state, "FLOP/s", 4.0 * rows * kFeatures * kFeatures);
}
BENCHMARK(highway)
    ->ArgNames({"isa", "words"})
    ->ArgsProduct({isas(), {8, 96}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// The published filters on 96 words of 7 letters.
void char_cnn(benchmark::State& state) {
  const int isa = static_cast<int>(state.range(0));
  constexpr int64_t kWords = 96, kSlots = 50, kIds = 262;
  constexpr int16_t kPad = 261;
  const std::vector<int32_t> widths = {1, 2, 3, 4, 5, 6, 7};
  const std::vector<int32_t> filters = {32, 32, 64, 128, 256, 512, 1024};
  int64_t table_floats = 0;
  double adds = 0;
  for (size_t g = 0; g < widths.size(); g++) {
    table_floats += widths[g] * kIds * filters[g];
    adds += 10.0 * widths[g] * filters[g];
  }
  const Floats table(table_floats), bias(kFeatures), features(kWords * kFeatures);
  std::vector<int16_t> ids(kWords * kSlots, kPad);
  for (int64_t w = 0; w < kWords; w++) {
    for (int64_t s = 0; s < 9; s++) {
      ids[w * kSlots + s] = static_cast<int16_t>(98 + (w * 31 + s * 17) % 26);
    }
  }
  const elmo4j_char_cnn cnn = {isa,           ELMO4J_F32,     ELMO4J_RELU,
                               kSlots,        kPad,           static_cast<int64_t>(widths.size()),
                               widths.data(), filters.data(), kIds,
                               table.get(),   bias.get()};
  for (auto _ : state) {
    elmo4j_cpu_char_cnn(&cnn, kWords, ids.data(), features.get());
  }
  rate(state, "adds/s", kWords * adds);
  rate(state, "words/s", kWords);
}
BENCHMARK(char_cnn)
    ->ArgNames({"isa"})
    ->ArgsProduct({isas()})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

// Three layers of 4,096 tokens into one padded tensor.
void scalar_mix(benchmark::State& state) {
  const int isa = static_cast<int>(state.range(0));
  constexpr int32_t kSentences = 256, kLength = 18;
  const Floats layers(6 * kSentences * kLength * kProjection);
  const Floats target(kSentences * (kLength - 2) * 2 * kProjection);
  elmo4j_term terms[3];
  for (int k = 0; k < 3; k++) {
    const float* forward = layers.get() + 2 * k * kSentences * kLength * kProjection;
    terms[k] = {forward, forward + kSentences * kLength * kProjection, nullptr, 0.3f};
  }
  std::vector<int32_t> start(kSentences), length(kSentences, kLength), place(kSentences);
  for (int32_t s = 0; s < kSentences; s++) {
    start[s] = s * kLength;
    place[s] = s;
  }
  const elmo4j_sum sum = {isa, ELMO4J_F32, 2, 1, 0, kProjection, kLength - 2, 3, terms};
  const elmo4j_batch batch = {kSentences, start.data(), length.data(), place.data()};
  for (auto _ : state) {
    elmo4j_cpu_scalar_mix(&sum, &batch, target.get());
  }
  rate(state, "bytes/s", 4.0 * kSentences * (kLength - 2) * 2 * kProjection * sizeof(float));
}
BENCHMARK(scalar_mix)
    ->ArgNames({"isa"})
    ->ArgsProduct({isas()})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
