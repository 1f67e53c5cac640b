// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The C ABI of the CPU kernels: each call goes to the build for its instruction set.

#include <cstdlib>
#include <cstring>
#include <new>

#include "elmo4j/kernels.h"
#include "isa.h"
#include "work_sharing.h"

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

namespace {

// The kernels of one instruction set.
struct Kernels {
#define ELMO4J_MEMBER(result, name, parameters, arguments) result(*name) parameters;
  ELMO4J_KERNEL_LIST(ELMO4J_MEMBER)
#undef ELMO4J_MEMBER
};

#define ELMO4J_ADDRESS(result, name, parameters, arguments) name,
#define ELMO4J_TABLE(isa)                               \
  [] {                                                  \
    using namespace elmo4j::isa;                        \
    return Kernels{ELMO4J_KERNEL_LIST(ELMO4J_ADDRESS)}; \
  }()

const Kernels kKernels[] = {
    ELMO4J_TABLE(portable),
#if defined(__x86_64__)
    ELMO4J_TABLE(avx2),       ELMO4J_TABLE(avx512), ELMO4J_TABLE(avx512vnni),
    ELMO4J_TABLE(avx512bf16), ELMO4J_TABLE(amx),
#endif
};

// Which instruction set a kernel's first argument names.
template <class Struct>
int isa_of(const Struct* self) {
  return self->isa;
}
int isa_of(const elmo4j_lstm* self) { return self->x.isa; }

}  // namespace

#define ELMO4J_WRAPPER(result, name, parameters, arguments) \
  result elmo4j_cpu_##name parameters { return kKernels[isa_of(self)].name arguments; }
ELMO4J_KERNEL_LIST(ELMO4J_WRAPPER)

#if defined(__x86_64__)
namespace {

// AVX512-BF16 in the processor (CPUID 7.1, EAX bit 5). All that have it have AVX512-VNNI.
bool has_avx512bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __builtin_cpu_supports("avx512vnni") && __get_cpuid_count(7, 1, &a, &b, &c, &d) &&
         a & 1u << 5;
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
    static const int best = !__builtin_cpu_supports("avx512vnni") ? ELMO4J_AVX512
                            : !has_avx512bf16()                   ? ELMO4J_AVX512VNNI
                            : has_amx()                           ? ELMO4J_AMX
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

int elmo4j_cpu_can_share(int isa, int type) {
  return isa == ELMO4J_PORTABLE ? type == ELMO4J_INT8 : isa != ELMO4J_AMX || type != ELMO4J_BF16;
}

int64_t elmo4j_cpu_sharing_size(void) { return sizeof(elmo4j::WorkSharing); }

void elmo4j_cpu_sharing_begin(void* sharing) { new (sharing) elmo4j::WorkSharing; }

void elmo4j_cpu_sharing_help(void* sharing) { static_cast<elmo4j::WorkSharing*>(sharing)->help(); }

void elmo4j_cpu_sharing_end(void* sharing) { static_cast<elmo4j::WorkSharing*>(sharing)->end(); }
