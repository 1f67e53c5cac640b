// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The recurrence for few sentences: the weights that multiply h and m stay in shared memory for all
// steps (lstm.cu says when and why). A block owns some cells, with all their gates, and some
// columns of the projection. In each step every block reads all of h, then all of m, from L2.
//
// The weights are the left side of mma and the few sentences its 8 columns, so that little of a
// tile is padding. The depth of a product may be in any order that is the same on both sides. So a
// lane reads 16 neighbouring bytes of each side, which are used for two mma instructions, and needs
// no ldmatrix.

#ifndef ELMO4J_KERNELS_LSTM_RESIDENT_CUH_
#define ELMO4J_KERNELS_LSTM_RESIDENT_CUH_

#include "lstm_plan.h"
#include "product.cuh"

namespace elmo4j {

struct ResidentDirection {
  const __half* kernel_h;
  const __half* projector;
  const float* input_gates;  // [rows of these steps, 4 * cells]: x W + b, packed columns
  const __half* input;       // as in lstm.cu's Direction, for the skip connection
  const int32_t* input_rows;
  __half* h;
  float* c;
  __half* output;
  __half* m;
  unsigned* arrived;  // of the direction's barrier
};

template <int kMaxSteps>
struct Resident {
  ResidentDirection directions[2];
  ResidentPlan plan;
  int first_direction;
  int cells, projection;
  float cell_clip, projection_clip;
  int skip;
  int steps;
  int32_t rows[kMaxSteps];
};

constexpr int kRowTiles = kResidentRows / 8;

// Returns the address of the 16 bytes from number k of a row on. Odd rows exchange the halves of
// each 64 numbers, so that chunks of neighbouring rows are in different banks.
__device__ inline const uint4* resident_at(const __half* weights, int row, int pitch, int k) {
  return reinterpret_cast<const uint4*>(weights + row * pitch + (k ^ (row % 2 * 32)));
}

// Copies rows of packed weights to shared memory. source_row(row) is the packed row, or -1 for
// zeros.
template <class SourceRow>
__device__ void load_resident(const __half* packed, int depth, int rows, __half* weights, int pitch,
                              const SourceRow& source_row) {
  const int chunks = depth / 8;
  for (int i = static_cast<int>(threadIdx.x); i < rows * chunks; i += kResidentThreads) {
    const int row = i / chunks;
    const int k = i % chunks * 8;
    const int64_t from = source_row(row);
    uint4 v = {};
    if (from >= 0) {
      v = *reinterpret_cast<const uint4*>(packed + from * depth + k);
    }
    *const_cast<uint4*>(resident_at(weights, row, pitch, k)) = v;
  }
}

// Adds to sums[r][i] the product of tile i, 16 rows of weights, with sentences 8 r to 8 r + 7. A
// warp takes 32 numbers in depth from 32 * part on, then the 32 numbers that are 32 * of further,
// and so on.
//   row(2 i), row(2 i + 1)  the rows of weights that are this lane's rows g and g + 8 of tile i,
//                           where g = lane / 4; -1 for zeros
template <int kTiles, class Row>
__device__ void resident_product(float (&sums)[kRowTiles][kTiles][4], const __half* weights,
                                 int pitch, const Row& row, const __half* right, int64_t stride,
                                 int depth, int rows, int part, int of) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int q = lane % 4 * 8;
  const uint4 zeros = {};
#pragma unroll 4
  for (int first = 32 * part; first < depth; first += 32 * of) {
    const int k = first + q;
    uint4 b[kRowTiles];
#pragma unroll
    for (int r = 0; r < kRowTiles; r++) {
      const int sentence = 8 * r + lane / 4;
      b[r] = zeros;
      if (sentence < rows) {
        b[r] = load_past_l1(reinterpret_cast<const uint4*>(right + sentence * stride + k));
      }
    }
#pragma unroll
    for (int i = 0; i < kTiles; i++) {
      const int low = row(2 * i);
      const int high = row(2 * i + 1);
      const uint4 x = low >= 0 ? *resident_at(weights, low, pitch, k) : zeros;
      const uint4 y = high >= 0 ? *resident_at(weights, high, pitch, k) : zeros;
      const uint32_t first[4] = {x.x, y.x, x.y, y.y};
      const uint32_t second[4] = {x.z, y.z, x.w, y.w};
#pragma unroll
      for (int r = 0; r < kRowTiles; r++) {
        if (8 * r < rows) {
          mma(sums[r][i], first, b[r].x, b[r].y);
          mma(sums[r][i], second, b[r].z, b[r].w);
        }
      }
    }
  }
}

