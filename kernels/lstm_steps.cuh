// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The recurrence for any number of sentences: the kernel lstm_steps, and lstm_input_gates, which
// computes the input's part of the gates before lstm_resident runs. lstm.cu describes and launches
// them; DESIGN.md says why no write between their blocks is missed.

#ifndef ELMO4J_KERNELS_LSTM_STEPS_CUH_
#define ELMO4J_KERNELS_LSTM_STEPS_CUH_

#include <cstdint>

#include "lstm_plan.h"
#include "product.cuh"

namespace elmo4j {

// The ways to compute the two products.
enum Way {
  kPlain,            // halves with mma.sync; floats
  kWgmmaGates,       // the gates with wgmma
  kWgmmaProjection,  // the projection too, in larger tiles
  // Like kWgmmaProjection, but a tile of the gates begins before the epilogue of the tile before
  // it, and the epilogue uses approximate functions.
  kWgmmaEarly,
  kWgmmaSplit  // like kWgmmaProjection, with the projection's depth split among blocks
};

// The tiles of the two products. Both use 256 threads, so that one launch runs both.
template <class T, Way kWay = kPlain>
struct Tiles;
template <>
struct Tiles<__half> {
  using Gates = Product<__half, 128, 256, 32, 2, 4, 4>;
  using Projection = Product<__half, 64, 64, 64, 2, 4, 6>;
  static constexpr int kBlocks = 1;  // that a multiprocessor must hold, which limits the registers
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
struct Tiles<__half, kWgmmaSplit> : Tiles<__half, kWgmmaProjection> {};
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
  const T* input;             // [positions, P] in packed order from step 0 on; or any rows of P
  const int32_t* input_rows;  // NULL; or, for each position, its row of `input`
  T* h;
  float* c;
  T* output;  // [positions, P] in packed order from step 0 on
  T* m;       // [sentences, padded cells]: what the projection reads
};

// The most that the parameters of one launch hold. Longer sentences need further launches, which
// continue from the state after the one before; more layers need further launches too.
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
  Split split;        // of the projection; only read by kWgmmaSplit
  float* sums;        // of its parts: [layers, 2, parts, rows[0], padded projection]
  int steps;
  int32_t rows[kMaxSteps];
  int64_t offset[kMaxSteps];  // of a step's first row in packed order
};
static_assert(sizeof(Recurrence<float>) <= 4096, "what a kernel's parameters may take");

// The position and direction of a product's tile.
struct Place {
  int direction, first_row, first_column;
};

// Returns the number of tiles of both directions.
template <class Shape>
__host__ __device__ int tiles(int rows, int columns) {
  return 2 * ((rows + Shape::kRows - 1) / Shape::kRows) *
         ((columns + Shape::kColumns - 1) / Shape::kColumns);
}

// Returns the i-th of them. Successive tiles have the same columns, so that L2 reads those weights,
// the larger operand, from memory only once.
template <class Shape>
__device__ Place place_of(int i, int rows, int columns) {
  const int down = (rows + Shape::kRows - 1) / Shape::kRows;
  const int across = (columns + Shape::kColumns - 1) / Shape::kColumns;
  return {i / (down * across), i % down * Shape::kRows, i / down % across * Shape::kColumns};
}

// One of an iteration's tiles.
struct Tile {
  int layer, step;
  Place at;
};

// Finds the i-th tile of iteration s, in which layer l runs step s - l. Returns false if there are
// fewer.
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

// Calls body(tile) for this block's share of an iteration. Each tile is found from its number, so
// that the search needs no registers while a tile runs.
template <class Shape, class T, class Body>
__device__ void for_tiles(const Recurrence<T>& r, int s, int columns, const Body& body) {
  Tile tile;
#pragma unroll 1
  for (int i = static_cast<int>(blockIdx.x); find_tile<Shape>(r, s, columns, i, &tile);
       i += static_cast<int>(gridDim.x)) {
    body(tile);
  }
}

// Returns the operands of the gates.
template <class T>
struct GateOperands {
  Operand<T> of[2];

  __device__ GateOperands(const Recurrence<T>& r, const Tile& tile) {
    const Direction<T>& d = r.directions[tile.layer][tile.at.direction];
    const int64_t offset = r.offset[tile.step];
    of[0] = {d.input_rows ? d.input : d.input + offset * r.projection,
             d.input_rows ? d.input_rows + offset : nullptr,
             r.projection,
             r.projection,
             d.kernel_x,
             0,
             r.projection};
    of[1] = {d.h, nullptr, r.projection, r.projection, d.kernel_h, 0, r.projection};
  }
};

// The epilogue of the gates, for neighbouring cells of a row. `gates` has no bias; the four gates
// of a cell are side by side.
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

