// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// One layer of the biLM, both directions, all time steps (kernels.h), in one of two ways.
//
// lstm_steps, for any number of rows and either type: one cooperative launch over all steps. Each
// step is two products with a grid barrier behind each: the gates of [x_t; h] as one operand of
// depth 2 P, whose epilogue keeps a cell's four gates in registers, updates c and stores m; then
// the projection of m, whose epilogue clips, stores h, adds the skip connection and stores the
// output. Gates never reach memory. A sentence's h and c stay where they are once it has ended.
//
// lstm_resident (lstm_resident.cuh), for halves and up to 16 rows where the weights fit: recurrent
// and projection weights stay in shared memory, and what x meets is one product for all steps
// before (lstm_input_gates). It takes over when a batch has become that small.
//
// The bound, published model (P = 512, D = 4096), halves, a step of both directions, on an H200
// with 4.3 TB/s from memory, about 5.5 TB/s from L2, 790 TFLOP/s; none of it is measured yet.
// Weights are 75.5 MB a step, more than L2 holds: 17.5 us from memory.
//
//   rows                                    8          128         1024
//   GFLOP                                   0.6        9.7         77.3
//     us at the ceiling                     0.8        12          98
//     us at 62% of it, mma.sync's share     1.2        20          158
//     us where the gates are by wgmma       0.9        13          105
//   L2 to shared memory, MB                 78         135         1074
//     us                                    17.5       25          195
//   shared memory to registers, mma.sync    below the arithmetic: a warp's 64 x 64 tile reads 4 KB
//                                           for 131 kFLOP
//   shared memory, wgmma                    like the arithmetic: 64 of a tile's depth are 48 KB
//                                           written, 80 KB read, 1024 cycles, for 4.2 MFLOP
//   grid barriers                           2 a step, 1 to 2 us each
//
// On sm_90a the gates and lstm_input_gates are by wgmma, for which two warpgroups have 64 rows of
// the tile each; the projection, whose tiles are small so that all multiprocessors have one, stays
// with mma.sync. elmo4j_cuda_lstm's `products` asks for mma.sync in both.
//
// At 1024 rows L2 binds either way, ahead of the arithmetic: a tile of 128 x 256 reads 786 KB for
// 67 MFLOP. So what wgmma should bring by itself is only what copies and arithmetic do not hide of
// each other: between 195 us, the longer of the two, and their sum, 353 us by mma.sync and 300 by
// wgmma. Not here is what would lift L2's bound: clusters of two blocks that share their columns by
// TMA's multicast read 537 MB for the gates instead of 805, 146 us a step, a quarter off.
//
// lstm_resident at 8 rows, one direction: 131 KB of gate weights and 32 KB of the projector in each
// of 128 blocks, read from shared memory once a step: 0.7 us; 96 KB of h and m from L2 a block,
// 12.6 MB: 2.3 us, growing with the rows, which is why it stops at 16; two barriers. 5 to 7 us, and
// twice that for the two directions, which do not fit side by side (the smaller models' do),
// against more than 20 by lstm_steps. Weights kept in registers too would let both run at once.
//
// Memory order. h, m and c are written by some blocks and read by others behind a grid barrier: all
// of a block's writes come before its thread 0's release (__syncthreads orders them), which the
// acquire of every other block's thread 0 reads, and __syncthreads hands on. So plain loads would
// see them; they are read past L1 (cp.async.cg, load_row) all the same, since a tile reads each of
// them once. Between a step's phases nobody writes what another may still read: h is read before
// the first barrier and written behind it, m the other way about. The emulator cannot show a
// mistake in this.
//
// Several such launches on streams of one device do not deadlock: the driver starts a cooperative
// grid only when all its blocks are resident together, so one waits for the other as a whole.

#include <algorithm>
#include <cstdint>

#include "elmo4j/kernels.h"
#include "lstm_resident.cuh"
#include "product.cuh"

