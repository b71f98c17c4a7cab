// Sums of products of bytes to floats or bytes again, in registers of AVX-512 and AVX2.
#include "backends/cpu/integer_finish_x86.h"

#include <immintrin.h>

#include <algorithm>

#include "backends/cpu/nearest_integer.h"

namespace temper::cpu {
namespace {

// What is made of 16 sums.
struct Finish512 {
  __m512 factor, addend;

  [[gnu::target("avx512f"), gnu::always_inline]] inline void read(const IntegerFinish& f,
                                                                  std::int64_t j, __mmask16 mask) {
    factor = _mm512_maskz_loadu_ps(mask, f.factor + j);
    addend = _mm512_maskz_loadu_ps(mask, f.addend + j);
  }
  [[gnu::target("avx512f"), gnu::always_inline]] inline __m512 of(const std::int32_t* sums,
                                                                  __m512 low, __m512 high) const {
    const __m512 v = _mm512_cvtepi32_ps(_mm512_loadu_si512(sums));
    const __m512 y = _mm512_add_ps(_mm512_mul_ps(v, factor), addend);
    return _mm512_min_ps(_mm512_max_ps(y, low), high);
  }
};

__mmask16 lanes_of(std::int64_t left) {
  return static_cast<__mmask16>(left >= 16 ? 0xffff : (1 << left) - 1);
}

// 64 columns of u8, stored at once. What is below 0 or above 255 is cut off when bytes are packed;
// the upper bound is kept all the same, for numbers that are too large for an integer.
template <bool kHasLow>
[[gnu::target("avx512f,avx512bw")]] void whole_bytes512(const FinishedTile& t,
                                                        const IntegerFinish& f) {
  const __m512 low = _mm512_set1_ps(f.low), high = _mm512_set1_ps(f.high);
  const __m512i zero = _mm512_set1_epi32(f.zero);
  const __m512i order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
  __m512 factor[4], addend[4];
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    factor[v] = _mm512_loadu_ps(f.factor + 16 * v);
    addend[v] = _mm512_loadu_ps(f.addend + 16 * v);
  }
  const std::int32_t* sums = t.sums;
  auto* y = static_cast<std::uint8_t*>(t.y);
  const std::int64_t rows = t.rows, sum_step = t.sum_step, y_step = t.y_step;
  for (std::int64_t r = 0; r < rows; ++r, sums += sum_step, y += y_step) {
    __m512i steps[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const __m512 sum = _mm512_cvtepi32_ps(_mm512_loadu_si512(sums + 16 * v));
      __m512 number = _mm512_add_ps(_mm512_mul_ps(sum, factor[v]), addend[v]);
      if constexpr (kHasLow) {
        number = _mm512_max_ps(number, low);
      }
      number = _mm512_min_ps(number, high);
      steps[v] = _mm512_add_epi32(_mm512_cvtps_epi32(number), zero);
    }
    const __m512i packed = _mm512_packus_epi16(_mm512_packs_epi32(steps[0], steps[1]),
                                               _mm512_packs_epi32(steps[2], steps[3]));
    _mm512_storeu_si512(y, _mm512_permutexvar_epi32(order, packed));
  }
}

[[gnu::target("avx2"), gnu::always_inline]] inline float finished(const FinishedTile& t,
                                                                  const IntegerFinish& f,
                                                                  std::int64_t r, std::int64_t j) {
  const float v = static_cast<float>(t.sums[r * t.sum_step + j]);
  const float y = v * f.factor[j] + f.addend[j];
  return std::min(std::max(y, f.low), f.high);
}

[[gnu::target("avx2"), gnu::always_inline]] inline __m256 finished8(const FinishedTile& t,
                                                                    const IntegerFinish& f,
                                                                    std::int64_t r,
                                                                    std::int64_t j) {
  const auto* sums = reinterpret_cast<const __m256i*>(t.sums + r * t.sum_step + j);
  const __m256 v = _mm256_cvtepi32_ps(_mm256_loadu_si256(sums));
  const __m256 y =
      _mm256_add_ps(_mm256_mul_ps(v, _mm256_loadu_ps(f.factor + j)), _mm256_loadu_ps(f.addend + j));
  return _mm256_min_ps(_mm256_max_ps(y, _mm256_set1_ps(f.low)), _mm256_set1_ps(f.high));
}

}  // namespace

