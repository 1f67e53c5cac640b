// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Layers of the biLM, both directions, all time steps (kernels.h), in one of two ways.
//
// lstm_steps, for any number of rows and either type: one cooperative launch over all steps and up
// to four layers, each a step behind the one before: in iteration s layer l runs step s - l. An
// iteration is two rounds of products with a grid barrier behind each, over all layers and
// directions: the gates of [x_t; h] as one operand of depth 2 P, whose epilogue keeps a cell's four
// gates in registers, updates c and stores m; then the projection of m, whose epilogue clips,
// stores h, adds the skip connection and stores the output, which the next layer reads one
// iteration later. Gates never reach memory. A sentence's h and c stay where they are once it has
// ended.
//
// lstm_resident (lstm_resident.cuh), for halves and up to 16 rows where the weights fit: recurrent
// and projection weights stay in shared memory, and what x meets is one product for all steps
// before (lstm_input_gates). It takes over when a batch has become that small, and runs layer after
// layer: of the published model one layer and direction is all that fits.
//
// The bound: with many rows L2's bandwidth and next to it the tensor cores, with few rows reading
// the weights from memory and two grid barriers a step. kernels/DESIGN.md derives both, and says
// which products are by wgmma, why no write is missed, and why several launches cannot deadlock.
//
// In one file beyond 500 lines: the plan of a launch and the kernels that it launches are changed
// together.

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "elmo4j/kernels.h"
#include "lstm_resident.cuh"
#include "product.cuh"