namespace elmo4j {
namespace {

// The tiles of the two products. Both keep 256 threads busy, so that one launch runs both.
template <class T, bool kWgmma = false>
struct Tiles;
template <>
struct Tiles<__half> {
  using Gates = Product<__half, 128, 256, 32, 2, 4, 4>;
  using Projection = Product<__half, 64, 64, 64, 2, 4, 6>;
};
template <>
struct Tiles<__half, true> {
  using Gates = Product<__half, 128, 256, 64, 8, 1, 4, true>;
  using Projection = Tiles<__half>::Projection;
};
template <>
struct Tiles<float> {
  using Gates = Product<float, 64, 64, 16, 4, 2, 4>;
  using Projection = Gates;
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

// Steps of one launch: rows travel in its parameters. Longer sentences take further launches, which
// go on from the state that the one before has left.
constexpr int kMaxSteps = 128;

template <class T>
struct Recurrence {
  Direction<T> directions[2];
  int cells, projection;
  float cell_clip, projection_clip;
  int skip;
  unsigned* arrived;  // of the grid's barrier
  int steps;
  int32_t rows[kMaxSteps];
};

// Calls tile(direction, first row, first column) for this block's share of both directions' tiles.
// Neighbouring blocks share columns, the larger operand, so that L2 reads them from memory once.
template <class Shape, class Tile>
__device__ void for_tiles(int rows, int columns, const Tile& tile) {
  const int down = (rows + Shape::kRows - 1) / Shape::kRows;
  const int across = (columns + Shape::kColumns - 1) / Shape::kColumns;
  for (int i = static_cast<int>(blockIdx.x); i < 2 * down * across;
       i += static_cast<int>(gridDim.x)) {
    tile(i / (down * across), i % down * Shape::kRows, i / down % across * Shape::kColumns);
  }
}

// The gates' epilogue: kCells neighbouring cells of a sentence, four gates each.
template <int kCount, class T>
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
    const float in = sigmoid(gates[4 * i] + bias[0][i]);
    const float candidate = tanh_of(gates[4 * i + 1] + bias[1][i]);
    const float forget = sigmoid(gates[4 * i + 2] + bias[2][i] + 1.0f);
    const float out = sigmoid(gates[4 * i + 3] + bias[3][i]);
    c[i] = clip(forget * c[i] + in * candidate, r.cell_clip);
    m[i] = out * tanh_of(c[i]);
  }
  store_row(state, c, there);
  store_row(d.m + row * round_up(r.cells, kPackedMultiple) + cell, m, there);
}

template <class T, bool kWgmma>
__device__ void run_steps(const Recurrence<T>& r) {
  using Gates = typename Tiles<T, kWgmma>::Gates;
  using Projection = typename Tiles<T, kWgmma>::Projection;
  static_assert(Gates::kThreads == kThreads && Projection::kThreads == kThreads, "");
  const int padded_cells = static_cast<int>(round_up(r.cells, kPackedMultiple));
  const int padded_projection = static_cast<int>(round_up(r.projection, kPackedMultiple));
  unsigned barriers = 0;
  int64_t offset = 0;  // of this step in packed order
  for (int t = 0; t < r.steps; t++) {
    const int rows = r.rows[t];
    for_tiles<Gates>(rows, 4 * padded_cells, [&](int which, int first_row, int first_column) {
      const Direction<T>& d = r.directions[which];
      const T* input = d.input_rows ? d.input : d.input + offset * r.projection;
      const int32_t* index = d.input_rows ? d.input_rows + offset : nullptr;
      const Operand<T> operands[2] = {{input, index, r.projection, r.projection, d.kernel_x},
                                      {d.h, nullptr, r.projection, r.projection, d.kernel_h}};
      Gates::tile(operands, rows, 4 * padded_cells, first_row, first_column, shared_memory(),
                  [&](int row, int column, const float(&gates)[Gates::kCount]) {
                    update_cells(r, d, row, column / 4, gates);
                  });
    });
    grid_barrier(r.arrived, gridDim.x, ++barriers);  // m is whole, and h no longer read

    for_tiles<Projection>(rows, padded_projection, [&](int which, int first_row, int first_column) {
      const Direction<T>& d = r.directions[which];
      const Operand<T> operands[1] = {{d.m, nullptr, padded_cells, r.cells, d.projector}};
      Projection::tile(operands, rows, padded_projection, first_row, first_column, shared_memory(),
                       [&](int row, int column, const float(&sums)[Projection::kCount]) {
                         constexpr int kCount = Projection::kCount;
                         const int there = r.projection - column;
                         float h[kCount];
#pragma unroll
                         for (int i = 0; i < kCount; i++) {
                           h[i] = clip(sums[i], r.projection_clip);
                         }
                         store_row(d.h + row * int64_t{r.projection} + column, h, there);
                         const int64_t position = offset + row;
                         if (r.skip) {
                           const int64_t input_row =
                               d.input_rows ? d.input_rows[position] : position;
                           float x[kCount];
                           load_constant_row(x, d.input + input_row * r.projection + column, there);
#pragma unroll
                           for (int i = 0; i < kCount; i++) {
                             h[i] += x[i];
                           }
                         }
                         store_row(d.output + position * r.projection + column, h, there);
                       });
    });
    offset += rows;
    if (t + 1 < r.steps) {
      grid_barrier(r.arrived, gridDim.x, ++barriers);  // h is whole, and m no longer read
    }
  }
}

template <class T, bool kWgmma>
__global__ void __launch_bounds__(kThreads, 1) lstm_steps(const __grid_constant__ Recurrence<T> r) {
  if constexpr (Tiles<T, kWgmma>::Gates::kCompiled) {
    run_steps<T, kWgmma>(r);
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
  for_tiles<Gates>(p.positions, columns, [&](int which, int first_row, int first_column) {
    const Direction<__half>& d = p.directions[which];
    const Operand<__half> operands[1] = {
        {d.input, d.input_rows, p.projection, p.projection, d.kernel_x}};
    Gates::tile(operands, p.positions, columns, first_row, first_column, shared_memory(),
                [&](int row, int column, const float(&gates)[Gates::kCount]) {
                  constexpr int kCells = Gates::kCount / 4;
                  float bias[4][kCells];
#pragma unroll
                  for (int g = 0; g < 4; g++) {
                    load_constant_row(bias[g], d.bias + g * int64_t{p.cells} + column / 4, kCells);
                  }
                  float* to = p.gates[which] + row * int64_t{columns} + column;
#pragma unroll
                  for (int i = 0; i < kCells; i++) {
                    const float cell[4] = {gates[4 * i] + bias[0][i], gates[4 * i + 1] + bias[1][i],
                                           gates[4 * i + 2] + bias[2][i],
                                           gates[4 * i + 3] + bias[3][i]};
                    store_row(to + 4 * i, cell, 4);
                  }
                });
  });
}

template <bool kWgmma>
__global__ void __launch_bounds__(kThreads, 1)
    lstm_input_gates(const __grid_constant__ InputGates p) {
  using Gates = typename Tiles<__half, kWgmma>::Gates;
  if constexpr (Gates::kCompiled) {
    run_input_gates<Gates>(p);
  } else {
    __trap();
  }
}

// Where the parts of the workspace begin, in bytes.
struct Workspace {
  int64_t arrived[2];  // in front: the barriers' counters, each on a line of its own
  int64_t m[2];
  int64_t gates[2];
  int64_t size;
};
constexpr int64_t kCounters = 256;

Workspace parts(int type, int64_t cells, int64_t projection, int64_t sentences, int64_t positions) {
  const bool half = type == ELMO4J_F16;
  const int64_t m =
      round_up(sentences * round_up(cells, kPackedMultiple) * (half ? 2 : 4), kCounters);
  const int64_t gates = half && may_be_resident(cells, projection)
                            ? std::min<int64_t>(positions, kResidentPositions) * 4 * cells * 4
                            : 0;
  Workspace at;
  for (int d = 0; d < 2; d++) {
    at.arrived[d] = d * kCounters / 2;
    at.m[d] = kCounters + d * m;
    at.gates[d] = kCounters + 2 * m + d * gates;
  }
  at.size = kCounters + 2 * (m + gates);
  return at;
}

bool is_aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

// The device that launches go to.
struct Machine {
  int multiprocessors, capability, shared_bytes;
  bool wgmma;
};

int find_machine(int products, Machine* machine) {
  int device = 0;
  cudaError_t error = cudaGetDevice(&device);
  const auto attribute = [&](cudaDeviceAttr which, int* value) {
    if (error == cudaSuccess) {
      error = cudaDeviceGetAttribute(value, which, device);
    }
  };
  attribute(cudaDevAttrMultiProcessorCount, &machine->multiprocessors);
  attribute(cudaDevAttrComputeCapabilityMajor, &machine->capability);
  attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, &machine->shared_bytes);
  int minor = 0;
  attribute(cudaDevAttrComputeCapabilityMinor, &minor);
  machine->wgmma = use_wgmma(products, machine->capability, minor);
  return error;
}

template <class Shape>
int64_t tiles(int64_t rows, int64_t columns) {
  return 2 * ((rows + Shape::kRows - 1) / Shape::kRows) *
         ((columns + Shape::kColumns - 1) / Shape::kColumns);
}

// Steps of any number of rows.
template <class T, bool kWgmma = false>
int launch_steps(const Machine& machine, const Recurrence<T>& r, elmo4j_stream stream) {
  if constexpr (sizeof(T) == sizeof(__half) && !kWgmma) {
    if (machine.wgmma) {
      return launch_steps<T, true>(machine, r, stream);
    }
  }
  using Gates = typename Tiles<T, kWgmma>::Gates;
  using Projection = typename Tiles<T, kWgmma>::Projection;
  const auto kernel = lstm_steps<T, kWgmma>;
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
  const int64_t useful =
      std::max(tiles<Gates>(r.rows[0], 4 * round_up(r.cells, kPackedMultiple)),
               tiles<Projection>(r.rows[0], round_up(r.projection, kPackedMultiple)));
  return launch_cooperative(kernel, dim3(std::min<int64_t>(blocks, useful)), dim3(kThreads), shared,
                            stream, r);
}

template <bool kWgmma>
int launch_input_gates(const Machine& machine, const InputGates& p, elmo4j_stream stream) {
  using Gates = typename Tiles<__half, kWgmma>::Gates;
  return launch(lstm_input_gates<kWgmma>, dim3(tiles<Gates>(p.positions, 4 * p.cells)),
                dim3(kThreads), Gates::shared_bytes(machine.capability), stream, p);
}

// Steps of few rows.
int launch_resident(const Machine& machine, const ResidentPlan& plan, const Recurrence<__half>& r,
                    int positions, float* const (&gates)[2], elmo4j_stream stream) {
  InputGates ahead = {};
  Resident<kMaxSteps> p = {};
  for (int d = 0; d < 2; d++) {
    const Direction<__half>& from = r.directions[d];
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
  int error = machine.wgmma ? launch_input_gates<true>(machine, ahead, stream)
                            : launch_input_gates<false>(machine, ahead, stream);
  if (error == cudaSuccess) {
    error = cudaMemsetAsync(r.arrived, 0, kCounters, stream);
  }
  p.plan = plan;
  p.cells = r.cells;
  p.projection = r.projection;
  p.cell_clip = r.cell_clip;
  p.projection_clip = r.projection_clip;
  p.skip = r.skip;
  p.steps = r.steps;
  std::copy_n(r.rows, r.steps, p.rows);
  for (int d = 0; d < 2 && error == cudaSuccess; d += plan.directions) {
    p.first_direction = d;
    error = launch_cooperative(lstm_resident<kMaxSteps>, dim3(plan.directions * plan.blocks),
                               dim3(kResidentThreads), plan.shared_bytes, stream, p);
  }
  return error;
}

template <class T>
int lstm(const Machine& machine, Recurrence<T>& r, const int32_t* rows, int64_t steps,
         float* const (&gates)[2], elmo4j_stream stream) {
  // Rows only fall: from some step on they are few.
  int64_t few = steps;
  ResidentPlan plan = {};
  if constexpr (sizeof(T) == sizeof(__half)) {
    plan = resident_plan(r.cells, r.projection, machine.multiprocessors, machine.shared_bytes);
    const bool aligned = is_aligned(r.directions[0].h) && is_aligned(r.directions[1].h);
    if (plan.directions > 0 && aligned) {
      few = std::find_if(rows, rows + steps, [](int32_t n) { return n <= kResidentRows; }) - rows;
      few = steps - few < kResidentSteps ? steps : few;
    }
  }
  int64_t t = 0;
  while (t < steps) {
    const int64_t end = t < few ? few : steps;
    int64_t positions = 0;
    r.steps = 0;
    while (t < end && r.steps < kMaxSteps &&
           (t < few || positions + rows[t] <= kResidentPositions)) {
      positions += rows[t];
      r.rows[r.steps++] = rows[t++];
    }
    int error;
    if constexpr (sizeof(T) == sizeof(__half)) {
      error = t > few
                  ? launch_resident(machine, plan, r, static_cast<int>(positions), gates, stream)
                  : launch_steps(machine, r, stream);
    } else {
      error = launch_steps(machine, r, stream);
    }
    if (error != cudaSuccess) {
      return error;
    }
    for (Direction<T>& d : r.directions) {
      if (d.input_rows) {
        d.input_rows += positions;
      } else {
        d.input += positions * r.projection;
      }
      d.output += positions * r.projection;
    }
  }
  return cudaSuccess;
}

}  // namespace
}  // namespace elmo4j