// Returns the address where a warp stores number i of a lane's sums for other warps.
__device__ inline float* warp_sums(float* all, int warp, int i, int lane) {
  return all + (warp * kResidentRows + i) * kWarp + lane;
}

template <int kMaxSteps>
__global__ void __launch_bounds__(kResidentThreads, 1)
    lstm_resident(const __grid_constant__ Resident<kMaxSteps> p) {
  constexpr int kWarps = kResidentThreads / kWarp;
  const ResidentPlan& plan = p.plan;
  const int thread = static_cast<int>(threadIdx.x);
  const int warp = thread / kWarp;
  const int lane = thread % kWarp;
  const int block = static_cast<int>(blockIdx.x) % plan.blocks;
  const ResidentDirection& d =
      p.directions[p.first_direction + static_cast<int>(blockIdx.x) / plan.blocks];
  const int first_cell = block * plan.cells;
  const int first_column = block * plan.columns;
  const int gate_pitch = static_cast<int>(round_up(p.projection, 64));
  const int column_pitch = static_cast<int>(round_up(p.cells, 64));

  __half* gate_weights = shared_memory_as<__half>();                    // [gate][cell][projection]
  __half* column_weights = gate_weights + 4 * plan.cells * gate_pitch;  // [column][cells]
  float* sums = reinterpret_cast<float*>(column_weights + plan.columns * column_pitch);
  float* c = sums + kResidentThreads * kResidentRows;  // [sentence][cell]
  load_resident(d.kernel_h, p.projection, 4 * plan.cells, gate_weights, gate_pitch, [&](int row) {
    const int cell = first_cell + row % plan.cells;
    return cell < p.cells ? cell * int64_t{4} + row / plan.cells : -1;
  });
  load_resident(d.projector, p.cells, plan.columns, column_weights, column_pitch, [&](int row) {
    return first_column + row < p.projection ? int64_t{first_column} + row : -1;
  });

  // A thread updates one cell of every `apart`-th sentence.
  const int own_cell = thread % plan.cells;
  const int own_row = thread / plan.cells;
  const int apart = kResidentThreads / plan.cells;
  const bool has_cell = first_cell + own_cell < p.cells;
  constexpr int kMost = kResidentRows * 64 / kResidentThreads;  // sentences of a thread
  if (has_cell) {
    for (int row = own_row; row < p.rows[0]; row += apart) {
      c[row * plan.cells + own_cell] = d.c[row * int64_t{p.cells} + first_cell + own_cell];
    }
  }
  float4 x_gates[kMost];
  const auto fetch = [&](int64_t offset, int rows) {
#pragma unroll
    for (int i = 0; i < kMost; i++) {
      const int row = own_row + i * apart;
      if (has_cell && row < rows) {
        x_gates[i] = *reinterpret_cast<const float4*>(
            d.input_gates + ((offset + row) * p.cells + first_cell + own_cell) * 4);
      }
    }
  };
  fetch(0, p.rows[0]);
  __syncthreads();

  // A warp computes the gates of one group of 8 cells. If there are fewer groups than warps,
  // several warps share a group, and each takes a part of the depth.
  const int groups = plan.cells / 8;
  const int group = warp % groups;
  const int parts = kWarps / groups;
  unsigned barriers = 0;
  int64_t offset = 0;
  for (int t = 0; t < p.steps; t++) {
    const int rows = p.rows[t];
    {
      float own[kRowTiles][2][4] = {};
      resident_product(
          own, gate_weights, gate_pitch,
          [&](int gate) { return gate * plan.cells + group * 8 + lane / 4; }, d.h, p.projection,
          p.projection, rows, warp / groups, parts);
#pragma unroll
      for (int i = 0; i < kRowTiles * 8; i++) {
        *warp_sums(sums, warp, i, lane) = own[i / 8][i / 4 % 2][i % 4];
      }
    }
    __syncthreads();
    if (has_cell) {
#pragma unroll
      for (int i = 0; i < kMost; i++) {
        const int row = own_row + i * apart;
        if (row < rows) {
          // mma's layout: row 8 (gate % 2) + cell % 8 of tile gate / 2, column row % 8.
          float gates[4] = {x_gates[i].x, x_gates[i].y, x_gates[i].z, x_gates[i].w};
#pragma unroll
          for (int gate = 0; gate < 4; gate++) {
            for (int part = 0; part < parts; part++) {
              gates[gate] +=
                  *warp_sums(sums, part * groups + own_cell / 8, row / 8 * 8 + gate * 2 + row % 2,
                             own_cell % 8 * 4 + row % 8 / 2);
            }
          }
          float& state = c[row * plan.cells + own_cell];
          state = clip(sigmoid(gates[2] + 1.0f) * state + sigmoid(gates[0]) * tanh_of(gates[1]),
                       p.cell_clip);
          d.m[row * int64_t{p.cells} + first_cell + own_cell] =
              from_float<__half>(sigmoid(gates[3]) * tanh_of(state));
        }
      }
    }
    if (t + 1 < p.steps) {
      fetch(offset + rows, p.rows[t + 1]);  // loaded while the projection runs
    }
    // Thread i finishes column i % columns of sentence i / columns.
    const int column = thread % plan.columns;
    const int row = thread / plan.columns;
    const bool has_column = row < rows && first_column + column < p.projection;
    const int64_t position = offset + row;
    float x = 0;
    if (has_column && p.skip) {
      const int64_t input_row = d.input_rows ? d.input_rows[position] : position;
      x = to_float(d.input[input_row * p.projection + first_column + column]);
    }
    grid_barrier(d.arrived, plan.blocks, ++barriers);  // m is complete, and h is no longer read

    {
      float own[kRowTiles][1][4] = {};
      resident_product(
          own, column_weights, column_pitch,
          [&](int half) {
            const int of_block = 8 * half + lane / 4;
            return of_block < plan.columns ? of_block : -1;
          },
          d.m, p.cells, p.cells, rows, warp, kWarps);
#pragma unroll
      for (int i = 0; i < kRowTiles * 4; i++) {
        *warp_sums(sums, warp, i, lane) = own[i / 4][0][i % 4];
      }
    }
    __syncthreads();
    if (has_column) {
      float h = 0;
      for (int w = 0; w < kWarps; w++) {
        h += *warp_sums(sums, w, row / 8 * 4 + column / 8 * 2 + row % 2,
                        column % 8 * 4 + row % 8 / 2);
      }
      h = clip(h, p.projection_clip);
      d.h[row * int64_t{p.projection} + first_column + column] = from_float<__half>(h);
      d.output[position * p.projection + first_column + column] = from_float<__half>(h + x);
    }
    offset += rows;
    if (t + 1 < p.steps) {
      grid_barrier(d.arrived, plan.blocks, ++barriers);  // h is complete, and m is no longer read
    }
  }
  if (has_cell) {
    for (int own = own_row; own < p.rows[0]; own += apart) {
      d.c[own * int64_t{p.cells} + first_cell + own_cell] = c[own * plan.cells + own_cell];
    }
  }
}

}  // namespace elmo4j

#endif  // ELMO4J_KERNELS_LSTM_RESIDENT_CUH_