namespace elmo4j {
namespace {

// The tiles of the two products. Both keep 256 threads busy, so that one launch runs both.
enum Way {
  kPlain,            // halves by mma.sync; floats
  kWgmmaGates,       // the gates by wgmma
  kWgmmaProjection,  // the projection too: where its larger tiles fill the device (lstm_plan.h)
  // The same, and a tile of the gates begins before the epilogue of the one before it, which takes
  // approximate functions.
  kWgmmaEarly
};
template <class T, Way kWay = kPlain>
struct Tiles;
template <>
struct Tiles<__half> {
  using Gates = Product<__half, 128, 256, 32, 2, 4, 4>;
  using Projection = Product<__half, 64, 64, 64, 2, 4, 6>;
  static constexpr int kBlocks = 1;  // of a multiprocessor, at least: bounds the registers
};
template <>
struct Tiles<__half, kWgmmaGates> {
  using Gates = Product<__half, 128, 256, 64, 8, 1, 4, true>;
  using Projection = Tiles<__half>::Projection;
  static constexpr int kBlocks = 1;
};
template <>
struct Tiles<__half, kWgmmaProjection> {
  using Gates = Tiles<__half, kWgmmaGates>::Gates;
  using Projection = Product<__half, 128, 128, 64, 8, 1, 4, true>;
  static constexpr int kBlocks = 1;
};
template <>
struct Tiles<__half, kWgmmaEarly> : Tiles<__half, kWgmmaProjection> {};
template <>
struct Tiles<float> {
  using Gates = Product<float, 64, 64, 16, 4, 2, 4>;
  using Projection = Gates;
  static constexpr int kBlocks = 2;
};
constexpr int kThreads = 256;

template <class T>
struct Direction {
  const T* kernel_x;
  const T* kernel_h;
  const float* bias;
  const T* projector;
  const T* input;             // row r of step 0, or the rows that index chooses from
  const int32_t* input_rows;  // NULL, or of row r of step 0
  T* h;
  float* c;
  T* output;  // row r of step 0
  T* m;       // [sentences, cells], rows apart by padded cells: what the projection reads
};

// Steps and layers of one launch, whose parameters hold them. Longer sentences take further
// launches, which go on from the state that the one before has left; more layers the same.
constexpr int kMaxSteps = 128;
constexpr int kMaxLayers = 4;

template <class T>
struct Recurrence {
  Direction<T> directions[kMaxLayers][2];
  int skip[kMaxLayers];
  int layers;
  int cells, projection;
  float cell_clip, projection_clip;
  unsigned* arrived;  // of the grid's barrier
  int steps;
  int32_t rows[kMaxSteps];
  int64_t offset[kMaxSteps];  // of a step in packed order
};
static_assert(sizeof(Recurrence<float>) <= 4096, "what a kernel's parameters may take");

// A tile of a product: whose, and where it begins.
struct Place {
  int direction, first_row, first_column;
};

// How many tiles both directions have.
template <class Shape>
__host__ __device__ int tiles(int rows, int columns) {
  return 2 * ((rows + Shape::kRows - 1) / Shape::kRows) *
         ((columns + Shape::kColumns - 1) / Shape::kColumns);
}

// The i-th of them. Neighbours share columns, the larger operand, so that L2 reads them from memory
// once.
template <class Shape>
__device__ Place place_of(int i, int rows, int columns) {
  const int down = (rows + Shape::kRows - 1) / Shape::kRows;
  const int across = (columns + Shape::kColumns - 1) / Shape::kColumns;
  return {i / (down * across), i % down * Shape::kRows, i / down % across * Shape::kColumns};
}

// A tile of what runs in an iteration.
struct Tile {
  int layer, step;
  Place at;
};

// The i-th tile of iteration s, in which layer l runs step s - l; false where there are fewer.
template <class Shape, class T>
__device__ bool find_tile(const Recurrence<T>& r, int s, int columns, int i, Tile* tile) {
  const int last = min(s, r.layers - 1);
  int layer = max(s - r.steps + 1, 0);
  while (layer <= last && i >= tiles<Shape>(r.rows[s - layer], columns)) {
    i -= tiles<Shape>(r.rows[s - layer], columns);
    layer++;
  }
  if (layer > last) {
    return false;
  }
  *tile = {layer, s - layer, place_of<Shape>(i, r.rows[s - layer], columns)};
  return true;
}

// Calls body(tile) for this block's share of an iteration. All is found anew for each, so that
// nothing of it takes registers meanwhile.
template <class Shape, class T, class Body>
__device__ void for_tiles(const Recurrence<T>& r, int s, int columns, const Body& body) {
  Tile tile;
#pragma unroll 1
  for (int i = static_cast<int>(blockIdx.x); find_tile<Shape>(r, s, columns, i, &tile);
       i += static_cast<int>(gridDim.x)) {
    body(tile);
  }
}

// The gates' operands.
template <class T>
struct GateOperands {
  Operand<T> of[2];

