// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// Twins of instructions: functions with the same results as an instruction (Intel's Software
// Developer's Manual, volume 2), for processors with AVX2 and FMA. The compiler reads this file
// before an unchanged kernel file (-include), which then uses its path for these instructions. This
// tests the path's packing, tiles, remainders and order of additions on any machine.
//
// ELMO4J_TWIN_AVXVNNI has VPDPBUSD of AVX-VNNI. ELMO4J_TWIN_AMX has AMX's tiles, and the
// instructions of AVX-512 that the AMX kernels use.

#ifndef ELMO4J_TESTS_NATIVE_TWINS_INSTRUCTIONS_H_
#define ELMO4J_TESTS_NATIVE_TWINS_INSTRUCTIONS_H_

#include <immintrin.h>
#include <stdint.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace elmo4j {
namespace twins {

// Returns the same bits as another type. The twins convert vectors to arrays and back: they are
// slow, but short.
template <class To, class From>
inline To bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From), "all bits and no others");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

// Adds the products of four unsigned and four signed bytes. The sum wraps around.
inline uint32_t dot_bytes(uint32_t sum, const uint8_t* a, const int8_t* b) {
  for (int i = 0; i < 4; i++) {
    sum += static_cast<uint32_t>(a[i] * b[i]);
  }
  return sum;
}

template <class V>
inline V dpbusd(V sum, V a, V b) {
  uint32_t sums[sizeof(V) / 4];
  uint8_t left[sizeof(V)];
  int8_t right[sizeof(V)];
  std::memcpy(sums, &sum, sizeof sum);
  std::memcpy(left, &a, sizeof a);
  std::memcpy(right, &b, sizeof b);
  for (size_t i = 0; i < sizeof(V) / 4; i++) {
    sums[i] = dot_bytes(sums[i], left + 4 * i, right + 4 * i);
  }
  std::memcpy(&sum, sums, sizeof sum);
  return sum;
}

inline float of_bf16(uint16_t x) { return bits<float>(static_cast<uint32_t>(x) << 16); }

// The bfloat16 instructions treat denormal numbers as zero.
inline float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? 0 * x : x; }

// Rounds to nearest, ties to even.
inline uint16_t to_bf16(float x) {
  const uint32_t b = bits<uint32_t>(flushed(x));
  if (std::isnan(x)) {
    return static_cast<uint16_t>(b >> 16 | 0x40);
  }
  return static_cast<uint16_t>((b + 0x7fff + (b >> 16 & 1)) >> 16);
}

inline float fused(float a, float b, float c) {
  return flushed(std::fma(flushed(a), flushed(b), c));
}

#if defined(ELMO4J_TWIN_AMX)

inline __m512 fmadd(__m512 a, __m512 b, __m512 c) {
  float x[16], y[16], z[16];
  std::memcpy(x, &a, sizeof x);
  std::memcpy(y, &b, sizeof y);
  std::memcpy(z, &c, sizeof z);
  for (int i = 0; i < 16; i += 8) {
    _mm256_storeu_ps(z + i, _mm256_fmadd_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i),
                                            _mm256_loadu_ps(z + i)));
  }
  return bits<__m512>(z);
}

inline __m512i set1(int32_t x) {
  int32_t all[16];
  for (int32_t& lane : all) {
    lane = x;
  }
  return bits<__m512i>(all);
}

