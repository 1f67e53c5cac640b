// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The one list of kernels that are compiled for each instruction set. isa.h declares them from it,
// dispatch.cpp makes the table of instruction sets and the C functions elmo4j_cpu_NAME of
// kernels.h. A new kernel takes its declaration there, a line here, and a file.

#ifndef ELMO4J_CPU_KERNEL_LIST_H_
#define ELMO4J_CPU_KERNEL_LIST_H_

#include <stdint.h>

#include "elmo4j/kernels.h"

// X(result, name, (parameters), (arguments)). The first parameter, `self`, is a struct whose field
// `isa` chooses the instruction set.
#define ELMO4J_KERNEL_LIST(X)                                                                 \
  X(int64_t, packed_size, (const elmo4j_matrix* self), (self))                                \
  X(int64_t, packed_bias_size, (const elmo4j_matrix* self), (self))                           \
  X(void, pack, (const elmo4j_matrix* self, const float* weights, int64_t stride, int group), \
    (self, weights, stride, group))                                                           \
  X(void, pack_bias, (const elmo4j_matrix* self, const float* bias, int group),               \
    (self, bias, group))                                                                      \
  X(int64_t, peak, (const elmo4j_matrix* self, int64_t rounds), (self, rounds))               \
  X(int64_t, product_scratch, (const elmo4j_matrix* self, int64_t rows), (self, rows))        \
  X(void, highway,                                                                            \
    (const elmo4j_matrix* self, int64_t rows, const float* x, float* y, float* scratch),      \
    (self, rows, x, y, scratch))                                                              \
  X(void, projection,                                                                         \
    (const elmo4j_matrix* self, int64_t rows, const float* x, float* y, float* scratch),      \
    (self, rows, x, y, scratch))                                                              \
  X(void, char_cnn,                                                                           \
    (const elmo4j_char_cnn* self, int64_t words, const int16_t* ids, float* features),        \
    (self, words, ids, features))                                                             \
  X(int64_t, lstm_scratch, (const elmo4j_lstm* self, int64_t sentences), (self, sentences))   \
  X(void, lstm,                                                                               \
    (const elmo4j_lstm* self, const elmo4j_batch* batch, const float* input,                  \
     const int32_t* input_rows, float* h, float* c, float* output, float* scratch),           \
    (self, batch, input, input_rows, h, c, output, scratch))                                  \
  X(void, lstm_steps,                                                                         \
    (const elmo4j_lstm* self, int64_t sentences, int64_t steps, const float* const* input,    \
     float* h, float* c, float* const* output, float* scratch, void* sharing),                \
    (self, sentences, steps, input, h, c, output, scratch, sharing))                          \
  X(int, scalar_mix, (const elmo4j_sum* self, const elmo4j_batch* batch, float* target),      \
    (self, batch, target))                                                                    \
  X(void, scalar_mix_backward,                                                                \
    (const elmo4j_sum* self, const elmo4j_batch* batch, const float* gradient,                \
     double* scale_gradient),                                                                 \
    (self, batch, gradient, scale_gradient))                                                  \
  X(void, scalar_mix_backward_layer,                                                          \
    (const elmo4j_sum* self, const elmo4j_batch* batch, float slope, float offset,            \
     const float* gradient, float* to_forward, float* to_backward),                           \
    (self, batch, slope, offset, gradient, to_forward, to_backward))                          \
  X(void, layer_moments, (const elmo4j_sum* self, int64_t positions, double* moments),        \
    (self, positions, moments))

#endif  // ELMO4J_CPU_KERNEL_LIST_H_