  __device__ GateOperands(const Recurrence<T>& r, const Tile& tile) {
    const Direction<T>& d = r.directions[tile.layer][tile.at.direction];
    const int64_t offset = r.offset[tile.step];
    of[0] = {d.input_rows ? d.input : d.input + offset * r.projection,
             d.input_rows ? d.input_rows + offset : nullptr, r.projection, r.projection,
             d.kernel_x};
    of[1] = {d.h, nullptr, r.projection, r.projection, d.kernel_h};
  }
};

// The gates' epilogue: kCells neighbouring cells of a sentence, four gates each.
template <bool kApproximate, int kCount, class T>
__device__ void update_cells(const Recurrence<T>& r, const Direction<T>& d, int row, int cell,
                             const float (&gates)[kCount]) {
  constexpr int kCells = kCount / 4;
  const int there = r.cells - cell;
  float bias[4][kCells];
#pragma unroll
  for (int g = 0; g < 4; g++) {
    load_constant_row(bias[g], d.bias + g * int64_t{r.cells} + cell, there);
  }
  float* state = d.c + row * int64_t{r.cells} + cell;
  float c[kCells], m[kCells];
  load_row(c, state, there);
#pragma unroll
  for (int i = 0; i < kCells; i++) {
    const auto gate = [](float x) { return kApproximate ? sigmoid_approximate(x) : sigmoid(x); };
    const auto squash = [](float x) { return kApproximate ? tanh_approximate(x) : tanh_of(x); };
    const float in = gate(gates[4 * i] + bias[0][i]);
    const float candidate = squash(gates[4 * i + 1] + bias[1][i]);
    const float forget = gate(gates[4 * i + 2] + bias[2][i] + 1.0f);
    const float out = gate(gates[4 * i + 3] + bias[3][i]);
    c[i] = clip(forget * c[i] + in * candidate, r.cell_clip);
    m[i] = out * squash(c[i]);
  }
  store_row(state, c, there);
  store_row(d.m + row * round_up(r.cells, kPackedMultiple) + cell, m, there);
}

template <class T, Way kWay>
__device__ void run_gates(const Recurrence<T>& r, int s, int columns) {
  using Gates = typename Tiles<T, kWay>::Gates;
  const auto epilogue = [&r](const Tile& tile) {
    return [&r, &tile](int row, int column, const float(&gates)[Gates::kCount]) {
      update_cells<kWay == kWgmmaEarly>(r, r.directions[tile.layer][tile.at.direction], row,
                                        column / 4, gates);
    };
  };
  if constexpr (kWay == kWgmmaEarly) {
    Tile tile;
    int i = static_cast<int>(blockIdx.x);
    if (!find_tile<Gates>(r, s, columns, i, &tile)) {
      return;
    }
    typename Gates::template Pipeline<2> pipeline;
    const auto begin = [&] {
      pipeline.begin(GateOperands<T>(r, tile).of, r.rows[tile.step], columns, tile.at.first_row,
                     tile.at.first_column, shared_memory());
    };
    begin();
    for (bool more = true; more;) {
      typename Gates::Accumulators sums;
      pipeline.multiply(sums);
      const Tile done = tile;
      i += static_cast<int>(gridDim.x);
      more = find_tile<Gates>(r, s, columns, i, &tile);
      if (more) {
        begin();
      }
      sums.give(r.rows[done.step], columns, done.at.first_row, done.at.first_column,
                epilogue(done));
    }
  } else {
    for_tiles<Gates>(r, s, columns, [&](const Tile& tile) {
      Gates::tile(GateOperands<T>(r, tile).of, r.rows[tile.step], columns, tile.at.first_row,
                  tile.at.first_column, shared_memory(), epilogue(tile));
    });
  }
}

template <class T, Way kWay>
__device__ void run_steps(const Recurrence<T>& r) {
  using Gates = typename Tiles<T, kWay>::Gates;
  using Projection = typename Tiles<T, kWay>::Projection;
  static_assert(Gates::kThreads == kThreads && Projection::kThreads == kThreads, "");
  const int padded_cells = static_cast<int>(round_up(r.cells, kPackedMultiple));
  const int padded_projection = static_cast<int>(round_up(r.projection, kPackedMultiple));
  const int iterations = r.steps + r.layers - 1;
  for (int s = 0; s < iterations; s++) {
    run_gates<T, kWay>(r, s, 4 * padded_cells);
    grid_barrier(r.arrived, gridDim.x, 2 * s + 1);  // m is whole, and h no longer read

    for_tiles<Projection>(r, s, padded_projection, [&](const Tile& tile) {
      const int layer = tile.layer;
      const int t = tile.step;
      const Place& at = tile.at;
      const Direction<T>& d = r.directions[layer][at.direction];
      const Operand<T> operands[1] = {{d.m, nullptr, padded_cells, r.cells, d.projector}};
      Projection::tile(
          operands, r.rows[t], padded_projection, at.first_row, at.first_column, shared_memory(),
          [&](int row, int column, const float(&sums)[Projection::kCount]) {
            const int64_t position = r.offset[t] + row;
            const int64_t input_row =
                r.skip[layer] && d.input_rows ? d.input_rows[position] : position;
            // What one access takes, or all of it.
            constexpr int kVector = Projection::kCount < 8 ? Projection::kCount : 16 / sizeof(T);
#pragma unroll
            for (int first = 0; first < Projection::kCount; first += kVector) {
              const int there = r.projection - column - first;
              float h[kVector];
#pragma unroll
              for (int i = 0; i < kVector; i++) {
                h[i] = clip(sums[first + i], r.projection_clip);
              }
              store_row(d.h + row * int64_t{r.projection} + column + first, h, there);
              if (r.skip[layer]) {
                float x[kVector];
                load_row(x, d.input + input_row * r.projection + column + first, there);
#pragma unroll
                for (int i = 0; i < kVector; i++) {
                  h[i] += x[i];
                }
              }
              store_row(d.output + position * r.projection + column + first, h, there);
            }
          });
    });
    if (s + 1 < iterations) {
      // h and the outputs are whole, and m no longer read
      grid_barrier(r.arrived, gridDim.x, 2 * s + 2);
    }
  }
}

template <class T, Way kWay>
__global__ void __launch_bounds__(kThreads, (Tiles<T, kWay>::kBlocks))
    lstm_steps(const __grid_constant__ Recurrence<T> r) {
  if constexpr (Tiles<T, kWay>::Gates::kCompiled) {
    run_steps<T, kWay>(r);
  } else {
    __trap();
  }
}

// The input's half of the gates of many steps, with the bias: one product for each direction.
struct InputGates {
  Direction<__half> directions[2];
  float* gates[2];  // [positions, 4 * cells]
  int cells, projection, positions;
};

template <class Gates>
__device__ void run_input_gates(const InputGates& p) {
  const int columns = 4 * p.cells;
  const int count = tiles<Gates>(p.positions, columns);
  for (int i = static_cast<int>(blockIdx.x); i < count; i += static_cast<int>(gridDim.x)) {
    const Place at = place_of<Gates>(i, p.positions, columns);
    const Direction<__half>& d = p.directions[at.direction];
    const Operand<__half> operands[1] = {
        {d.input, d.input_rows, p.projection, p.projection, d.kernel_x}};
    Gates::tile(operands, p.positions, columns, at.first_row, at.first_column, shared_memory(),
                [&](int row, int column, const float(&gates)[Gates::kCount]) {
                  constexpr int kCells = Gates::kCount / 4;
                  float bias[4][kCells];
#pragma unroll
                  for (int g = 0; g < 4; g++) {
                    load_constant_row(bias[g], d.bias + g * int64_t{p.cells} + column / 4, kCells);
                  }
                  float* to = p.gates[at.direction] + row * int64_t{columns} + column;
#pragma unroll
                  for (int i = 0; i < kCells; i++) {
                    const float cell[4] = {gates[4 * i] + bias[0][i], gates[4 * i + 1] + bias[1][i],
                                           gates[4 * i + 2] + bias[2][i],
                                           gates[4 * i + 3] + bias[3][i]};
                    store_row(to + 4 * i, cell, 4);
                  }
                });
  }
}

template <Way kWay>
__global__ void __launch_bounds__(kThreads, 1)
    lstm_input_gates(const __grid_constant__ InputGates p) {
  using Gates = typename Tiles<__half, kWay>::Gates;
  if constexpr (Gates::kCompiled) {
    run_input_gates<Gates>(p);
  } else {
    __trap();
  }
}

// Where the parts of the workspace begin, in bytes.
struct Workspace {
  int64_t arrived[2];  // in front: the barriers' counters, each on a line of its own
  int64_t m[kMaxLayers][2];
  int64_t gates[2];
  int64_t size;
};
constexpr int64_t kCounters = 256;

Workspace parts(int type, int64_t cells, int64_t projection, int64_t layers, int64_t sentences,
                int64_t positions) {
  const bool half = type == ELMO4J_F16;
  const int64_t m =
      round_up(sentences * round_up(cells, kPackedMultiple) * (half ? 2 : 4), kCounters);
  const int64_t gates = half && may_be_resident(cells, projection)
                            ? std::min<int64_t>(positions, kResidentPositions) * 4 * cells * 4
                            : 0;
  Workspace at = {};
  at.size = kCounters;
  const auto take = [&](int64_t bytes) { return std::exchange(at.size, at.size + bytes); };
  for (int64_t l = 0; l < std::min<int64_t>(layers, kMaxLayers); l++) {
    for (int64_t& begin : at.m[l]) {
      begin = take(m);
    }
  }
  for (int d = 0; d < 2; d++) {
    at.arrived[d] = d * kCounters / 2;
    at.gates[d] = take(gates);
  }
  return at;
}

bool is_aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

// Steps of any number of rows.
template <Way kWay, class T>
int launch_steps(const Machine& machine, const Recurrence<T>& r, elmo4j_stream stream) {
  using Gates = typename Tiles<T, kWay>::Gates;
  using Projection = typename Tiles<T, kWay>::Projection;
  const auto kernel = lstm_steps<T, kWay>;
  const int64_t shared = std::max(Gates::shared_bytes(machine.capability),
                                  Projection::shared_bytes(machine.capability));
  int blocks = 0;
  int error = resident_blocks(kernel, kThreads, shared, &blocks);
  if (error == cudaSuccess) {
    error = cudaMemsetAsync(r.arrived, 0, kCounters, stream);
  }
  if (error != cudaSuccess) {
    return error;
  }
  const int gates = static_cast<int>(4 * round_up(r.cells, kPackedMultiple));
  const int projections = static_cast<int>(round_up(r.projection, kPackedMultiple));
  const int64_t useful =
      int64_t{std::min(r.layers, r.steps)} *
      std::max(tiles<Gates>(r.rows[0], gates), tiles<Projection>(r.rows[0], projections));
  return launch_cooperative(kernel, dim3(std::min<int64_t>(blocks, useful)), dim3(kThreads), shared,
                            stream, r);
}

template <Way kWay>
int launch_input_gates(const Machine& machine, const InputGates& p, elmo4j_stream stream) {
  using Gates = typename Tiles<__half, kWay>::Gates;
  return launch(lstm_input_gates<kWay>, dim3(tiles<Gates>(p.positions, 4 * p.cells)),
                dim3(kThreads), Gates::shared_bytes(machine.capability), stream, p);
}

// Steps of few rows, of one layer.
int launch_resident(const Machine& machine, const ResidentPlan& plan, const Recurrence<__half>& r,
                    int positions, float* const (&gates)[2], elmo4j_stream stream) {
  InputGates ahead = {};
  Resident<kMaxSteps> p = {};
  for (int d = 0; d < 2; d++) {
    const Direction<__half>& from = r.directions[0][d];
    ahead.directions[d] = from;
    ahead.gates[d] = gates[d];
    p.directions[d] = {from.kernel_h,   from.projector,
                       gates[d],        from.input,
                       from.input_rows, from.h,
                       from.c,          from.output,
                       from.m,          r.arrived + d * (kCounters / 2 / sizeof *r.arrived)};
  }
  ahead.cells = r.cells;
  ahead.projection = r.projection;
  ahead.positions = positions;
  int error = machine.wgmma ? launch_input_gates<kWgmmaGates>(machine, ahead, stream)
                            : launch_input_gates<kPlain>(machine, ahead, stream);
  if (error == cudaSuccess) {
    error = cudaMemsetAsync(r.arrived, 0, kCounters, stream);
  }
  p.plan = plan;
  p.cells = r.cells;
  p.projection = r.projection;
  p.cell_clip = r.cell_clip;
  p.projection_clip = r.projection_clip;
  p.skip = r.skip[0];
  p.steps = r.steps;
  std::copy_n(r.rows, r.steps, p.rows);
  for (int d = 0; d < 2 && error == cudaSuccess; d += plan.directions) {
    p.first_direction = d;
    error = launch_cooperative(lstm_resident<kMaxSteps>, dim3(plan.directions * plan.blocks),
                               dim3(kResidentThreads), plan.shared_bytes, stream, p);
  }
  return error;
}

// A call's layers, and what it gave to run them.
template <class T>
struct Call {
  Machine machine;
  Way way;
  std::vector<std::array<Direction<T>, 2>> layers;  // without m
  std::vector<int32_t> skip;
  const int32_t* rows;
  int64_t steps;
  T* m[kMaxLayers][2];
  float* gates[2];
  elmo4j_stream stream;
};

// Neighbouring steps of all layers, `at_once` of them a launch.
struct Part {
  int64_t first, end;  // steps
  int at_once;
  bool resident;  // then at_once is 1
};

// One group of a part's layers. `r` has the sizes, `position` is that of the part's first row.
template <class T>
int run(const Call<T>& call, const Part& part, const ResidentPlan& plan, int64_t first_layer,
        int64_t position, Recurrence<T>& r) {
  r.layers = static_cast<int>(std::min<int64_t>(call.layers.size() - first_layer, part.at_once));
  for (int64_t t = part.first; t < part.end;) {
    int64_t positions = 0;
    r.steps = 0;
    while (t < part.end && r.steps < kMaxSteps &&
           (!part.resident || positions + call.rows[t] <= kResidentPositions)) {
      r.offset[r.steps] = positions;
      positions += call.rows[t];
      r.rows[r.steps++] = call.rows[t++];
    }
    for (int l = 0; l < r.layers; l++) {
      r.skip[l] = call.skip[first_layer + l];
      for (int i = 0; i < 2; i++) {
        Direction<T>& d = r.directions[l][i];
        d = call.layers[first_layer + l][i];
        d.m = call.m[l][i];
        if (d.input_rows) {
          d.input_rows += position;
        } else {
          d.input += position * r.projection;
        }
        d.output += position * r.projection;
      }
    }
    int error;
    if constexpr (sizeof(T) == sizeof(__half)) {
      error = part.resident ? launch_resident(call.machine, plan, r, static_cast<int>(positions),
                                              call.gates, call.stream)
              : call.way == kWgmmaEarly ? launch_steps<kWgmmaEarly>(call.machine, r, call.stream)
              : call.way == kWgmmaProjection
                  ? launch_steps<kWgmmaProjection>(call.machine, r, call.stream)
              : call.way == kWgmmaGates ? launch_steps<kWgmmaGates>(call.machine, r, call.stream)
                                        : launch_steps<kPlain>(call.machine, r, call.stream);
    } else {
      error = launch_steps<kPlain>(call.machine, r, call.stream);
    }
    if (error != cudaSuccess) {
      return error;
    }
    position += positions;
  }
  return cudaSuccess;
}

template <class T>
int lstm(const Call<T>& call, Recurrence<T>& r) {
  // Rows only fall: from some step on they are few.
  const auto falls_to = [&](int32_t most) {
    return std::find_if(call.rows, call.rows + call.steps, [&](int32_t n) { return n <= most; }) -
           call.rows;
  };
  int64_t few = call.steps;
  ResidentPlan plan = {};
  if constexpr (sizeof(T) == sizeof(__half)) {
    plan = resident_plan(r.cells, r.projection, call.machine.multiprocessors,
                         call.machine.shared_bytes);
    const bool aligned = std::all_of(call.layers.begin(), call.layers.end(), [](const auto& layer) {
      return is_aligned(layer[0].h) && is_aligned(layer[1].h);
    });
    if (plan.directions > 0 && aligned) {
      few = falls_to(kResidentRows);
      few = call.steps - few < kResidentSteps ? call.steps : few;
    }
  }
  const int in_l2 = layers_in_l2(r.cells, r.projection, sizeof(T), call.machine.l2_bytes);
  const bool all = in_l2 == 0 || in_l2 >= std::min<int64_t>(call.layers.size(), kMaxLayers);
  const int64_t thin = all ? few : std::min<int64_t>(falls_to(kReadingRows), few);
  const Part all_parts[] = {{0, thin, kMaxLayers, false},
                            {thin, few, std::min(in_l2, kMaxLayers), false},
                            {few, call.steps, 1, true}};
  int64_t position = 0;
  for (const Part& part : all_parts) {
    if (part.first < part.end) {
      for (size_t layer = 0; layer < call.layers.size(); layer += part.at_once) {
        const int error = run(call, part, plan, layer, position, r);
        if (error != cudaSuccess) {
          return error;
        }
      }
      position += std::accumulate(call.rows + part.first, call.rows + part.end, int64_t{0});
    }
  }
  return cudaSuccess;
}

}  // namespace
}  // namespace elmo4j