int64_t elmo4j_cuda_lstm_workspace(int type, int64_t cells, int64_t projection, int64_t sentences,
                                   int64_t positions) {
  return elmo4j::parts(type, cells, projection, sentences, positions).size;
}

int elmo4j_cuda_lstm(int type, int products, int64_t cells, int64_t projection,
                     const void* const* kernel_x, const void* const* kernel_h,
                     const float* const* bias, const void* const* projector, float cell_clip,
                     float projection_clip, int skip, int64_t sentences, int64_t steps,
                     const int32_t* rows, int64_t positions, const void* const* input,
                     const int32_t* const* input_rows, void* const* h, float* const* c,
                     void* const* output, void* workspace, elmo4j_stream stream) {
  using namespace elmo4j;
  Machine machine = {};
  const int error = find_machine(products, &machine);
  if (error != cudaSuccess) {
    return error;
  }
  return for_type(type, [&](auto zero) -> int {
    using T = decltype(zero);
    const Workspace at = parts(type, cells, projection, sentences, positions);
    char* memory = static_cast<char*>(workspace);
    Recurrence<T> r = {};
    for (int d = 0; d < 2; d++) {
      r.directions[d] = {static_cast<const T*>(kernel_x[d]),
                         static_cast<const T*>(kernel_h[d]),
                         bias[d],
                         static_cast<const T*>(projector[d]),
                         static_cast<const T*>(input[d]),
                         input_rows ? input_rows[d] : nullptr,
                         static_cast<T*>(h[d]),
                         c[d],
                         static_cast<T*>(output[d]),
                         reinterpret_cast<T*>(memory + at.m[d])};
    }
    r.cells = static_cast<int>(cells);
    r.projection = static_cast<int>(projection);
    r.cell_clip = cell_clip;
    r.projection_clip = projection_clip;
    r.skip = skip;
    r.arrived = reinterpret_cast<unsigned*>(memory + at.arrived[0]);
    float* const gates[2] = {reinterpret_cast<float*>(memory + at.gates[0]),
                             reinterpret_cast<float*>(memory + at.gates[1])};
    return lstm(machine, r, rows, steps, gates, stream);
  });
}
