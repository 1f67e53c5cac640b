// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Measures each CUDA kernel on the sizes of the published model, without a JVM. For comparison it
// also measures two ceilings of the GPU in the same run: a copy within its memory and, if cuBLAS is
// found, a large product of 16-bit floats. The data are random: zeros would draw less power and run
// faster. --benchmark_filter=... selects benchmarks.
//
//   cmake --build --preset cuda --target elmo4j_gpu_bench &&
//   build/cuda/native/bench/elmo4j_gpu_bench
//
// The counters bytes/s and FLOP/s count what a kernel's task requires, not additional work of the
// kernel. of_copy and of_product are their shares of the two ceilings.

#include <benchmark/benchmark.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cuda_yardsticks.h"
#include "elmo4j/kernels.h"

namespace {

using namespace elmo4j::bench;

constexpr int64_t kProjection = 512;
constexpr int64_t kCells = 4096;
constexpr int64_t kFeatures = 2048;

// 2,048 sentences of 18 tokens and two boundaries: 40,960 positions, so that no layer fits into the
// L2 cache. One word in five is new.
struct Batch {
  static constexpr int32_t kSentences = 2048, kLength = 20;
  static constexpr int64_t kPositions = int64_t{kSentences} * kLength;
  static constexpr int64_t kTokens = int64_t{kSentences} * (kLength - 2);
  static constexpr int64_t kWords = kPositions / 5;

  static std::vector<int32_t> series(int64_t count, int64_t factor, int64_t modulus) {
    std::vector<int32_t> values(count);
    for (int64_t i = 0; i < count; i++) {
      values[i] = static_cast<int32_t>(i * factor % modulus);
    }
    return values;
  }

  DeviceMemory words = integers(series(kPositions, 7919, kWords));
  DeviceMemory start = integers(series(kSentences, kLength, kPositions));
  DeviceMemory length = integers(std::vector<int32_t>(kSentences, kLength));
  DeviceMemory offset = integers(series(kLength, kSentences, kPositions));
  DeviceMemory place = integers(series(kSentences, 769, kSentences));  // a permutation