// Column by column of 16.
[[gnu::target("avx512f,avx512bw")]] void bytes_of_sums512(const FinishedTile& t,
                                                          const IntegerFinish& f) {
  if (t.width == 64 && f.high + static_cast<float>(f.zero) > 127) {  // of u8
    return f.low > static_cast<float>(-f.zero) ? whole_bytes512<true>(t, f)
                                               : whole_bytes512<false>(t, f);
  }
  const __m512 low = _mm512_set1_ps(f.low), high = _mm512_set1_ps(f.high);
  const __m512i zero = _mm512_set1_epi32(f.zero);
  for (std::int64_t j = 0; j < t.width; j += 16) {
    const __mmask16 mask = lanes_of(t.width - j);
    Finish512 finish;
    finish.read(f, j, mask);
    const std::int32_t* sums = t.sums + j;
    auto* y = static_cast<std::uint8_t*>(t.y) + j;
    for (std::int64_t r = 0; r < t.rows; ++r, sums += t.sum_step, y += t.y_step) {
      const __m512i steps = _mm512_add_epi32(_mm512_cvtps_epi32(finish.of(sums, low, high)), zero);
      if (mask == 0xffff) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(y), _mm512_cvtepi32_epi8(steps));
      } else {
        _mm512_mask_cvtepi32_storeu_epi8(y, mask, steps);
      }
    }
  }
}

[[gnu::target("avx512f,avx512bw")]] void floats_of_sums512(const FinishedTile& t,
                                                           const IntegerFinish& f) {
  const __m512 low = _mm512_set1_ps(f.low), high = _mm512_set1_ps(f.high);
  for (std::int64_t j = 0; j < t.width; j += 16) {
    const __mmask16 mask = lanes_of(t.width - j);
    Finish512 finish;
    finish.read(f, j, mask);
    const std::int32_t* sums = t.sums + j;
    auto* y = static_cast<float*>(t.y) + j;
    for (std::int64_t r = 0; r < t.rows; ++r, sums += t.sum_step, y += t.y_step) {
      _mm512_mask_storeu_ps(y, mask, finish.of(sums, low, high));
    }
  }
}

[[gnu::target("avx2")]] void bytes_of_sums256(const FinishedTile& t, const IntegerFinish& f) {
  const __m256i zero = _mm256_set1_epi32(f.zero);
  for (std::int64_t r = 0; r < t.rows; ++r) {
    auto* y = static_cast<std::uint8_t*>(t.y) + r * t.y_step;
    std::int64_t j = 0;
    for (; j + 8 <= t.width; j += 8) {
      const __m256i steps = _mm256_add_epi32(_mm256_cvtps_epi32(finished8(t, f, r, j)), zero);
      // The low byte of each, of i8 too.
      const __m256i bytes = _mm256_and_si256(steps, _mm256_set1_epi32(255));
      const __m128i words =
          _mm_packus_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
      _mm_storel_epi64(reinterpret_cast<__m128i*>(y + j), _mm_packus_epi16(words, words));
    }
    for (; j < t.width; ++j) {
      y[j] = static_cast<std::uint8_t>(nearest_integer(finished(t, f, r, j)) + f.zero);
    }
  }
}

[[gnu::target("avx2")]] void floats_of_sums256(const FinishedTile& t, const IntegerFinish& f) {
  for (std::int64_t r = 0; r < t.rows; ++r) {
    auto* y = static_cast<float*>(t.y) + r * t.y_step;
    std::int64_t j = 0;
    for (; j + 8 <= t.width; j += 8) {
      _mm256_storeu_ps(y + j, finished8(t, f, r, j));
    }
    for (; j < t.width; ++j) {
      y[j] = finished(t, f, r, j);
    }
  }
}

}  // namespace temper::cpu
