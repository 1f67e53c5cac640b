// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Layers of the biLM, both directions, all time steps (kernels.h). There are two ways, and this
// file chooses between them, divides the workspace and launches.
//
// lstm_steps (lstm_steps.cuh) takes any number of rows and either type. One cooperative launch runs
// all steps of up to four layers, each layer one step behind the layer before: in iteration s layer
// l runs step s - l. An iteration has two rounds of products over all layers and directions, with a
// grid barrier after each. The first computes the gates of [x_t; h]; its epilogue has a cell's four
// gates in registers, updates c and stores m, so gates are never written to memory. The second
// computes the projection of m; its epilogue clips, stores h, adds the skip connection and stores
// the output, which the next layer reads one iteration later. h and c of a sentence that has ended
// are not changed.
//
// lstm_resident (lstm_resident.cuh) takes halves and up to 16 rows, if the weights fit. It keeps
// the recurrent and projection weights in shared memory; before it, lstm_input_gates multiplies x
// of all steps. It takes over at the step from which a batch has few rows, and runs one layer after
// the other: only one direction of one layer of the published model fits.
//
// With many rows the limit is the bandwidth of L2, and then the tensor cores. With few rows it is
// reading the weights from memory, and two grid barriers per step. kernels/DESIGN.md derives both.
// It also says which products use wgmma, why no write is missed, and why several launches cannot
// deadlock.

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "elmo4j/kernels.h"
#include "lstm_plan.h"
#include "lstm_resident.cuh"
#include "lstm_steps.cuh"

namespace elmo4j {
namespace {

// The offsets of the parts of the workspace, in bytes.
struct Workspace {
  int64_t arrived[2];  // the barriers' counters come first, each on its own cache line
  int64_t m[kMaxLayers][2];
  int64_t gates[2];
  int64_t sums;
  int64_t size;
};
constexpr int64_t kCounters = 256;

Workspace workspace_of(const elmo4j_lstm& lstm, int64_t layers, int64_t sentences,
                       int64_t positions) {
  const int64_t cells = lstm.x.columns, projection = lstm.x.depth;
  const bool half = lstm.x.type == ELMO4J_F16;
  const int64_t m =
      round_up(sentences * round_up(cells, kPackedMultiple) * (half ? 2 : 4), kCounters);
  const int64_t gates = half && may_be_resident(cells, projection)
                            ? std::min<int64_t>(positions, kResidentPositions) * 4 * cells * 4
                            : 0;
  Workspace at = {};
  at.size = kCounters;
  const auto take = [&](int64_t bytes) { return std::exchange(at.size, at.size + bytes); };
  const int64_t at_once = std::min<int64_t>(layers, kMaxLayers);
  for (int64_t l = 0; l < at_once; l++) {
    for (int64_t& begin : at.m[l]) {
      begin = take(m);
    }
  }
  for (int d = 0; d < 2; d++) {
    at.arrived[d] = d * kCounters / 2;
    at.gates[d] = take(gates);
  }
  if (half && lstm.x.isa == ELMO4J_WGMMA_SPLIT) {
    // Sized for the largest device. Fewer multiprocessors never need more parts.
    const Split split = projection_split(sentences, cells, projection, kMostMultiprocessors);
    at.sums = take(at_once * 2 * split.parts * sentences * round_up(projection, kPackedMultiple) *
                   sizeof(float));
  }
  return at;
}

bool is_aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

// Launches steps with any number of rows.
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
      std::max(tiles<Gates>(r.rows[0], gates), tiles<Projection>(r.rows[0], projections) *
                                                   (kWay == kWgmmaSplit ? r.split.parts : 1));
  return launch_cooperative(kernel, dim3(std::min<int64_t>(blocks, useful)), dim3(kThreads), shared,
                            stream, r);
}

template <Way kWay>
int launch_input_gates(const Machine& machine, const InputGates& p, elmo4j_stream stream) {
  using Gates = typename Tiles<__half, kWay>::Gates;
  return launch(lstm_input_gates<kWay>, dim3(tiles<Gates>(p.positions, 4 * p.cells)),
                dim3(kThreads), Gates::shared_bytes(machine.capability), stream, p);
}

// Launches steps with few rows, of one layer.
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

// The arguments of a call of elmo4j_cuda_lstm.
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

// A range of steps that all layers run, `at_once` layers in a launch.
struct Part {
  int64_t first, end;  // steps
  int at_once;
  bool resident;  // then at_once is 1
};

// Runs `part.at_once` layers of a part. `r` has the sizes; `position` is the part's first row in
// packed order.
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
              : call.way == kWgmmaSplit ? launch_steps<kWgmmaSplit>(call.machine, r, call.stream)
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
  // The number of rows never grows. Returns the step from which on it is at most `most`.
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
  return elmo4j::workspace_of(*lstm, layers, sentences, positions).size;
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
    const int64_t sentences = batch->batch.sentences;
    const Workspace at = workspace_of(*lstm, layers, sentences, batch->positions);
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
    Recurrence<T> r = {};
    if (machine.wgmma) {
      const int isa = lstm->x.isa;
      if (isa != ELMO4J_WGMMA_GATES &&
          is_wide_projection(sentences, lstm->x.depth, machine.multiprocessors)) {
        call.way = isa == ELMO4J_WGMMA_EARLY ? kWgmmaEarly : kWgmmaProjection;
      } else if (isa == ELMO4J_WGMMA_SPLIT && sentences >= kSplitRows) {
        call.way = kWgmmaSplit;
        r.split =
            projection_split(sentences, lstm->x.columns, lstm->x.depth, machine.multiprocessors);
        r.sums = reinterpret_cast<float*>(memory + at.sums);
      } else {
        call.way = kWgmmaGates;
      }
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
    r.cells = static_cast<int>(lstm->x.columns);
    r.projection = static_cast<int>(lstm->x.depth);
    r.cell_clip = lstm->cell_clip;
    r.projection_clip = lstm->projection_clip;
    r.arrived = reinterpret_cast<unsigned*>(memory + at.arrived[0]);
    return elmo4j::lstm(call, r);
  });
}