  elmo4j_batch described() const {
    return {kSentences, start.get<int32_t>(), length.get<int32_t>(), place.get<int32_t>()};
  }
};

// Three layers, both halves, without boundaries, into a padded tensor or into means.
void scalar_mix(benchmark::State& state) {
  const int type = static_cast<int>(state.range(0));
  const int mean = static_cast<int>(state.range(1));
  const Batch batch;
  Timer timer;
  std::vector<DeviceMemory> layers;
  layers.push_back(numbers(type, Batch::kWords * kProjection));
  for (int i = 0; i < 4; i++) {
    layers.push_back(numbers(type, Batch::kPositions * kProjection));
  }
  const elmo4j_term terms[] = {{layers[0].get(), layers[0].get(), batch.words.get<int32_t>(), 0.3f},
                               {layers[1].get(), layers[3].get(), nullptr, 0.3f},
                               {layers[2].get(), layers[4].get(), nullptr, 0.4f}};
  const elmo4j_sum sum = {0, type, 2, 1, mean, kProjection, Batch::kLength - 2, 3, terms};
  const elmo4j_packed_batch packed = {batch.described(), Batch::kPositions, Batch::kLength, nullptr,
                                      batch.offset.get<int32_t>()};
  const int64_t rows = mean ? Batch::kSentences : Batch::kTokens;
  const DeviceMemory target(rows * 2 * kProjection * 4);
  const DeviceMemory told(4 * sizeof(int32_t));
  const double bytes = Batch::kTokens * (5.0 * kProjection * bytes_of(type)) +
                       static_cast<double>(rows) * 2 * kProjection * 4;
  measure(state, timer, bytes, 0, [&] {
    return elmo4j_cuda_scalar_mix(&sum, &packed, target.get<float>(), nullptr, told.get<int32_t>(),
                                  timer.stream());
  });
}

void copy_rows(benchmark::State& state, bool scatter) {
  const int type = static_cast<int>(state.range(0));
  const int64_t rows = 8 * Batch::kPositions;
  Timer timer;
  const DeviceMemory index = integers(Batch::series(rows, 7919, rows)),
                     source = numbers(type, rows * kProjection),
                     target(rows * kProjection * bytes_of(type));
  measure(state, timer, rows * (2.0 * kProjection * bytes_of(type) + 4), 0, [&] {
    return (scatter ? elmo4j_cuda_scatter_rows : elmo4j_cuda_gather_rows)(
        type, rows, kProjection, source.get(), index.get<int32_t>(), target.get(), timer.stream());
  });
}
void gather_rows(benchmark::State& state) { copy_rows(state, false); }
void scatter_rows(benchmark::State& state) { copy_rows(state, true); }

void skip(benchmark::State& state) {
  const int type = static_cast<int>(state.range(0));
  const int64_t count = 8 * Batch::kPositions * kProjection;
  Timer timer;
  const DeviceMemory h = numbers(type, count), x = numbers(type, count),
                     output(count * bytes_of(type)), exceeded = integers({0});
  measure(state, timer, 3.0 * count * bytes_of(type), 0, [&] {
    return elmo4j_cuda_skip(type, count, h.get(), x.get(), 3, output.get(), exceeded.get<int32_t>(),
                            timer.stream());
  });
}

// No value exceeds the clip, like almost all values of a trained model, so values are only read.
void clip(benchmark::State& state) {
  const int type = static_cast<int>(state.range(0));
  const int64_t count = 16 * Batch::kPositions * kProjection;
  Timer timer;
  const DeviceMemory values = numbers(type, count);
  measure(state, timer, static_cast<double>(count) * bytes_of(type), 0,
          [&] { return elmo4j_cuda_clip(type, count, 3, values.get(), timer.stream()); });
}

// Returns a packed matrix of random weights.
elmo4j_matrix matrix_of(int type, int products, int64_t depth, int64_t columns, int groups,
                        std::vector<DeviceMemory>* memory) {
  elmo4j_matrix matrix = {products, type, groups, depth, columns, nullptr, nullptr};
  memory->push_back(numbers(type, elmo4j_cuda_packed_size(&matrix) / bytes_of(type), 0.05f));
  matrix.weights = memory->back().get();
  return matrix;
}

// Layers of the published model in both directions. Sentences have 20 tokens and two boundaries.
void lstm(benchmark::State& state, int64_t layers, int64_t calls) {
  const int type = static_cast<int>(state.range(0));
  const int products = static_cast<int>(state.range(1));
  const int64_t n = state.range(2), steps = 22, positions = n * steps;
  Timer timer;
  std::vector<DeviceMemory> memory;
  std::vector<elmo4j_lstm> weights;
  std::vector<elmo4j_lstm_rows> io;
  const auto take = [&](int kind, int64_t count, float scale) {
    memory.push_back(numbers(kind, count, scale));
    return memory.back().get();
  };
  for (int64_t i = 0; i < 2 * layers; i++) {
    elmo4j_lstm lstm = {matrix_of(type, products, kProjection, kCells, 4, &memory),
                        matrix_of(type, products, kProjection, kCells, 4, &memory),
                        matrix_of(type, products, kCells, kProjection, 1, &memory),
                        3,
                        3,
                        1,
                        static_cast<int32_t>(i % 2)};
    lstm.x.bias = static_cast<float*>(take(ELMO4J_F32, 4 * kCells, 0.05f));
    weights.push_back(lstm);
    const void* input = i < 2 ? take(type, positions * kProjection, 1) : io[i - 2].output;
    io.push_back({input, nullptr, take(type, n * kProjection, 1),
                  static_cast<float*>(take(ELMO4J_F32, n * kCells, 1)),
                  take(type, positions * kProjection, 1)});
  }
  const std::vector<int32_t> rows(steps, static_cast<int32_t>(n));
  const elmo4j_packed_batch batch = {
      {n, nullptr, nullptr, nullptr}, positions, steps, rows.data(), nullptr};
  const DeviceMemory workspace(
      std::max<int64_t>(elmo4j_cuda_lstm_workspace(weights.data(), layers, n, positions), 1));
  measure(state, timer, 0,
          2.0 * 2 * layers * positions * (2 * kProjection * 4 * kCells + kCells * kProjection),
          [&] {
            int error = cudaSuccess;
            for (int64_t l = 0; l < layers && error == cudaSuccess; l += layers / calls) {
              error = elmo4j_cuda_lstm(&weights[2 * l], &io[2 * l], layers / calls, &batch,
                                       workspace.get(), timer.stream());
            }
            return error;
          });
}
void lstm(benchmark::State& state) { lstm(state, 1, 1); }
// Two layers, in one call or in one call each, to compare layers that run at the same time with
// layers that do not.
void lstm_layers(benchmark::State& state) { lstm(state, 2, state.range(3)); }

// The published filters, two highway layers and the projection on words of 7 letters. FLOP counts
// only the products: the convolution is computed as sums of table rows.
void char_cnn_highway(benchmark::State& state) {
  const int type = static_cast<int>(state.range(0));
  const int products = static_cast<int>(state.range(1));
  const int64_t words = state.range(2);
  constexpr int64_t kSlots = 50, kIds = 262, kHighways = 2;
  constexpr int16_t kPad = 261;
  const std::vector<int32_t> widths = {1, 2, 3, 4, 5, 6, 7};
  const std::vector<int32_t> filters = {32, 32, 64, 128, 256, 512, 1024};
  int64_t table_size = 0;
  for (size_t g = 0; g < widths.size(); g++) {
    table_size += widths[g] * kIds * filters[g];
  }
  std::vector<int16_t> ids(words * kSlots, kPad);
  for (int64_t w = 0; w < words; w++) {
    for (int64_t s = 0; s < 9; s++) {
      ids[w * kSlots + s] = static_cast<int16_t>(98 + (w * 31 + s * (17 + w % 5)) % 26);
    }
  }
  Timer timer;
  const int64_t size = bytes_of(type);
  const DeviceMemory device_ids(ids.data(), static_cast<int64_t>(ids.size() * sizeof(int16_t))),
      table = numbers(type, table_size), bias = numbers(ELMO4J_F32, kFeatures),
      projection_bias = numbers(ELMO4J_F32, kProjection), rows(words * kProjection * size);
  std::vector<DeviceMemory> memory;
  std::vector<elmo4j_matrix> highways;
  for (int k = 0; k < kHighways; k++) {
    highways.push_back(matrix_of(type, products, kFeatures, kFeatures, 2, &memory));
    memory.push_back(numbers(ELMO4J_F32, 2 * kFeatures));
    highways[k].bias = memory.back().get<float>();
  }
  elmo4j_token_encoder encoder = {
      {products, type, ELMO4J_RELU, kSlots, kPad, static_cast<int64_t>(widths.size()),
       widths.data(), filters.data(), kIds, table.get(), bias.get<float>()},
      kHighways,
      highways.data(),
      0,
      nullptr,
      matrix_of(type, products, kFeatures, kProjection, 1, &memory)};
  encoder.projection.bias = projection_bias.get<float>();
  const DeviceMemory workspace(
      std::max<int64_t>(elmo4j_cuda_char_cnn_highway_workspace(&encoder, words), 1));
  measure(state, timer, 0, 2.0 * words * kFeatures * (kHighways * 2 * kFeatures + kProjection),
          [&] {
            return elmo4j_cuda_char_cnn_highway(&encoder, words, device_ids.get<int16_t>(), nullptr,
                                                rows.get(), workspace.get(), timer.stream());
          });
}

void register_all(bool has_wgmma) {
  const std::vector<int64_t> types = {ELMO4J_F16, ELMO4J_F32};
  const auto add = [](const char* name, void (*function)(benchmark::State&)) {
    return benchmark::RegisterBenchmark(name, function)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  };
  // 16-bit products run with mma.sync and, if the device has it, with wgmma.
  std::vector<int64_t> ways = {ELMO4J_MMA};
  if (has_wgmma) {
    ways.insert(ways.begin(), ELMO4J_WGMMA);
  }
  std::vector<int64_t> variants = ways;
  if (has_wgmma) {
    variants.push_back(ELMO4J_WGMMA_GATES);
    variants.push_back(ELMO4J_WGMMA_EARLY);
  }
  std::vector<int64_t> splits;
  if (has_wgmma) {
    splits = {ELMO4J_WGMMA, ELMO4J_WGMMA_SPLIT};
  }
  const auto each_way = [&](const char* name, void (*function)(benchmark::State&), const char* size,
                            const std::vector<int64_t>& sizes) {
    add(name, function)
        ->ArgNames({"type", "products", size})
        ->ArgsProduct({{ELMO4J_F16}, ways, sizes})
        ->ArgsProduct({{ELMO4J_F32}, {ELMO4J_MMA}, sizes})
        ->MinTime(0.2);
  };
  each_way("lstm", lstm, "sentences", {1, 8, 32, 128, 512, 2048});
  add("lstm_layers", lstm_layers)
      ->ArgNames({"type", "products", "sentences", "calls"})
      ->ArgsProduct({{ELMO4J_F16}, ways, {32, 128, 512, 2048}, {1, 2}})
      ->ArgsProduct({{ELMO4J_F16}, variants, {1024}, {1, 2}})  // predicted in kernels/DESIGN.md
      ->ArgsProduct({{ELMO4J_F16}, splits, {128, 256, 512}, {1}})
      ->MinTime(0.2);
  each_way("char_cnn_highway", char_cnn_highway, "words", {16, 256, 8192});
  add("scalar_mix", scalar_mix)
      ->ArgNames({"type", "mean"})
      ->ArgsProduct({types, {0, 1}})
      ->MinTime(0.2);
  add("gather_rows", gather_rows)->ArgName("type")->ArgsProduct({types})->MinTime(0.2);
  add("scatter_rows", scatter_rows)->ArgName("type")->ArgsProduct({types})->MinTime(0.2);
  add("skip", skip)->ArgName("type")->ArgsProduct({types})->MinTime(0.2);
  add("clip", clip)->ArgName("type")->ArgsProduct({types})->MinTime(0.2);
}

}  // namespace

int main(int argc, char** argv) {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess || devices == 0) {
    std::fprintf(stderr, "no GPU, so nothing is measured: %s\n", cudaGetErrorString(error));
    return 1;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);  // Keeps the rows of a run that is killed.
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 1;
  }
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  measure_copy();
  measure_product();
  benchmark::AddCustomContext("gpu", properties.name);
  benchmark::AddCustomContext("copy_bytes_per_second", std::to_string(copy_ceiling));
  benchmark::AddCustomContext("product_f16_flops", std::to_string(product_ceiling));
  int32_t used = ELMO4J_MMA;  // If the build has no code for wgmma, Hopper uses mma.sync.
  check(elmo4j_cuda_products(ELMO4J_WGMMA, &used), "elmo4j_cuda_products");
  register_all(used == ELMO4J_WGMMA);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
