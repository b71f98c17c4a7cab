// By AVX512-VNNI, which sums four products of bytes in one step, and by AVX2, which multiplies
// their 16-bit forms: both are exact, as AVX2's own product of bytes is not.
#include <immintrin.h>

#include <cstring>

#include "backends/cpu/integer_panels.h"

namespace temper::cpu {
namespace {

// Up to four bytes; what is missing is 0.
inline std::int32_t some_bytes(const std::uint8_t* from, std::int64_t count) {
  std::uint32_t bytes = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    bytes |= static_cast<std::uint32_t>(from[i]) << (8 * i);
  }
  return static_cast<std::int32_t>(bytes);
}

inline std::int32_t four_bytes(const std::uint8_t* from) {
  std::int32_t bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

template <int kVectors, int kRows>
[[gnu::target("avx512f,avx512bw,avx512vnni")]] void vnni512(const IntegerTile& t,
                                                            std::int32_t* sums) {
  __m512i acc[kRows][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      acc[r][v] = _mm512_setzero_si512();
    }
  }
  const std::int8_t* panel = t.panel;
  const std::int64_t whole = t.depth / kIntegerDepth * kIntegerDepth, rest = t.depth - whole;
  for (std::int64_t p = 0; p < t.piece_count; ++p) {
    const std::uint8_t* rows[kRows];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      rows[r] = t.pieces[p * t.piece_step + r];
    }
    for (std::int64_t k = 0; k < whole; k += kIntegerDepth, panel += 64 * kVectors) {
      __m512i b[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        b[v] = _mm512_loadu_si512(panel + 64 * v);
      }
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        const __m512i a = _mm512_set1_epi32(four_bytes(rows[r] + k));
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          acc[r][v] = _mm512_dpbusd_epi32(acc[r][v], a, b[v]);
        }
      }
    }
    if (rest > 0) {
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        const __m512i a = _mm512_set1_epi32(some_bytes(rows[r] + whole, rest));
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          acc[r][v] = _mm512_dpbusd_epi32(acc[r][v], a, _mm512_loadu_si512(panel + 64 * v));
        }
      }
      panel += 64 * kVectors;
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      _mm512_storeu_si512(sums + (r * kVectors + v) * kIntegerLanes, acc[r][v]);
    }
  }
}

// Four columns of a vector: products of neighbours in 16 bits, summed in pairs.
template <int kRows>
[[gnu::target("avx2")]] inline void add_products(const __m256i* a, const std::int8_t* panel,
                                                 __m256i (&acc)[kRows][4]) {
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    const __m256i b =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(panel + 16 * v)));
#pragma GCC unroll 2
    for (int r = 0; r < kRows; ++r) {
      acc[r][v] = _mm256_add_epi32(acc[r][v], _mm256_madd_epi16(a[r], b));
    }
  }
}

[[gnu::target("avx2")]] inline __m256i widened(std::int32_t bytes) {
  return _mm256_broadcastq_epi64(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(bytes)));
}

template <int kVectors, int kRows>
[[gnu::target("avx2")]] void words256(const IntegerTile& t, std::int32_t* sums) {
  const std::int64_t whole = t.depth / kIntegerDepth * kIntegerDepth, rest = t.depth - whole;
  for (int column = 0; column < kVectors; ++column) {
    __m256i acc[kRows][4];
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < 4; ++v) {
        acc[r][v] = _mm256_setzero_si256();
      }
    }
    const std::int8_t* panel = t.panel + 64 * column;
    __m256i a[kRows];
    for (std::int64_t p = 0; p < t.piece_count; ++p) {
      const std::uint8_t* const* rows = t.pieces + p * t.piece_step;
      for (std::int64_t k = 0; k < whole; k += kIntegerDepth, panel += 64 * kVectors) {
#pragma GCC unroll 2
        for (int r = 0; r < kRows; ++r) {
          a[r] = widened(four_bytes(rows[r] + k));
        }
        add_products<kRows>(a, panel, acc);
      }
      if (rest > 0) {
        for (int r = 0; r < kRows; ++r) {
          a[r] = widened(some_bytes(rows[r] + whole, rest));
        }
        add_products<kRows>(a, panel, acc);
        panel += 64 * kVectors;
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int half = 0; half < 2; ++half) {
        // Of columns 0, 1, 4, 5, 2, 3, 6, 7.
        const __m256i pairs = _mm256_hadd_epi32(acc[r][2 * half], acc[r][2 * half + 1]);
        const __m256i ordered = _mm256_permute4x64_epi64(pairs, 0xd8);
        _mm256_storeu_si256(
            reinterpret_cast<__m256i*>(sums + (r * kVectors + column) * kIntegerLanes + 8 * half),
            ordered);
      }
    }
  }
}

constexpr IntegerKernels kVnni512{{vnni512<1, 12>, vnni512<2, 12>, vnni512<3, 8>, vnni512<4, 6>},
                                  {vnni512<1, 1>, vnni512<2, 1>, vnni512<3, 1>, vnni512<4, 1>},
                                  {12, 12, 8, 6},
                                  "avx512_vnni"};
constexpr IntegerKernels kWords256{{words256<1, 2>, words256<2, 2>, words256<3, 2>, words256<4, 2>},
                                   {words256<1, 1>, words256<2, 1>, words256<3, 1>, words256<4, 1>},
                                   {2, 2, 2, 2},
                                   "avx2"};

constexpr const IntegerKernels* kBoth[] = {&kVnni512, &kWords256};

}  // namespace

std::span<const IntegerKernels* const> integer_kernels_here() {
  const bool has_words = __builtin_cpu_supports("avx2") != 0;
  const bool has_vnni = has_words && __builtin_cpu_supports("avx512f") != 0 &&
                        __builtin_cpu_supports("avx512bw") != 0 &&
                        __builtin_cpu_supports("avx512vnni") != 0;
  const std::span<const IntegerKernels* const> all(kBoth);
  return has_vnni ? all : has_words ? all.subspan(1) : all.subspan(2);
}

}  // namespace temper::cpu
