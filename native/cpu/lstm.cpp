// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Computes one layer and direction of the biLM for all time steps (kernels.h).
//
// Each row and step takes 2 * (2P * 4D + D * P) operations: 37.7 million for the original model's P
// = 512 and D = 4096. From about 16 rows on, arithmetic is the bound. With fewer rows it is the
// reading of weights: 75 MB for each step, or 42 MB if the input's half of the gates is computed
// for many steps at once.
//
// The gates are never stored: product() passes the four gates of a cell to a function, and only c
// and m are stored. The outer loop runs over the panels of weights and the inner loop
// over the rows, so that a step reads each weight from memory once.

#include "elmo4j/kernels.h"
#include "isa.h"
#include "product.h"

namespace elmo4j {
namespace ELMO4J_ISA {
namespace {

// When this many rows or fewer are left, the input's half of the gates is computed for about
// kAheadRows positions at once and stored. Reading the weights again for each step would cost more
// than storing.
constexpr int64_t kFewRows = 20;
constexpr int64_t kAheadRows = 96;
constexpr int64_t kAheadSize = kAheadRows + kFewRows;  // [panels, kAheadSize, kPanel] floats

// The offset of each part of the scratch memory, in floats.
struct Scratch {
  int64_t m, x, h, m_rows, ahead, product, size;
};

template <class W>
Scratch scratch_parts(int64_t sentences, int64_t cells, int64_t projection) {
  const int64_t rows = std::max(sentences, kAheadSize);
  const int64_t gate_panels = panels(cells, 4);
  Scratch at;
  at.m = 0;
  at.x = at.m + round_up(sentences * cells, 16);
  at.h = at.x + round_up(rows * kFloatsPerPointer, 16);
  at.m_rows = at.h + round_up(sentences * kFloatsPerPointer, 16);
  at.ahead = at.m_rows + round_up(sentences * kFloatsPerPointer, 16);
  at.product = at.ahead + gate_panels * kAheadSize * kPanel;
  at.size =
      at.product + std::max(product_scratch<W>(rows, 2 * round_up(projection, 32), gate_panels),
                            product_scratch<W>(sentences, cells, panels(projection, 1)));
  return at;
}

// The rows of a call. With `length` they are sentences sorted by falling length, each read from its
// first or from its last position. Without it they are rows at any addresses, `count` steps each.
// One type for both, so that the products are compiled once.
struct Rows {
  int64_t sentences, count, projection;
  const int32_t* start;
  const int32_t* length;
  int backward;
  const float* input;
  const int32_t* input_rows;
  float* output;
  const float* const* inputs;
  float* const* outputs;

