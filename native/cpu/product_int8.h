// SPDX-FileCopyrightText: 2026 The elmo4j authors
// SPDX-License-Identifier: Apache-2.0
//
// The part of the product (product.h) for 8-bit weights. Each row of the left-hand side is
// quantised when the product is called. Sums of integers are exact. A result is
//
//   before + (row's scale * column's scale) * sum of integers,
//
// where the second term is added for each operand. Each operation rounds once, so a result depends
// only on its row, and has the same bits on all instruction sets.
//
// VNNI multiplies four numbers that are neighbours in depth at once, unsigned by signed. The
// numbers of rows are therefore stored with 128 added, and the sum of each column begins with a
// number that cancels the excess (`begins`). AMX tiles take the same numbers. Arm's dot products
// take four signed numbers. Other instruction sets widen both sides to 16 bits and multiply two at
// once.

#ifndef ELMO4J_CPU_PRODUCT_INT8_H_
#define ELMO4J_CPU_PRODUCT_INT8_H_

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace elmo4j {
namespace ELMO4J_ISA {

// For each instruction set:
// - Quantised: the type of the numbers of a quantised row
// - Weights8: kPair neighbours in depth of each column of a strip, ready to be multiplied
// - load: reads Weights8
// - spread: copies kPair numbers of a row, which take 32 bits, to every lane
// - dot: adds the products of kPair numbers to the sum in each lane
#if defined(__AVX512VNNI__)
using Quantised = uint8_t;
using Weights8 = __m512i;
ELMO4J_INLINE Weights8 load(const Int8* p) { return _mm512_loadu_si512(p); }
ELMO4J_INLINE Weights8 spread(int32_t pair) { return _mm512_set1_epi32(pair); }
ELMO4J_INLINE IntVec dot(IntVec sum, Weights8 x, Weights8 w) {
  return (IntVec)_mm512_dpbusd_epi32((__m512i)sum, x, w);
}
#elif defined(__AVXVNNI__)
using Quantised = uint8_t;
using Weights8 = __m256i;
ELMO4J_INLINE Weights8 load(const Int8* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
ELMO4J_INLINE Weights8 spread(int32_t pair) { return _mm256_set1_epi32(pair); }
ELMO4J_INLINE IntVec dot(IntVec sum, Weights8 x, Weights8 w) {
  return (IntVec)_mm256_dpbusd_avx_epi32((__m256i)sum, x, w);
}
#elif defined(__AVX512F__)
using Quantised = int16_t;
using Weights8 = __m512i;
ELMO4J_INLINE Weights8 load(const Int8* p) {
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
ELMO4J_INLINE Weights8 spread(int32_t pair) { return _mm512_set1_epi32(pair); }
ELMO4J_INLINE IntVec dot(IntVec sum, Weights8 x, Weights8 w) {
  return sum + (IntVec)_mm512_madd_epi16(x, w);
}
#elif defined(__AVX2__)
using Quantised = int16_t;
using Weights8 = __m256i;
ELMO4J_INLINE Weights8 load(const Int8* p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
ELMO4J_INLINE Weights8 spread(int32_t pair) { return _mm256_set1_epi32(pair); }
ELMO4J_INLINE IntVec dot(IntVec sum, Weights8 x, Weights8 w) {
  return sum + (IntVec)_mm256_madd_epi16(x, w);
}
#elif defined(__SSE2__)
using Quantised = int16_t;
using Weights8 = __m128i;
ELMO4J_INLINE Weights8 load(const Int8* p) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
}
ELMO4J_INLINE Weights8 spread(int32_t pair) { return _mm_set1_epi32(pair); }
ELMO4J_INLINE IntVec dot(IntVec sum, Weights8 x, Weights8 w) {
  return sum + (IntVec)_mm_madd_epi16(x, w);
}
#elif defined(__ARM_FEATURE_DOTPROD)
using Quantised = int8_t;
using Weights8 = int8x16_t;
ELMO4J_INLINE Weights8 load(const Int8* p) { return vld1q_s8(&p->value); }
ELMO4J_INLINE Weights8 spread(int32_t pair) { return vreinterpretq_s8_s32(vdupq_n_s32(pair)); }
ELMO4J_INLINE IntVec dot(IntVec sum, Weights8 x, Weights8 w) {
  return (IntVec)vdotq_s32((int32x4_t)sum, x, w);
}
#elif defined(__aarch64__)
using Quantised = int16_t;
using Weights8 = int16x8_t;
ELMO4J_INLINE Weights8 load(const Int8* p) { return vmovl_s8(vld1_s8(&p->value)); }
ELMO4J_INLINE Weights8 spread(int32_t pair) { return vreinterpretq_s16_s32(vdupq_n_s32(pair)); }
ELMO4J_INLINE IntVec dot(IntVec sum, Weights8 x, Weights8 w) {
  const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(w));
  return sum + (IntVec)vpaddq_s32(low, vmull_high_s16(x, w));
}
#else
using Quantised = int16_t;
struct Weights8 {
  IntVec first, second;
};
ELMO4J_INLINE Weights8 load(const Int8* p) {
  Weights8 w;
  for (int64_t lane = 0; lane < kLanes; lane++) {
    w.first[lane] = p[2 * lane].value;
    w.second[lane] = p[2 * lane + 1].value;
  }
  return w;
}
ELMO4J_INLINE Weights8 spread(int32_t pair) {
  int16_t numbers[2];
  std::memcpy(numbers, &pair, sizeof pair);
  return {numbers[0] - IntVec{}, numbers[1] - IntVec{}};
}
ELMO4J_INLINE IntVec dot(IntVec sum, const Weights8& x, const Weights8& w) {
  return sum + x.first * w.first + x.second * w.second;
}
#endif

constexpr int64_t kPair8 = Packing<Int8>::kPair;
static_assert(kPair8 * sizeof(Quantised) == 4, "a pair is spread as 32 bits");
constexpr int32_t kOffset = std::is_same_v<Quantised, uint8_t> ? 128 : 0;  // added to rows' numbers
constexpr int64_t kDepth8 = 4;  // depth is padded to a multiple of this
constexpr int64_t kTileRows = 16;

// The size of the panels. After them a packed matrix has, for all columns, the scales and then the
// integers that the sums begin with.
inline int64_t panel_bytes(int64_t depth, int64_t panel_count) {
  return panel_count * kPanel * Packing<Int8>::depth(depth);
}
inline int64_t packed_size_int8(int64_t depth, int64_t panel_count) {
  return panel_bytes(depth, panel_count) +
         panel_count * kPanel * int64_t{sizeof(float) + sizeof(int32_t)};
}

// Returns the scale of a column whose weights have at most this magnitude. Its last 8 bits are
// zero, so that the product of a quantised weight and its scale is exactly a float. Quantising
// those products again gives the same integers and the same scale.
inline float weight_scale(float most) {
  if (most < 1e-30f) {
    return 0;
  }
  const float scale = most / 127;
  uint32_t bits;
  std::memcpy(&bits, &scale, sizeof bits);
  bits = (bits + 0xff) & 0xffffff00u;
  float rounded;
  std::memcpy(&rounded, &bits, sizeof bits);
  return rounded;
}

// An Operand whose rows are quantised, in scratch memory. A row begins `stride` numbers after the
// one before it. kOffset was added to the numbers.
struct QuantisedOperand {
  using Weight = Int8;
  using Row = const Quantised*;

  const Quantised* rows;
  int64_t stride;
  const float* row_scales;
  int64_t depth;  // padded
  const Int8* packed;
  const float* scales;
  const int32_t* begins;

  Row row(int64_t r) const { return rows + r * stride; }
};

// Quantises a row and returns its scale. The result is padded to whole vectors, as if the row were
// padded with zeros.
inline float quantise(const float* row, int64_t depth, Quantised* to) {
  Vec most_of = {};
  for (int64_t k = 0; k < depth; k += kLanes) {
    const Vec x = load(row + k, depth - k);
    most_of = max(max(x, -x), most_of);
  }
  float most = 0;
  for (int64_t lane = 0; lane < kLanes; lane++) {
    most = std::max(most, most_of[lane]);
  }
  // For smaller rows 127 / most could be infinite.
  const float inverse = most < 1e-30f ? 0 : 127 / most;
  typedef Quantised Narrow __attribute__((vector_size(kLanes * sizeof(Quantised))));
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  for (int64_t k = 0; k < depth; k += kLanes) {
    const Vec rounded = fma(load(row + k, depth - k), splat(inverse), splat(kRound + kOffset));
    IntVec bits;
    std::memcpy(&bits, &rounded, sizeof bits);
    const Narrow narrow = __builtin_convertvector(bits, Narrow);  // the lower bits
    std::memcpy(to + k, &narrow, sizeof narrow);
  }
  return most < 1e-30f ? 0 : most / 127;
}

inline int64_t quantised_stride(int64_t depth) { return round_up(depth, 64); }

// The floats of scratch memory for the quantised rows of at most two operands, whose depths have
// the sum `depth`.
inline int64_t quantised_scratch(int64_t rows, int64_t depth) {
  return round_up(rows, kTileRows) * (quantised_stride(depth) + 64) * int64_t{sizeof(Quantised)} /
             4 +
         2 * round_up(rows, 16);
}

// Quantises the rows of all operands. Returns the scratch memory that is left.
inline float* quantise_operands(int64_t rows, const Operand<Int8>* operands, int operand_count,
                                int64_t panel_count, float* scratch, QuantisedOperand* quantised) {
  for (int i = 0; i < operand_count; i++) {
    const Operand<Int8>& from = operands[i];
    const int64_t stride = quantised_stride(from.depth);
    float* row_scales = scratch;
    Quantised* to = reinterpret_cast<Quantised*>(scratch + round_up(rows, 16));
    for (int64_t r = 0; r < rows; r++) {
      row_scales[r] = quantise(from.rows[r], from.depth, to + r * stride);
    }
    const float* scales =
        reinterpret_cast<const float*>(from.packed + panel_bytes(from.depth, panel_count));
    quantised[i] = {to,
                    stride,
                    row_scales,
                    Packing<Int8>::depth(from.depth),
                    from.packed,
                    scales,
                    reinterpret_cast<const int32_t*>(scales + panel_count * kPanel)};
    scratch +=
        round_up(rows, 16) + round_up(rows, kTileRows) * stride * int64_t{sizeof(Quantised)} / 4;
  }
  return scratch;
}

ELMO4J_INLINE int32_t pair_at(const Quantised* row) {
  int32_t bits;
  std::memcpy(&bits, row, sizeof bits);
  return bits;
}

ELMO4J_INLINE IntVec load(const int32_t* p) {
  IntVec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// sums += scale * integers.
ELMO4J_INLINE Vec scaled(IntVec integers, float row_scale, Vec scales, Vec sums) {
  return fma(__builtin_convertvector(integers, Vec), row_scale * scales, sums);
}

template <int R, bool kFetch>
ELMO4J_INLINE void accumulate(const Quantised* const* a, int64_t depth, const Int8* weights,
                              int64_t strip, const char* soon, IntVec (*acc)[4]) {
  for (int64_t k = 0; k < depth; k += kDepth8) {
    fetch<kFetch>(soon);
#pragma GCC unroll 2
    for (int64_t pair = 0; pair < kDepth8; pair += kPair8) {
      const Weights8 b[4] = {load(weights), load(weights + strip), load(weights + 2 * strip),
                             load(weights + 3 * strip)};
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) {
        const Weights8 x = spread(pair_at(a[r] + k + pair));
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
          acc[r][j] = dot(acc[r][j], x, b[j]);
        }
      }
      weights += kPair8 * kLanes;
    }
  }
}

// Adds the part of one operand to a tile. The sums of floats are in memory before and after, since
// the registers hold sums of integers.
template <int R>
ELMO4J_ONCE void add(const QuantisedOperand& operand, int64_t row, int64_t panel, int64_t quarter,
                     Vec (*sums)[4]) {
  const Quantised* a[R];
  for (int r = 0; r < R; r++) {
    a[r] = operand.row(row + r);
  }
  const int64_t strip = operand.depth * kLanes;
  const Int8* weights = operand.packed + panel * 4 * strip;
  IntVec acc[R][4];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
      acc[r][j] = load(operand.begins + panel * kPanel + j * kLanes);
    }
  }
  if (quarter < 0) {
    accumulate<R, false>(a, operand.depth, weights, strip, nullptr, acc);
  } else {
    const char* soon = reinterpret_cast<const char*>(weights + (4 + quarter) * strip);
    accumulate<R, true>(a, operand.depth, weights, strip, soon, acc);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const Vec scales = load(operand.scales + panel * kPanel + j * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      sums[r][j] = scaled(acc[r][j], operand.row_scales[row + r], scales, sums[r][j]);
    }
  }
}