// The epilogue of the projection, for kCount neighbouring numbers of a row of a step.
template <int kCount, class T>
__device__ void store_outputs(const Recurrence<T>& r, int layer, int direction, int step, int row,
                              int column, const float (&sums)[kCount]) {
  const Direction<T>& d = r.directions[layer][direction];
  const int64_t position = r.offset[step] + row;
  const int64_t input_row = r.skip[layer] && d.input_rows ? d.input_rows[position] : position;
  // As many numbers as one access takes, or all.
  constexpr int kVector = kCount < 8 ? kCount : 16 / sizeof(T);
#pragma unroll
  for (int first = 0; first < kCount; first += kVector) {
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
}

template <class T, Way kWay>
__device__ void run_projection(const Recurrence<T>& r, int s, int cells, int columns) {
  using Projection = typename Tiles<T, kWay>::Projection;
  for_tiles<Projection>(r, s, columns, [&](const Tile& tile) {
    const Direction<T>& d = r.directions[tile.layer][tile.at.direction];
    const Operand<T> operands[1] = {{d.m, nullptr, cells, r.cells, d.projector, 0, r.cells}};
    Projection::tile(
        operands, r.rows[tile.step], columns, tile.at.first_row, tile.at.first_column,
        shared_memory(), [&](int row, int column, const float(&sums)[Projection::kCount]) {
          store_outputs(r, tile.layer, tile.at.direction, tile.step, row, column, sums);
        });
  });
}

// Returns the address of one part's sums of a row of the projection.
template <class T>
__device__ float* part_sums(const Recurrence<T>& r, int layer, int direction, int part, int row,
                            int columns) {
  const int64_t before = (int64_t{layer} * 2 + direction) * r.split.parts + part;
  return r.sums + (before * r.rows[0] + row) * columns;
}

// The projection of kWgmmaSplit has two phases with a barrier between them. In the first, the
// blocks multiply the parts of all tiles and store their sums.
template <class T, Way kWay>
__device__ void run_projection_parts(const Recurrence<T>& r, int s, int cells, int columns) {
  using Projection = typename Tiles<T, kWay>::Projection;
  Tile tile;
#pragma unroll 1
  for (int i = static_cast<int>(blockIdx.x);
       find_tile<Projection>(r, s, columns, i / r.split.parts, &tile);
       i += static_cast<int>(gridDim.x)) {
    const int part = i % r.split.parts;
    const int begin = part * r.split.depth;
    const Direction<T>& d = r.directions[tile.layer][tile.at.direction];
    const Operand<T> operands[1] = {
        {d.m, nullptr, cells, r.cells, d.projector, begin, min(begin + r.split.depth, r.cells)}};
    Projection::tile(
        operands, r.rows[tile.step], columns, tile.at.first_row, tile.at.first_column,
        shared_memory(), [&](int row, int column, const float(&sums)[Projection::kCount]) {
          float* to = part_sums(r, tile.layer, tile.at.direction, part, row, columns) + column;
#pragma unroll
          for (int first = 0; first < Projection::kCount; first += 4) {
            const float four[4] = {sums[first], sums[first + 1], sums[first + 2], sums[first + 3]};
            store_row(to + first, four, 4);
          }
        });
  }
}

// In the second phase, all threads add the parts of each number in the order of the depth, so that
// every run gives the same bits.
template <class T>
__device__ void add_projection_parts(const Recurrence<T>& r, int s, int columns) {
  constexpr int kVector = 16 / sizeof(T);
  const int across = columns / kVector;
  const int last = min(s, r.layers - 1);
  for (int layer = max(s - r.steps + 1, 0); layer <= last; layer++) {
    const int rows = r.rows[s - layer];
    for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < int64_t{2} * rows * across;
         i += int64_t{gridDim.x} * kThreads) {
      const int at = static_cast<int>(i / across);  // forward rows, then backward ones
      const int direction = at / rows;
      const int row = at % rows;
      const int column = static_cast<int>(i % across) * kVector;
      float sums[kVector] = {};
#pragma unroll 1
      for (int part = 0; part < r.split.parts; part++) {
        const float* from = part_sums(r, layer, direction, part, row, columns) + column;
#pragma unroll
        for (int first = 0; first < kVector; first += 4) {
          float four[4];
          load_row(four, from + first, 4);
#pragma unroll
          for (int j = 0; j < 4; j++) {
            sums[first + j] += four[j];
          }
        }
      }
      store_outputs(r, layer, direction, s - layer, row, column, sums);
    }
  }
}

template <class T, Way kWay>
__device__ void run_steps(const Recurrence<T>& r) {
  static_assert(Tiles<T, kWay>::Gates::kThreads == kThreads &&
                    Tiles<T, kWay>::Projection::kThreads == kThreads,
                "");
  const int padded_cells = static_cast<int>(round_up(r.cells, kPackedMultiple));
  const int padded_projection = static_cast<int>(round_up(r.projection, kPackedMultiple));
  const int iterations = r.steps + r.layers - 1;
  unsigned barriers = 0;
  for (int s = 0; s < iterations; s++) {
    run_gates<T, kWay>(r, s, 4 * padded_cells);
    grid_barrier(r.arrived, gridDim.x, ++barriers);  // m is complete, and h is no longer read
    if constexpr (kWay == kWgmmaSplit) {
      run_projection_parts<T, kWay>(r, s, padded_cells, padded_projection);
      grid_barrier(r.arrived, gridDim.x, ++barriers);  // the parts' sums are complete
      add_projection_parts(r, s, padded_projection);
    } else {
      run_projection<T, kWay>(r, s, padded_cells, padded_projection);
    }
    if (s + 1 < iterations) {
      // h and the outputs are complete, and m and the parts' sums are no longer read
      grid_barrier(r.arrived, gridDim.x, ++barriers);
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

// The input's part of the gates of many steps, with the bias: one product for each direction.
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
        {d.input, d.input_rows, p.projection, p.projection, d.kernel_x, 0, p.projection}};
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

}  // namespace elmo4j

#endif  // ELMO4J_KERNELS_LSTM_STEPS_CUH_