  int64_t steps() const { return length ? length[0] : count; }
  int64_t length_of(int64_t r) const { return length ? length[r] : count; }
  int64_t position(int64_t r, int64_t t) const {
    return backward ? start[r] + length[r] - 1 - t : start[r] + t;
  }
  const float* in(int64_t r, int64_t t) const {
    if (!length) {
      return inputs[t * sentences + r];
    }
    const int64_t p = position(r, t);
    return input + (input_rows ? input_rows[p] : p) * projection;
  }
  float* out(int64_t r, int64_t t) const {
    return length ? output + position(r, t) * projection : outputs[t * sentences + r];
  }
};

template <class W>
void run(const elmo4j_lstm& lstm, const Rows& all, float* h, float* c, float* scratch,
         WorkSharing* sharing) {
  constexpr bool kShort = !std::is_same_v<W, float>;
  const int64_t projection = lstm.x.depth;
  const int64_t cells = lstm.x.columns;
  const W* kernel_x = static_cast<const W*>(lstm.x.weights);
  const W* kernel_h = static_cast<const W*>(lstm.h.weights);
  const W* projector = static_cast<const W*>(lstm.projector.weights);
  const float* bias = lstm.x.bias;
  const int64_t sentences = all.sentences;
  const Scratch at = scratch_parts<W>(sentences, cells, projection);
  float* m = scratch + at.m;
  const float** x = reinterpret_cast<const float**>(scratch + at.x);
  const float** h_rows = reinterpret_cast<const float**>(scratch + at.h);
  const float** m_rows = reinterpret_cast<const float**>(scratch + at.m_rows);
  float* ahead = scratch + at.ahead;
  const int64_t gate_panels = panels(cells, 4);
  const bool skip = lstm.skip;
  const float cell_clip = lstm.cell_clip;
  const float projection_clip = lstm.projection_clip;
  const Vec cell_bound = splat(cell_clip);
  const Vec projection_bound = splat(projection_clip);

  for (int64_t r = 0; r < sentences; r++) {
    h_rows[r] = h + r * projection;
    m_rows[r] = m + r * cells;
  }
  const auto bias_of = [&](int64_t, int64_t p, Vec* v) {
    for (int j = 0; j < 4; j++) {
      v[j] = load(bias + p * kPanel + j * kLanes);
    }
  };
  const auto cell = [&](int64_t r, int64_t p, Vec* v) {
    const int64_t first = p * kLanes;
    float* c_row = c + r * cells + first;
    const Vec before = load(c_row, cells - first);
    Vec state =
        kShort ? cell_state_short(v[0], v[1], v[2], before) : cell_state(v[0], v[1], v[2], before);
    if (cell_clip > 0) {
      state = clip(state, cell_bound);
    }
    store(c_row, state, cells - first);
    store(m + r * cells + first, kShort ? cell_output_short(v[3], state) : cell_output(v[3], state),
          cells - first);
  };

  int64_t rows = sentences;  // rows at this step
  int64_t ahead_until = 0;   // `ahead` has the input's half of the steps before this one
  int64_t ahead_row = 0;     // the first row of this step in `ahead`
  for (int64_t t = 0; t < all.steps(); t++) {
    while (all.length_of(rows - 1) <= t) {
      rows--;
    }
    const Operand<W> recurrent = {h_rows, projection, kernel_h};
    if (rows <= kFewRows) {
      if (t >= ahead_until) {
        ahead_until = t;
        int64_t count = 0;
        int64_t alive = rows;
        while (ahead_until < all.steps() && count < kAheadRows) {
          while (all.length_of(alive - 1) <= ahead_until) {
            alive--;
          }
          for (int64_t r = 0; r < alive; r++) {
            x[count++] = all.in(r, ahead_until);
          }
          ahead_until++;
        }
        const Operand<W> inputs = {x, projection, kernel_x};
        product(
            count, &inputs, 1, gate_panels, scratch + at.product, bias_of,
            [&](int64_t r, int64_t p, Vec* v) {
              for (int j = 0; j < 4; j++) {
                store(ahead + (p * kAheadSize + r) * kPanel + j * kLanes, v[j]);
              }
            },
            sharing);
        ahead_row = 0;
      }
      product(
          rows, &recurrent, 1, gate_panels, scratch + at.product,
          [&](int64_t r, int64_t p, Vec* v) {
            // The gates of the next panel are prefetched too, since it would otherwise start by
            // waiting for memory.
            const float* gates = ahead + (p * kAheadSize + ahead_row + r) * kPanel;
            for (int j = 0; j < 4; j++) {
              v[j] = load(gates + j * kLanes);
              __builtin_prefetch(gates + kAheadSize * kPanel + j * kLanes, 0, 2);
            }
            __builtin_prefetch(c + r * cells + (p + 1) * kLanes, 0, 2);
          },
          cell, sharing);
      ahead_row += rows;
    } else {
      for (int64_t r = 0; r < rows; r++) {
        x[r] = all.in(r, t);
      }
      const Operand<W> both[2] = {{x, projection, kernel_x}, recurrent};
      product(rows, both, 2, gate_panels, scratch + at.product, bias_of, cell, sharing);
    }

    const Operand<W> cells_out = {m_rows, cells, projector};
    product(
        rows, &cells_out, 1, panels(projection, 1), scratch + at.product,
        [](int64_t, int64_t, Vec* v) { v[0] = v[1] = v[2] = v[3] = Vec{}; },
        [&](int64_t r, int64_t p, Vec* v) {
          const float* in = all.in(r, t);
          float* out = all.out(r, t);
          for (int j = 0; j < 4; j++) {
            const int64_t column = p * kPanel + j * kLanes;
            const int64_t left = projection - column;
            if (left <= 0) {
              return;
            }
            const Vec y = projection_clip > 0 ? clip(v[j], projection_bound) : v[j];
            store(h + r * projection + column, y, left);
            store(out + column, skip ? y + load(in + column, left) : y, left);
          }
        },
        sharing);
  }
}

}  // namespace

int64_t lstm_scratch(const elmo4j_lstm* lstm, int64_t sentences) {
  ELMO4J_FOR_TYPE(lstm->x.type,
                  scratch_parts<Weight>(sentences, lstm->x.columns, lstm->x.depth).size);
}

void lstm(const elmo4j_lstm* lstm, const elmo4j_batch* batch, const float* input,
          const int32_t* input_rows, float* h, float* c, float* output, float* scratch) {
  Rows all = {};
  all.sentences = batch->sentences;
  all.projection = lstm->x.depth;
  all.start = batch->start;
  all.length = batch->length;
  all.backward = lstm->backward;
  all.input = input;
  all.input_rows = input_rows;
  all.output = output;
  ELMO4J_FOR_TYPE(lstm->x.type, run<Weight>(*lstm, all, h, c, scratch, nullptr));
}

void lstm_steps(const elmo4j_lstm* lstm, int64_t sentences, int64_t steps,
                const float* const* input, float* h, float* c, float* const* output, float* scratch,
                void* sharing) {
  Rows all = {};
  all.sentences = sentences;
  all.count = steps;
  all.inputs = input;
  all.outputs = output;
  ELMO4J_FOR_TYPE(lstm->x.type,
                  run<Weight>(*lstm, all, h, c, scratch, static_cast<WorkSharing*>(sharing)));
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j
