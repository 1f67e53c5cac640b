// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The C ABI of the CPU kernels. Each call goes to the code for its instruction set.

#include <algorithm>
#include <iterator>
#include <new>

#include "elmo4j/kernels.h"
#include "isa.h"
#include "work_sharing.h"

#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__linux__) && defined(__aarch64__)
#include <sys/auxv.h>
#endif
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif

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

// Indexed by elmo4j_isa of this architecture.
const struct {
  const char* name;
  Kernels kernels;
} kIsas[] = {
    {"portable", ELMO4J_TABLE(portable)},
#if defined(__x86_64__)
    {"avx2", ELMO4J_TABLE(avx2)},
    {"avxvnni", ELMO4J_TABLE(avxvnni)},
    {"avx512", ELMO4J_TABLE(avx512)},
    {"avx512vnni", ELMO4J_TABLE(avx512vnni)},
    {"avx512bf16", ELMO4J_TABLE(avx512bf16)},
#if defined(__linux__)
    {"amx", ELMO4J_TABLE(amx)},
#endif
#elif defined(__aarch64__)
    {"neon", ELMO4J_TABLE(neon)},
    {"neonbf16", ELMO4J_TABLE(neonbf16)},
#endif
};

// The instruction set that the first argument of a kernel names.
template <class Struct>
int isa_of(const Struct* self) {
  return self->isa;
}
int isa_of(const elmo4j_lstm* self) { return self->x.isa; }

}  // namespace

#define ELMO4J_WRAPPER(result, name, parameters, arguments) \
  result elmo4j_cpu_##name parameters { return kIsas[isa_of(self)].kernels.name arguments; }
ELMO4J_KERNEL_LIST(ELMO4J_WRAPPER)

#if defined(__x86_64__)
namespace {

struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

// Returns zeros if the processor does not support the leaf.
Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  return __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d) ? r : Registers{};
}

// The registers that the operating system saves for each thread (XGETBV).
unsigned kept_registers() {
  unsigned low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

// Whether the processor has AVX2 and FMA, with `avx512` also AVX-512 F, DQ, BW and VL, and the
// operating system saves their registers.
bool has_avx(bool avx512) {
  const unsigned c = cpuid(1, 0).c, b = cpuid(7, 0).b;
  if (!(c & 1u << 27) || !(c & 1u << 12) || !(b & 1u << 5)) {
    return false;
  }
  const unsigned kept = kept_registers();
  if (!avx512) {
    return (kept & 0x6) == 0x6;
  }
#ifdef __APPLE__
  const bool kept512 = true;  // the bit is set from a thread's first use on, not before
#else
  const bool kept512 = (kept & 0xe6) == 0xe6;
#endif
  constexpr unsigned kBits = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
  return kept512 && (b & kBits) == kBits;
}

// AVX-VNNI in the processor (CPUID 7.1, EAX bit 4).
bool has_avxvnni() { return cpuid(7, 1).a & 1u << 4; }

// AVX512-VNNI in the processor (CPUID 7.0, ECX bit 11).
bool has_avx512vnni() { return cpuid(7, 0).c & 1u << 11; }

// AVX512-BF16 in the processor (CPUID 7.1, EAX bit 5).
bool has_avx512bf16() { return cpuid(7, 1).a & 1u << 5; }

// AMX-INT8, AMX-TILE and AMX-BF16 in the processor (CPUID 7.0, EDX bits 25, 24 and 22), and Linux's
// leave for this process to use the tiles (Documentation/arch/x86/xstate.rst).
bool has_amx() {
#ifdef __linux__
  constexpr unsigned kBits = 1u << 25 | 1u << 24 | 1u << 22;
  if ((cpuid(7, 0).d & kBits) != kBits) {
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

#if defined(__aarch64__)
namespace {

// The bfloat16 instructions of Armv8.6.
bool has_bf16() {
#if defined(__linux__)
  constexpr unsigned long kBf16 = 1ul << 14;         // HWCAP2_BF16
  constexpr unsigned long kDotProducts = 1ul << 20;  // HWCAP_ASIMDDP
  return getauxval(AT_HWCAP2) & kBf16 && getauxval(AT_HWCAP) & kDotProducts;
#elif defined(__APPLE__)
  int found = 0;
  size_t size = sizeof found;
  return sysctlbyname("hw.optional.arm.FEAT_BF16", &found, &size, nullptr, 0) == 0 && found;
#else
  return false;
#endif
}

}  // namespace
#endif

int elmo4j_cpu_has_isa(int isa) {
  switch (isa) {
    case ELMO4J_PORTABLE:
      return true;
#if defined(__x86_64__)
    case ELMO4J_AVX2:
      return has_avx(false);
    case ELMO4J_AVXVNNI:
      return has_avx(false) && has_avxvnni();
    case ELMO4J_AVX512:
      return has_avx(true);
    case ELMO4J_AVX512VNNI:
      return has_avx(true) && has_avx512vnni();
    case ELMO4J_AVX512BF16:
      return has_avx(true) && has_avx512vnni() && has_avx512bf16();
    case ELMO4J_AMX:
      return has_avx(true) && has_avx512vnni() && has_avx512bf16() && has_amx();
#elif defined(__aarch64__)
    case ELMO4J_NEON:
      return true;
    case ELMO4J_NEONBF16:
      return has_bf16();
#endif
    default:
      return false;
  }
}

int elmo4j_cpu_best_isa(void) {
  static const int best = [] {
    int isa = static_cast<int>(std::size(kIsas)) - 1;
    while (!elmo4j_cpu_has_isa(isa)) {
      isa--;
    }
    return isa;
  }();
  return best;
}

const char* elmo4j_cpu_isa_name(int isa) {
  return isa >= 0 && isa < static_cast<int>(std::size(kIsas)) ? kIsas[isa].name : nullptr;
}

void elmo4j_cpu_char_cnn_table(const float* embedding, int64_t ids, int64_t embedding_dim,
                               const float* kernel, int64_t width, int64_t filters, float* table) {
  // Sums in doubles, in which products of floats are exact, so that all processors give the same
  // bits.
  constexpr int64_t kBlock = 64;
  double sums[kBlock];
  for (int64_t tap = 0; tap < width; tap++) {
    const float* weights = kernel + tap * embedding_dim * filters;
    for (int64_t id = 0; id < ids; id++) {
      const float* character = embedding + id * embedding_dim;
      float* row = table + (tap * ids + id) * filters;
      for (int64_t first = 0; first < filters; first += kBlock) {
        const int64_t count = std::min(kBlock, filters - first);
        std::fill(sums, sums + count, 0.0);
        for (int64_t e = 0; e < embedding_dim; e++) {
          const double x = character[e];
          for (int64_t f = 0; f < count; f++) {
            sums[f] += x * weights[e * filters + first + f];
          }
        }
        std::copy(sums, sums + count, row + first);
      }
    }
  }
}

int64_t elmo4j_cpu_sharing_size(void) { return sizeof(elmo4j::WorkSharing); }

void elmo4j_cpu_sharing_begin(void* sharing) { new (sharing) elmo4j::WorkSharing; }

void elmo4j_cpu_sharing_help(void* sharing) { static_cast<elmo4j::WorkSharing*>(sharing)->help(); }

void elmo4j_cpu_sharing_end(void* sharing) { static_cast<elmo4j::WorkSharing*>(sharing)->end(); }
