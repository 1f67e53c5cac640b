// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The C ABI of the CPU kernels: each call goes to the build for its instruction set.

#include <cstdlib>
#include <cstring>
#include <new>

#include "elmo4j/kernels.h"
#include "isa.h"
#include "team.h"

#ifdef __linux__
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif

extern "C" {
void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                 const float* a, int lda, const float* b, int ldb, float beta, float* c, int ldc);
char* openblas_get_config(void);
void openblas_set_num_threads(int threads);
}

#if defined(__x86_64__)
#define ELMO4J_DISPATCH(isa, call)     \
  switch (isa) {                       \
    case ELMO4J_AMX:                   \
      return elmo4j::amx::call;        \
    case ELMO4J_AVX512BF16:            \
      return elmo4j::avx512bf16::call; \
    case ELMO4J_AVX512:                \
      return elmo4j::avx512::call;     \
    case ELMO4J_AVX2:                  \
      return elmo4j::avx2::call;       \
    default:                           \
      return elmo4j::portable::call;   \
  }
#else
#define ELMO4J_DISPATCH(isa, call) \
  (void)isa;                       \
  return elmo4j::portable::call;
#endif

#if defined(__x86_64__)
namespace {

// AVX512-BF16 in the processor (CPUID 7.1, EAX bit 5).
bool has_avx512bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && a & 1u << 5;
}

// AMX-TILE and AMX-BF16 in the processor (CPUID 7.0, EDX bits 24 and 22), and Linux's leave for
// this process to use the tiles (Documentation/arch/x86/xstate.rst).
bool has_amx() {
#ifdef __linux__
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & 1u << 24) || !(d & 1u << 22)) {
    return false;
  }
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace
#endif

int elmo4j_cpu_best_isa(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    static const int best = !has_avx512bf16() ? ELMO4J_AVX512
                            : has_amx()       ? ELMO4J_AMX
                                              : ELMO4J_AVX512BF16;
    return best;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return ELMO4J_AVX2;
  }
#endif
  return ELMO4J_PORTABLE;
}

const char* elmo4j_openblas_config(void) { return openblas_get_config(); }

void elmo4j_openblas_single_thread(void) { openblas_set_num_threads(1); }

void* elmo4j_alloc(int64_t bytes) {
  constexpr int64_t kHugePage = int64_t{1} << 21;
  if (bytes < 4 * kHugePage) {
    return std::aligned_alloc(64, (bytes + 63) / 64 * 64 + (bytes == 0 ? 64 : 0));
  }
  void* memory = std::aligned_alloc(kHugePage, (bytes + kHugePage - 1) / kHugePage * kHugePage);
#ifdef __linux__
  if (memory) {
    madvise(memory, bytes, MADV_HUGEPAGE);
  }
#endif
  return memory;
}

void elmo4j_free(void* memory) { std::free(memory); }