// sums [R, kPanel] += left times a panel.
template <int R>
ELMO4J_ONCE void strips(const Quantised* left, const QuantisedOperand& operand, int64_t panel,
                        float* sums) {
  const int64_t depth = operand.depth;
  const int64_t strip_size = depth * kLanes;
  for (int64_t j = 0; j < 4; j++) {
    const Int8* strip = operand.packed + (panel * 4 + j) * strip_size;
    const int64_t at = panel * kPanel + j * kLanes;
    IntVec acc[R];
    for (int r = 0; r < R; r++) {
      acc[r] = load(operand.begins + at);
    }
    for (int64_t k = 0; k < depth; k += kPiece<Quantised>) {
      const Quantised* piece = left + k * R;
      const int64_t end = std::min(kPiece<Quantised>, depth - k);
      for (int64_t pair = 0; pair < end; pair += kPair8) {
        fetch_ahead(strip);
        const Weights8 b = load(strip);
#pragma GCC unroll 32
        for (int r = 0; r < R; r++) {
          acc[r] = dot(acc[r], spread(pair_at(piece + r * kPiece<Quantised> + pair)), b);
        }
        strip += kPair8 * kLanes;
      }
    }
    const Vec scales = load(operand.scales + at);
    for (int r = 0; r < R; r++) {
      float* sum = sums + r * kPanel + j * kLanes;
      store(sum, scaled(acc[r], operand.row_scales[r], scales, load(sum)));
    }
  }
}

}  // namespace ELMO4J_ISA
}  // namespace elmo4j

#endif  // ELMO4J_CPU_PRODUCT_INT8_H_