inline __m512i loadu(const void* p) {
  __m512i v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline __m256bh cvtneps(__m512 x) {
  float from[16];
  uint16_t to[16];
  std::memcpy(from, &x, sizeof from);
  for (int i = 0; i < 16; i++) {
    to[i] = to_bf16(from[i]);
  }
  return bits<__m256bh>(to);
}

// Adds the product of the odd numbers of a pair before that of the even ones.
inline __m512 dpbf16(__m512 sum, __m512bh a, __m512bh b) {
  float sums[16];
  uint16_t left[32], right[32];
  std::memcpy(sums, &sum, sizeof sums);
  std::memcpy(left, &a, sizeof left);
  std::memcpy(right, &b, sizeof right);
  for (int i = 0; i < 16; i++) {
    sums[i] = fused(of_bf16(left[2 * i + 1]), of_bf16(right[2 * i + 1]), flushed(sums[i]));
    sums[i] = fused(of_bf16(left[2 * i]), of_bf16(right[2 * i]), sums[i]);
  }
  return bits<__m512>(sums);
}

// The tiles of a thread, each [rows, 64 bytes] as configured. Errors that would raise an exception
// end the process.
class Tiles {
 public:
  static Tiles& here() {
    static thread_local Tiles tiles;
    return tiles;
  }

  void configure(const void* from) {
    std::memcpy(&config_, from, sizeof config_);
    check(config_.palette == 1 && config_.start_row == 0, "palette");
    for (int t = 0; t < kCount; t++) {
      check(config_.row_bytes[t] <= 64 && config_.rows[t] <= 16, "size of a tile");
      zero(t);
    }
  }

  void release() { config_ = {}; }

  void zero(int t) {
    check(config_.palette == 1, "tiles before they are configured");
    std::memset(tiles_[t], 0, sizeof tiles_[t]);
  }

  void load(int t, const void* base, int64_t stride) {
    zero(t);
    for (int r = 0; r < config_.rows[t]; r++) {
      std::memcpy(tiles_[t][r], static_cast<const char*>(base) + r * stride, config_.row_bytes[t]);
    }
  }

  void save(int t, void* base, int64_t stride) const {
    check(config_.palette == 1, "tiles before they are configured");
    for (int r = 0; r < config_.rows[t]; r++) {
      std::memcpy(static_cast<char*>(base) + r * stride, tiles_[t][r], config_.row_bytes[t]);
    }
  }

  // Adds to each number of `sum` the result of `element` for a row of a and a column of b.
  template <class Number, class Element>
  void multiply(int sum, int a, int b, Element element) {
    check(config_.palette == 1 && sum != a && sum != b && a != b, "three tiles");
    check(config_.rows[sum] == config_.rows[a] && config_.row_bytes[sum] == config_.row_bytes[b] &&
              config_.row_bytes[a] == 4 * config_.rows[b],
          "sizes that fit");
    for (int m = 0; m < config_.rows[sum]; m++) {
      for (int n = 0; n < config_.row_bytes[sum] / 4; n++) {
        Number number;
        std::memcpy(&number, tiles_[sum][m] + 4 * n, sizeof number);
        number = element(number, config_.rows[b], tiles_[a][m], &tiles_[b][0][4 * n]);
        std::memcpy(tiles_[sum][m] + 4 * n, &number, sizeof number);
      }
    }
  }

  void dpbusd(int sum, int a, int b) {
    multiply<uint32_t>(sum, a, b,
                       [](uint32_t s, int depth, const unsigned char* x, const unsigned char* y) {
                         for (int k = 0; k < depth; k++) {
                           s = dot_bytes(s, x + 4 * k, reinterpret_cast<const int8_t*>(y + 64 * k));
                         }
                         return s;
                       });
  }

  // The even and the odd numbers of pairs have separate sums, which are added at the end.
  void dpbf16ps(int sum, int a, int b) {
    multiply<float>(sum, a, b,
                    [](float s, int depth, const unsigned char* x, const unsigned char* y) {
                      float even = 0, odd = 0;
                      for (int k = 0; k < depth; k++) {
                        uint16_t left[2], right[2];
                        std::memcpy(left, x + 4 * k, sizeof left);
                        std::memcpy(right, y + 64 * k, sizeof right);
                        even = fused(of_bf16(left[0]), of_bf16(right[0]), even);
                        odd = fused(of_bf16(left[1]), of_bf16(right[1]), odd);
                      }
                      return flushed(flushed(s) + flushed(even + odd));
                    });
  }

 private:
  static constexpr int kCount = 8;

  struct Config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  };

  static void check(bool holds, const char* what) {
    if (!holds) {
      std::fprintf(stderr, "AMX's twin: expected %s\n", what);
      std::abort();
    }
  }

  Config config_ = {};
  unsigned char tiles_[kCount][16][64] = {};
};

#endif  // AMX

}  // namespace twins
}  // namespace elmo4j

#if defined(ELMO4J_TWIN_AVXVNNI)
#define __AVXVNNI__ 1
#define _mm256_dpbusd_avx_epi32 elmo4j::twins::dpbusd<__m256i>
#endif

#if defined(ELMO4J_TWIN_AMX)
#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbusd
#undef _tile_dpbf16ps
#define __AVX512F__ 1
#define __AVX512VNNI__ 1
#define __AVX512BF16__ 1
#define __AMX_TILE__ 1
#define __AMX_BF16__ 1
#define __AMX_INT8__ 1
#define _mm512_fmadd_ps elmo4j::twins::fmadd
#define _mm512_set1_epi32 elmo4j::twins::set1
#define _mm512_loadu_si512 elmo4j::twins::loadu
#define _mm512_cvtneps_pbh elmo4j::twins::cvtneps
#define _mm512_dpbf16_ps elmo4j::twins::dpbf16
#define _mm512_dpbusd_epi32 elmo4j::twins::dpbusd<__m512i>
#define _tile_loadconfig elmo4j::twins::Tiles::here().configure
#define _tile_release elmo4j::twins::Tiles::here().release
#define _tile_loadd elmo4j::twins::Tiles::here().load
#define _tile_stored elmo4j::twins::Tiles::here().save
#define _tile_dpbusd elmo4j::twins::Tiles::here().dpbusd
#define _tile_dpbf16ps elmo4j::twins::Tiles::here().dpbf16ps
#endif

#endif  // ELMO4J_TESTS_NATIVE_TWINS_INSTRUCTIONS_H_
