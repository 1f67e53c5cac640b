// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// What each instruction set's build of the kernels offers to dispatch.cpp: the functions of
// kernels.h without their first argument.

#ifndef ELMO4J_CPU_ISA_H_
#define ELMO4J_CPU_ISA_H_

#include <stdint.h>

namespace elmo4j {
class Team;
}

#define ELMO4J_DECLARE_KERNELS(ISA)                                                                \
  namespace elmo4j {                                                                               \
  namespace ISA {                                                                                  \
  int64_t packed_size(int type, int64_t depth, int64_t columns, int groups);                       \
  void pack(int type, const float* weights, int64_t stride, int64_t depth, int64_t columns,        \
            int groups, int group, void* packed);                                                  \
  void char_cnn(int64_t words, const int16_t* ids, int64_t slots, int16_t pad, int64_t groups,     \
                const int32_t* widths, const int32_t* filters, int64_t table_ids,                  \
                const float* table, const float* bias, int activation, float* features);           \
  int64_t word_scratch(int type, int64_t rows, int64_t depth, int64_t columns, int groups);        \
  void highway(int type, int64_t rows, int64_t dim, const void* kernel, const float* bias,         \
               const float* x, float* y, float* scratch);                                          \
  void projection(int type, int64_t rows, int64_t depth, int64_t columns, const void* kernel,      \
                  const float* bias, const float* x, float* y, float* scratch);                    \
  int64_t lstm_scratch(int type, int64_t sentences, int64_t cells, int64_t projection);            \
  void lstm(int type, int64_t cells, int64_t projection, const void* kernel_x,                     \
            const void* kernel_h, const float* bias, const void* projector, float cell_clip,       \
            float projection_clip, int skip, int64_t sentences, const int32_t* start,              \
            const int32_t* length, int backward, const float* input, const int32_t* input_rows,    \
            float* h, float* c, float* output, float* scratch);                                    \
  void lstm_steps(int type, int64_t cells, int64_t projection, const void* kernel_x,               \
                  const void* kernel_h, const float* bias, const void* projector, float cell_clip, \
                  float projection_clip, int skip, int64_t sentences, int64_t steps,               \
                  const float* const* input, float* h, float* c, float* const* output,             \
                  float* scratch, Team* team);                                                     \
  void scalar_mix(int64_t dim, int halves, int64_t terms, const float* const* forward,             \
                  const float* const* backward, const int32_t* const* rows, const float* scale,    \
                  int64_t sentences, const int32_t* start, const int32_t* length,                  \
                  const int32_t* place, int skip_ends, int64_t max_length, int mean,               \
                  float* target);                                                                  \
  void scalar_mix_backward(int64_t dim, int halves, int64_t terms, const float* const* forward,    \
                           const float* const* backward, const int32_t* const* rows,               \
                           int64_t sentences, const int32_t* start, const int32_t* length,         \
                           const int32_t* place, int skip_ends, int64_t max_length, int mean,      \
                           const float* gradient, double* scale_gradient);                         \
  void scalar_mix_backward_layer(int64_t dim, int halves, const float* forward,                    \
                                 const float* backward, const int32_t* rows, float scale,          \
                                 float slope, float offset, int64_t sentences,                     \
                                 const int32_t* start, const int32_t* length,                      \
                                 const int32_t* place, int skip_ends, int64_t max_length,          \
                                 int mean, const float* gradient, float* to_forward,               \
                                 float* to_backward);                                              \
  void layer_moments(int64_t dim, int halves, const float* forward, const float* backward,         \
                     const int32_t* rows, int64_t positions, double* moments);                     \
  }                                                                                                \
  }

ELMO4J_DECLARE_KERNELS(portable)
ELMO4J_DECLARE_KERNELS(avx2)
ELMO4J_DECLARE_KERNELS(avx512)
ELMO4J_DECLARE_KERNELS(avx512bf16)
ELMO4J_DECLARE_KERNELS(amx)

#endif  // ELMO4J_CPU_ISA_H_
