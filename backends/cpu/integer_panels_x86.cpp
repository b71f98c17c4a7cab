// By AVX512-VNNI, which sums four products of bytes in one step, and by AVX2, which multiplies
// their 16-bit forms: both are exact, as AVX2's own product of bytes is not.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "backends/cpu/integer_finish_x86.h"
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
      acc[r][v] = _mm512_loadu_si512(t.start + 16 * v);
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
        const std::int64_t at = column * kIntegerLanes + 8 * half;
        const __m256i start = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(t.start + at));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + r * kVectors * kIntegerLanes + at),
                            _mm256_add_epi32(ordered, start));
      }
    }
  }
}

// Lanes of 16 bytes as a matrix of 4 by 4, turned.
[[gnu::target("avx512f"), gnu::always_inline]] inline void turn_lanes(__m512i (&a)[4]) {
  const __m512i low01 = _mm512_shuffle_i32x4(a[0], a[1], 0x44);
  const __m512i high01 = _mm512_shuffle_i32x4(a[0], a[1], 0xee);
  const __m512i low23 = _mm512_shuffle_i32x4(a[2], a[3], 0x44);
  const __m512i high23 = _mm512_shuffle_i32x4(a[2], a[3], 0xee);
  a[0] = _mm512_shuffle_i32x4(low01, low23, 0x88);
  a[1] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
  a[2] = _mm512_shuffle_i32x4(high01, high23, 0x88);
  a[3] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
}

// The bytes of four pieces, interleaved: four neighbours of each lane of 16 channels. kFours: of
// all pieces, whose weights then stay in registers; 0: any number.
template <int kFours>
[[gnu::target("avx512f,avx512bw,avx512vnni")]] void channels512(const ChannelTile& t,
                                                                std::int64_t places,
                                                                std::int32_t* sums) {
  const __mmask64 mask = t.width >= 64 ? ~0ull : (1ull << t.width) - 1;
  const std::int64_t fours = kFours > 0 ? kFours : (t.piece_count + 3) / 4;
  const std::int64_t last = t.piece_count - 1;
  __m512i weights[kFours > 0 ? 4 * kFours : 1];
  for (int i = 0; i < 4 * kFours; ++i) {
    weights[i] = _mm512_loadu_si512(t.panel + 64 * i);
  }
  for (std::int64_t place = 0; place < places; ++place, sums += kChannelPanel) {
    __m512i acc[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      acc[i] = _mm512_setzero_si512();
    }
#pragma GCC unroll 3
    for (std::int64_t four = 0; four < fours; ++four) {
      __m512i x[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {  // behind the last piece weights are 0
        const std::int64_t piece = std::min<std::int64_t>(4 * four + i, last);
        x[i] = _mm512_maskz_loadu_epi8(mask, t.pieces[piece * t.piece_step + place] + t.first);
      }
      const __m512i low01 = _mm512_unpacklo_epi8(x[0], x[1]);
      const __m512i high01 = _mm512_unpackhi_epi8(x[0], x[1]);
      const __m512i low23 = _mm512_unpacklo_epi8(x[2], x[3]);
      const __m512i high23 = _mm512_unpackhi_epi8(x[2], x[3]);
      const __m512i bytes[4] = {
          _mm512_unpacklo_epi16(low01, low23), _mm512_unpackhi_epi16(low01, low23),
          _mm512_unpacklo_epi16(high01, high23), _mm512_unpackhi_epi16(high01, high23)};
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const std::int64_t at = 4 * four + i;
        acc[i] = _mm512_dpbusd_epi32(
            acc[i], bytes[i], kFours > 0 ? weights[at] : _mm512_loadu_si512(t.panel + 64 * at));
      }
    }
    turn_lanes(acc);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m512i start = _mm512_loadu_si512(t.start + 16 * i);
      _mm512_storeu_si512(sums + 16 * i, _mm512_add_epi32(acc[i], start));
    }
  }
}

void channels_by_vnni512(const ChannelTile& t, std::int64_t places, std::int32_t* sums) {
  const auto kernel = t.piece_count <= 4    ? channels512<1>
                      : t.piece_count <= 8  ? channels512<2>
                      : t.piece_count <= 12 ? channels512<3>
                                            : channels512<0>;
  kernel(t, places, sums);
}

// 16 channels at a time.
[[gnu::target("avx2")]] void place256(const ChannelTile& t, std::int64_t place,
                                      std::int32_t* sums) {
  for (std::int64_t lane = 0; lane * 16 < t.width; ++lane) {
    __m256i acc[4];
    for (__m256i& a : acc) {
      a = _mm256_setzero_si256();
    }
    const std::int64_t width = std::min<std::int64_t>(16, t.width - lane * 16);
    const std::int8_t* panel = t.panel + 16 * lane;
    for (std::int64_t p = 0; p < t.piece_count; p += 4, panel += 256) {
      __m128i x[4];
      for (int i = 0; i < 4; ++i) {
        const std::int64_t piece = p + i < t.piece_count ? p + i : p;  // its weights are 0
        const std::uint8_t* from = t.pieces[piece * t.piece_step + place] + t.first + lane * 16;
        alignas(16) std::uint8_t some[16] = {};
        if (width < 16) {
          std::memcpy(some, from, static_cast<std::size_t>(width));
          from = some;
        }
        x[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      }
      const __m128i low01 = _mm_unpacklo_epi8(x[0], x[1]), high01 = _mm_unpackhi_epi8(x[0], x[1]);
      const __m128i low23 = _mm_unpacklo_epi8(x[2], x[3]), high23 = _mm_unpackhi_epi8(x[2], x[3]);
      const __m128i fours[4] = {_mm_unpacklo_epi16(low01, low23), _mm_unpackhi_epi16(low01, low23),
                                _mm_unpacklo_epi16(high01, high23),
                                _mm_unpackhi_epi16(high01, high23)};
      for (int i = 0; i < 4; ++i) {
        const __m256i w =
            _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(panel + 64 * i)));
        acc[i] = _mm256_add_epi32(acc[i], _mm256_madd_epi16(_mm256_cvtepu8_epi16(fours[i]), w));
      }
    }
    for (int i = 0; i < 4; ++i) {
      const __m128i low = _mm256_castsi256_si128(acc[i]);
      const __m128i pairs = _mm_hadd_epi32(low, _mm256_extracti128_si256(acc[i], 1));
      const std::int64_t at = lane * 16 + 4 * i;
      const __m128i start = _mm_loadu_si128(reinterpret_cast<const __m128i*>(t.start + at));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(sums + at), _mm_add_epi32(pairs, start));
    }
  }
}

void channels256(const ChannelTile& t, std::int64_t places, std::int32_t* sums) {
  for (std::int64_t place = 0; place < places; ++place) {
    place256(t, place, sums + place * kChannelPanel);
  }
}

constexpr IntegerKernels kVnni512{{vnni512<1, 12>, vnni512<2, 12>, vnni512<3, 8>, vnni512<4, 6>},
                                  {vnni512<1, 1>, vnni512<2, 1>, vnni512<3, 1>, vnni512<4, 1>},
                                  {12, 12, 8, 6},
                                  channels_by_vnni512,
                                  bytes_of_sums512,
                                  floats_of_sums512,
                                  "avx512_vnni"};
constexpr IntegerKernels kWords256{{words256<1, 2>, words256<2, 2>, words256<3, 2>, words256<4, 2>},
                                   {words256<1, 1>, words256<2, 1>, words256<3, 1>, words256<4, 1>},
                                   {2, 2, 2, 2},
                                   channels256,
                                   bytes_of_sums256,
                                   floats_of_sums256,
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