void* elmo4j_map(const char* folder, int64_t bytes) {
#ifdef __linux__
  std::string name = std::string(folder) + "/elmo4j-XXXXXX";
  const int file = mkostemp(&name[0], O_CLOEXEC);
  if (file < 0) {
    return nullptr;
  }
  unlink(name.c_str());
  // Space that were missing only when it is written to would end the process.
  void* memory = MAP_FAILED;
  if (posix_fallocate(file, 0, bytes) == 0) {
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  close(file);
  return memory == MAP_FAILED ? nullptr : memory;
#else
  (void)folder;
  return elmo4j_alloc(bytes);
#endif
}

void elmo4j_unmap(void* memory, int64_t bytes) {
#ifdef __linux__
  munmap(memory, bytes);
#else
  (void)bytes;
  elmo4j_free(memory);
#endif
}

int64_t elmo4j_cpu_packed_size(int isa, int type, int64_t depth, int64_t columns, int groups) {
  ELMO4J_DISPATCH(isa, packed_size(type, depth, columns, groups));
}

void elmo4j_cpu_pack(int isa, int type, const float* weights, int64_t stride, int64_t depth,
                     int64_t columns, int groups, int group, void* packed) {
  ELMO4J_DISPATCH(isa, pack(type, weights, stride, depth, columns, groups, group, packed));
}

void elmo4j_cpu_char_cnn_table(const float* embedding, int64_t ids, int64_t embedding_dim,
                               const float* kernel, int64_t width, int64_t filters, float* table) {
  constexpr int kRowMajor = 101;
  constexpr int kNoTranspose = 111;
  const int m = static_cast<int>(ids);
  const int n = static_cast<int>(filters);
  const int k = static_cast<int>(embedding_dim);
  for (int64_t tap = 0; tap < width; tap++) {
    cblas_sgemm(kRowMajor, kNoTranspose, kNoTranspose, m, n, k, 1.0f, embedding, k,
                kernel + tap * embedding_dim * filters, n, 0.0f, table + tap * ids * filters, n);
  }
}

void elmo4j_cpu_char_cnn(int isa, int64_t words, const int16_t* ids, int64_t slots, int16_t pad,
                         int64_t groups, const int32_t* widths, const int32_t* filters,
                         int64_t table_ids, const float* table, const float* bias, int activation,
                         float* features) {
  ELMO4J_DISPATCH(isa, char_cnn(words, ids, slots, pad, groups, widths, filters, table_ids, table,
                                bias, activation, features));
}

int64_t elmo4j_cpu_product_scratch(int isa, int type, int64_t rows, int64_t depth, int64_t columns,
                                   int groups) {
  ELMO4J_DISPATCH(isa, word_scratch(type, rows, depth, columns, groups));
}

void elmo4j_cpu_highway(int isa, int type, int64_t rows, int64_t dim, const void* kernel,
                        const float* bias, const float* x, float* y, float* scratch) {
  ELMO4J_DISPATCH(isa, highway(type, rows, dim, kernel, bias, x, y, scratch));
}

void elmo4j_cpu_projection(int isa, int type, int64_t rows, int64_t depth, int64_t columns,
                           const void* kernel, const float* bias, const float* x, float* y,
                           float* scratch) {
  ELMO4J_DISPATCH(isa, projection(type, rows, depth, columns, kernel, bias, x, y, scratch));
}

int64_t elmo4j_cpu_lstm_scratch(int isa, int type, int64_t sentences, int64_t cells,
                                int64_t projection) {
  ELMO4J_DISPATCH(isa, lstm_scratch(type, sentences, cells, projection));
}

void elmo4j_cpu_lstm(int isa, int type, int64_t cells, int64_t projection, const void* kernel_x,
                     const void* kernel_h, const float* bias, const void* projector,
                     float cell_clip, float projection_clip, int skip, int64_t sentences,
                     const int32_t* start, const int32_t* length, int backward, const float* input,
                     const int32_t* input_rows, float* h, float* c, float* output, float* scratch) {
  ELMO4J_DISPATCH(isa, lstm(type, cells, projection, kernel_x, kernel_h, bias, projector, cell_clip,
                            projection_clip, skip, sentences, start, length, backward, input,
                            input_rows, h, c, output, scratch));
}

void elmo4j_cpu_lstm_steps(int isa, int type, int64_t cells, int64_t projection,
                           const void* kernel_x, const void* kernel_h, const float* bias,
                           const void* projector, float cell_clip, float projection_clip, int skip,
                           int64_t sentences, int64_t steps, const float* const* input, float* h,
                           float* c, float* const* output, float* scratch, void* team) {
  ELMO4J_DISPATCH(isa, lstm_steps(type, cells, projection, kernel_x, kernel_h, bias, projector,
                                  cell_clip, projection_clip, skip, sentences, steps, input, h, c,
                                  output, scratch, static_cast<elmo4j::Team*>(team)));
}

int elmo4j_cpu_can_share(int isa, int type) {
  return isa != ELMO4J_PORTABLE && (isa != ELMO4J_AMX || type != ELMO4J_BF16);
}

int64_t elmo4j_cpu_team_size(void) { return sizeof(elmo4j::Team); }

void elmo4j_cpu_team_begin(void* team) { new (team) elmo4j::Team; }

void elmo4j_cpu_team_help(void* team) { static_cast<elmo4j::Team*>(team)->help(); }

void elmo4j_cpu_team_end(void* team) { static_cast<elmo4j::Team*>(team)->end(); }

void elmo4j_cpu_scalar_mix(int isa, int64_t dim, int halves, int64_t terms,
                           const float* const* forward, const float* const* backward,
                           const int32_t* const* rows, const float* scale, int64_t sentences,
                           const int32_t* start, const int32_t* length, const int32_t* place,
                           int skip_ends, int64_t max_length, int mean, float* target) {
  ELMO4J_DISPATCH(isa, scalar_mix(dim, halves, terms, forward, backward, rows, scale, sentences,
                                  start, length, place, skip_ends, max_length, mean, target));
}

void elmo4j_cpu_scalar_mix_backward(int isa, int64_t dim, int halves, int64_t terms,
                                    const float* const* forward, const float* const* backward,
                                    const int32_t* const* rows, int64_t sentences,
                                    const int32_t* start, const int32_t* length,
                                    const int32_t* place, int skip_ends, int64_t max_length,
                                    int mean, const float* gradient, double* scale_gradient) {
  ELMO4J_DISPATCH(isa, scalar_mix_backward(dim, halves, terms, forward, backward, rows, sentences,
                                           start, length, place, skip_ends, max_length, mean,
                                           gradient, scale_gradient));
}

void elmo4j_cpu_scalar_mix_backward_layer(int isa, int64_t dim, int halves, const float* forward,
                                          const float* backward, const int32_t* rows, float scale,
                                          float slope, float offset, int64_t sentences,
                                          const int32_t* start, const int32_t* length,
                                          const int32_t* place, int skip_ends, int64_t max_length,
                                          int mean, const float* gradient, float* to_forward,
                                          float* to_backward) {
  ELMO4J_DISPATCH(
      isa, scalar_mix_backward_layer(dim, halves, forward, backward, rows, scale, slope, offset,
                                     sentences, start, length, place, skip_ends, max_length, mean,
                                     gradient, to_forward, to_backward));
}

void elmo4j_cpu_layer_moments(int isa, int64_t dim, int halves, const float* forward,
                              const float* backward, const int32_t* rows, int64_t positions,
                              double* moments) {
  ELMO4J_DISPATCH(isa, layer_moments(dim, halves, forward, backward, rows, positions, moments));
}