int elmo4j_cuda_products(int products, int32_t* used) {
  elmo4j::Machine machine = {};
  const int error = elmo4j::find_machine(products, &machine);
  *used = machine.wgmma ? ELMO4J_WGMMA : ELMO4J_MMA;
  return error;
}

int64_t elmo4j_cuda_lstm_workspace(const elmo4j_lstm* lstm, int64_t layers, int64_t sentences,
                                   int64_t positions) {
  return elmo4j::parts(lstm->x.type, lstm->x.columns, lstm->x.depth, layers, sentences, positions)
      .size;
}

int elmo4j_cuda_lstm(const elmo4j_lstm* lstm, const elmo4j_lstm_rows* rows, int64_t layers,
                     const elmo4j_packed_batch* batch, void* workspace, elmo4j_stream stream) {
  using namespace elmo4j;
  Machine machine = {};
  const int error = find_machine(lstm->x.isa, &machine);
  if (error != cudaSuccess) {
    return error;
  }
  return for_type(lstm->x.type, [&](auto zero) -> int {
    using T = decltype(zero);
    const Workspace at = parts(lstm->x.type, lstm->x.columns, lstm->x.depth, layers,
                               batch->batch.sentences, batch->positions);
    char* memory = static_cast<char*>(workspace);
    Call<T> call = {};
    call.machine = machine;
    call.layers.resize(layers);
    call.skip.resize(layers);
    for (int64_t l = 0; l < layers; l++) {
      call.skip[l] = lstm[2 * l].skip;
      for (int64_t d = 0; d < 2; d++) {
        const elmo4j_lstm& weights = lstm[2 * l + d];
        const elmo4j_lstm_rows& own = rows[2 * l + d];
        call.layers[l][d] = {static_cast<const T*>(weights.x.weights),
                             static_cast<const T*>(weights.h.weights),
                             weights.x.bias,
                             static_cast<const T*>(weights.projector.weights),
                             static_cast<const T*>(l == 0 ? own.input : rows[2 * l + d - 2].output),
                             l == 0 ? own.input_rows : nullptr,
                             static_cast<T*>(own.h),
                             own.c,
                             static_cast<T*>(own.output),
                             nullptr};
      }
    }
    if (machine.wgmma) {
      const bool wide =
          lstm->x.isa != ELMO4J_WGMMA_GATES &&
          is_wide_projection(batch->batch.sentences, lstm->x.depth, machine.multiprocessors);
      call.way = !wide                               ? kWgmmaGates
                 : lstm->x.isa == ELMO4J_WGMMA_EARLY ? kWgmmaEarly
                                                     : kWgmmaProjection;
    }
    call.rows = batch->rows;
    call.steps = batch->steps;
    call.stream = stream;
    for (int d = 0; d < 2; d++) {
      for (int l = 0; l < kMaxLayers; l++) {
        call.m[l][d] = reinterpret_cast<T*>(memory + at.m[l][d]);
      }
      call.gates[d] = reinterpret_cast<float*>(memory + at.gates[d]);
    }
    Recurrence<T> r = {};
    r.cells = static_cast<int>(lstm->x.columns);
    r.projection = static_cast<int>(lstm->x.depth);
    r.cell_clip = lstm->cell_clip;
    r.projection_clip = lstm->projection_clip;
    r.arrived = reinterpret_cast<unsigned*>(memory + at.arrived[0]);
    return elmo4j::lstm(call, r);
  });
}
